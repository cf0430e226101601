# SPDX-License-Identifier: Apache-2.0
"""The room's routes: whom the house trusts outside itself."""

from typing import Final

from msgspec import structs

from smartagent.edge import Inbound, Outcome, Proof, Reply, Route, parse_json
from smartagent.federation.errors import IssuerNotFound, IssuerTaken, MalformedIssuer
from smartagent.federation.keys import ForeignKey, parse_key_set
from smartagent.federation.means import Means
from smartagent.federation.model import StoredIssuer, TrustedIssuer
from smartagent.federation.rules import check_issuer
from smartagent.federation.service import Federation
from smartagent.federation.store import drop_issuer, issuer_changed, put_issuer
from smartagent.federation.views import IssuerList, IssuerRequest, IssuerView, entry_of, issuer_view
from smartagent.kernel import Caller

_READ: Final = "trusted-issuers.read"
_WRITE: Final = "trusted-issuers.write"


def federation_routes(federation: Federation, means: Means) -> tuple[Route, ...]:
    """Return the room's routes."""
    acts = _Issuers(federation, means)
    return (
        Route(
            method="PUT",
            path="/v1/trusted-issuers/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=_WRITE,
            event="trusted-issuer.written",
            act=acts.put,
            summary="Trust an outside issuer, for what its rules say",
            request_schema=IssuerRequest,
            reply_schema=IssuerView,
        ),
        Route(
            method="GET",
            path="/v1/trusted-issuers",
            proof=Proof.ACCESS_TOKEN,
            permission=_READ,
            event="trusted-issuers.read",
            act=acts.show_all,
            summary="List the trusted issuers",
            reply_schema=IssuerList,
        ),
        Route(
            method="GET",
            path="/v1/trusted-issuers/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=_READ,
            event="trusted-issuer.read",
            act=acts.show,
            summary="Show a trusted issuer",
            reply_schema=IssuerView,
        ),
        Route(
            method="DELETE",
            path="/v1/trusted-issuers/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=_WRITE,
            event="trusted-issuer.deleted",
            act=acts.drop,
            summary="Trust an issuer no longer; agents that came by it stay until they are retired",
        ),
    )


class _Issuers:
    """The acts on trusted issuers."""

    def __init__(self, federation: Federation, means: Means) -> None:
        self._federation = federation
        self._means = means

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        asked = parse_json(inbound.body, IssuerRequest)
        means = self._means
        entry = _with_plain_keys(entry_of(inbound.params["name"], asked, means.issuer))
        check_issuer(entry, own_issuer=means.issuer, allow_http=means.allow_http)
        self._check_world(entry)
        try:
            version = self._federation.stored(entry.name).version + 1
        except IssuerNotFound:
            version = 1
        stored = StoredIssuer(entry, version, int(means.clock.now()), caller.principal)
        return Outcome(
            Reply(201 if version == 1 else 200, issuer_view(stored)),
            target=f"trusted-issuer/{entry.name}",
            detail={
                "issuer": entry.issuer,
                "purposes": ",".join(entry.purposes),
                "version": version,
                "allow_broad": int(entry.allow_broad),
            },
            writes=(put_issuer(stored),),
            changes=(issuer_changed(entry.name),),
        )

    async def show_all(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        return Outcome(Reply(200, IssuerList([issuer_view(each) for each in self._federation.issuers()])))

    async def show(self, _caller: Caller, inbound: Inbound) -> Outcome:
        stored = self._federation.stored(inbound.params["name"])
        return Outcome(Reply(200, issuer_view(stored)), target=f"trusted-issuer/{stored.issuer.name}")

    async def drop(self, _caller: Caller, inbound: Inbound) -> Outcome:
        stored = self._federation.stored(inbound.params["name"])
        name = stored.issuer.name
        return Outcome(
            Reply(204),
            target=f"trusted-issuer/{name}",
            detail={"issuer": stored.issuer.issuer, "version": stored.version},
            writes=(drop_issuer(stored),),
            changes=(issuer_changed(name),),
        )

    def _check_world(self, entry: TrustedIssuer) -> None:
        """Refuse what is well-formed, and does not fit what else there is."""
        taken = self._federation.issuer(entry.issuer)
        if taken is not None and taken.name != entry.name:
            raise IssuerTaken(f"{taken.name} trusts it; change that entry")
        for number, rule in enumerate(entry.rules, 1):
            if rule.role and not self._means.known_role(rule.role):
                raise MalformedIssuer("rules", f"rule {number}: there is no role {rule.role[:64]!r}")


def _with_plain_keys(entry: TrustedIssuer) -> TrustedIssuer:
    """Keep of the given keys what is needed to verify with them: never a private part."""
    if not entry.jwks:
        return entry
    keys = parse_key_set({"keys": list(entry.jwks)}).keys
    if not keys:
        raise MalformedIssuer("jwks", "none of the keys can be used")
    return structs.replace(entry, jwks=tuple(_plain(key) for key in keys))


def _plain(found: ForeignKey) -> dict[str, object]:
    named = {"kid": found.kid} if found.kid else {}
    pinned = {"alg": next(iter(found.algorithms))} if len(found.algorithms) == 1 else {}
    return {**found.key.jwk(), **named, **pinned}
