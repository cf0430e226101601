# SPDX-License-Identifier: Apache-2.0
"""The room's routes: secrets go in and never come out; upstreams say where they are used."""

from typing import Final

from msgspec import structs

from smartagent.edge import Inbound, MalformedRequest, Outcome, Proof, Reply, Route, parse_json
from smartagent.kernel import Caller, Clock, Entropy, Secret
from smartagent.keyset import Keyset, Rewrapping
from smartagent.policy import Permission
from smartagent.vault.errors import (
    SecretInUse,
    SecretMissing,
    SecretNotFound,
    UpstreamNotFound,
    VersionGone,
    VersionInForce,
)
from smartagent.vault.model import StoredUpstream, Upstream
from smartagent.vault.rewraps import Rewraps, SealingKeysView, SealingKeyView
from smartagent.vault.rules import (
    MAX_SECRET_BYTES,
    check_fits,
    parse_secret_name,
    parse_secret_value,
    parse_upstream,
)
from smartagent.vault.service import Vault
from smartagent.vault.store import (
    destroy_versions,
    drop_secret,
    drop_upstream,
    put_upstream,
    secret_changed,
    upstream_changed,
)
from smartagent.vault.views import (
    DestroyRequest,
    RollbackRequest,
    SecretList,
    SecretRequest,
    SecretView,
    UpstreamList,
    UpstreamRequest,
    UpstreamView,
    secret_view,
    upstream_view,
)
from smartagent.vault.writing import Writer, Written

_RAW: Final = "application/octet-stream"
_JSON: Final = "application/json"
# As JSON, a byte takes up to six characters (\u0001).
_MAX_BODY_BYTES: Final = 6 * MAX_SECRET_BYTES + 64


def routes(
    vault: Vault, sealing: Keyset, rewrapping: Rewrapping, clock: Clock, entropy: Entropy
) -> tuple[Route, ...]:
    """Build the room's routes.

    Args:
        vault: This node's memory of the entries.
        sealing: Seals what the store keeps.
        rewrapping: Wraps it anew.
        clock: For the time of a change.
        entropy: For ids.
    """
    return (
        *_secret_routes(_Secrets(vault, sealing, clock, entropy)),
        *_upstream_routes(_Upstreams(vault, clock)),
        *_rewrap_routes(Rewraps(rewrapping)),
    )


def _rewrap_routes(acts: Rewraps) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/sealing-keys",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.KEYS_ROTATE,
            event="sealing-key.published",
            act=acts.begin,
            summary="Make a new sealing key, and wrap with it whatever is sealed",
            reply_schema=SealingKeyView,
        ),
        Route(
            method="GET",
            path="/v1/sealing-keys",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.KEYS_ROTATE,
            event="sealing-keys.read",
            act=acts.show,
            summary="Show the sealing keys, and what is still wrapped by older ones",
            reply_schema=SealingKeysView,
        ),
    )


def _secret_routes(acts: "_Secrets") -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/secrets/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="secret.written",
            act=acts.put,
            summary="Write a secret, or a new version of it; it is never read back",
            media_types=(_RAW, _JSON),
            max_body_bytes=_MAX_BODY_BYTES,
            request_schema=SecretRequest,
            reply_schema=SecretView,
        ),
        Route(
            method="GET",
            path="/v1/secrets",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_READ,
            event="secrets.read",
            act=acts.show_all,
            summary="List the secrets' names and versions",
            reply_schema=SecretList,
        ),
        Route(
            method="GET",
            path="/v1/secrets/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_READ,
            event="secret.read",
            act=acts.show,
            summary="Show a secret's versions and users, not its value",
            reply_schema=SecretView,
        ),
        *_version_routes(acts),
        Route(
            method="DELETE",
            path="/v1/secrets/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="secret.deleted",
            act=acts.drop,
            summary="Delete a secret that no upstream uses",
        ),
    )


def _version_routes(acts: "_Secrets") -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/secrets/{name}/rollback",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="secret.rolled-back",
            act=acts.roll_back,
            summary="Make an earlier version's value the current one again, as a new version",
            request_schema=RollbackRequest,
            reply_schema=SecretView,
        ),
        Route(
            method="POST",
            path="/v1/secrets/{name}/destroy",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="secret.destroyed",
            act=acts.destroy,
            summary="Forget the values of earlier versions for ever",
            request_schema=DestroyRequest,
            reply_schema=SecretView,
        ),
    )


def _upstream_routes(acts: "_Upstreams") -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/upstreams/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.UPSTREAMS_WRITE,
            event="upstream.written",
            act=acts.put,
            summary="Describe an upstream, and where its secret goes",
            request_schema=UpstreamRequest,
            reply_schema=UpstreamView,
        ),
        Route(
            method="GET",
            path="/v1/upstreams",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.UPSTREAMS_READ,
            event="upstreams.read",
            act=acts.show_all,
            summary="List the upstreams",
            reply_schema=UpstreamList,
        ),
        Route(
            method="GET",
            path="/v1/upstreams/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.UPSTREAMS_READ,
            event="upstream.read",
            act=acts.show,
            summary="Show an upstream",
            reply_schema=UpstreamView,
        ),
        Route(
            method="DELETE",
            path="/v1/upstreams/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.UPSTREAMS_WRITE,
            event="upstream.deleted",
            act=acts.drop,
            summary="Delete an upstream",
        ),
    )


class _Secrets:
    """The acts on secrets."""

    def __init__(self, vault: Vault, sealing: Keyset, clock: Clock, entropy: Entropy) -> None:
        self._vault = vault
        self._writer = Writer(vault, sealing, clock, entropy)

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        name = parse_secret_name(inbound.params["name"])
        return self._written(self._writer.put(name, _value_of(inbound), caller.principal, _seen(inbound)))

    async def roll_back(self, caller: Caller, inbound: Inbound) -> Outcome:
        name = inbound.params["name"]
        version = parse_json(inbound.body, RollbackRequest).version
        value = self._vault.open_version(name, version)
        outcome = self._written(self._writer.put(name, value, caller.principal))
        return structs.replace(outcome, detail={**outcome.detail, "from": version})

    async def destroy(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        entry = self._vault.secret(inbound.params["name"])
        asked = sorted(set(parse_json(inbound.body, DestroyRequest).versions))
        if entry.version in asked:
            raise VersionInForce(entry.name)
        known = {each.version for each in entry.versions}
        if not asked or not known.issuperset(asked):
            raise VersionGone(f"{entry.name} keeps the versions {', '.join(map(str, sorted(known)))}")
        left = tuple(
            structs.replace(each, sealed=b"") if each.version in asked else each for each in entry.versions
        )
        view = secret_view(structs.replace(entry, versions=left), self._vault.users_of(entry.name))
        return Outcome(
            Reply(200, view),
            subject=entry.id,
            target=f"secret/{entry.name}",
            detail={"versions": ",".join(map(str, asked))},
            writes=destroy_versions(entry, asked),
            changes=(secret_changed(entry.name),),
        )

    def _written(self, written: Written) -> Outcome:
        entry = written.entry
        return Outcome(
            Reply(201 if entry.version == 1 else 200, secret_view(entry, self._vault.users_of(entry.name))),
            subject=entry.id,
            target=f"secret/{entry.name}",
            detail={"version": entry.version},
            writes=written.writes,
            changes=written.changes,
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        shown = [secret_view(entry, self._vault.users_of(entry.name)) for entry in self._vault.secrets()]
        return Outcome(Reply(200, SecretList(shown)))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        entry = self._vault.secret(inbound.params["name"])
        view = secret_view(entry, self._vault.users_of(entry.name))
        return Outcome(Reply(200, view), subject=entry.id, target=f"secret/{entry.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        entry = self._vault.secret(inbound.params["name"])
        users = self._vault.users_of(entry.name)
        if users:
            raise SecretInUse(entry.name, tuple(user.name for user in users))
        return Outcome(
            Reply(204),
            subject=entry.id,
            target=f"secret/{entry.name}",
            detail={"version": entry.version},
            writes=drop_secret(entry),
            changes=(secret_changed(entry.name),),
        )


class _Upstreams:
    """The acts on upstreams."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        asked = parse_json(inbound.body, UpstreamRequest)
        place = asked.place if asked.place is not None else "bearer" if asked.secret else ""
        entry = parse_upstream(
            Upstream(
                name=inbound.params["name"],
                base_url=asked.base_url,
                secret=asked.secret,
                place=place,
                allow_private=asked.allow_private,
                allow_plaintext=asked.allow_plaintext,
                timeout_seconds=asked.timeout_seconds,
                scrub=asked.scrub,
                txn_token=asked.txn_token,
            )
        )
        secret_id = self._check_secret(entry)
        try:
            version = self._vault.stored_upstream(entry.name).version + 1
        except UpstreamNotFound:
            version = 1
        stored = StoredUpstream(entry, version, int(self._clock.now()), caller.principal)
        return Outcome(
            Reply(201 if version == 1 else 200, upstream_view(stored)),
            target=f"upstream/{entry.name}",
            detail={
                "version": version,
                "base_url": entry.base_url,
                "secret": entry.secret,
                "place": entry.place,
            },
            writes=put_upstream(stored, secret_id),
            changes=(upstream_changed(entry.name),),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        return Outcome(
            Reply(200, UpstreamList([upstream_view(stored) for stored in self._vault.upstreams()]))
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        stored = self._vault.stored_upstream(inbound.params["name"])
        return Outcome(Reply(200, upstream_view(stored)), target=f"upstream/{stored.upstream.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        stored = self._vault.stored_upstream(inbound.params["name"])
        return Outcome(
            Reply(204),
            target=f"upstream/{stored.upstream.name}",
            detail={"version": stored.version},
            writes=(drop_upstream(stored),),
            changes=(upstream_changed(stored.upstream.name),),
        )

    def _check_secret(self, entry: Upstream) -> str:
        if not entry.secret:
            return ""
        try:
            secret_id = self._vault.secret(entry.secret).id
        except SecretNotFound:
            raise SecretMissing(entry.secret[:64]) from None
        check_fits(self._vault.obtain(entry.secret)[0].reveal(), entry.place)
        return secret_id


def _seen(inbound: Inbound) -> int | None:
    """Read which version the write must follow: `?cas=3`, as Vault calls it; 0 for none."""
    if not inbound.query:
        return None
    name, _, version = inbound.query.partition("=")
    if name != "cas" or not version.isascii() or not version.isdigit():
        raise MalformedRequest("cas is the version that the new one follows; 0 when there must be none")
    return int(version)


def _value_of(inbound: Inbound) -> Secret[bytes]:
    media_type = inbound.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _JSON:
        return Secret(parse_secret_value(parse_json(inbound.body, SecretRequest).value.encode()))
    return Secret(parse_secret_value(inbound.body))
