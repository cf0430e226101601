# SPDX-License-Identifier: Apache-2.0
"""Vault's API over leases: a token is an access token, an accessor its `jti`, a secret a credential.

Spec: HashiCorp Vault's HTTP API, JWT auth, KV version 2, database, leases and token, as `hvac` calls it.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import structs

from smartagent.edge import (
    AuthenticationFailed,
    Inbound,
    MalformedRequest,
    NotPermitted,
    Outcome,
    Proof,
    Reply,
    parse_json,
)
from smartagent.identity import Authenticator, check_active
from smartagent.kernel import Caller, CallerKind, Detail, IdPrefix, SmartAgentError, parse_id, rfc3339
from smartagent.leases import LeaseNotFound
from smartagent.tokens import Asked, RevocationKind, revocation_of
from smartagent.vaultapi.errors import LeaseUnknown, LoginRefused
from smartagent.vaultapi.means import Means
from smartagent.vaultapi.rules import REVOKE_ANY_SCOPE, own_lease_id, vault_lease_id
from smartagent.vaultapi.shapes import (
    AccessorRequest,
    Answer,
    LoginRequest,
    RenewLeaseRequest,
    RevokeLeaseRequest,
)

TOKEN_HEADER: Final = "x-vault-token"  # noqa: S105 -- a header's name, not a password
_FORM: Final = "application/x-www-form-urlencoded"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NO_STORE: Final = (("cache-control", "no-store"),)
_DURATION: Final = re.compile(r"([0-9]{1,9})([smh]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


class VaultApi:
    """What programs that speak to Vault can ask for."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that this room understands."""
        return {Proof.VAULT_LOGIN: self._by_login, Proof.VAULT_TOKEN: self._by_token}

    async def login(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Give a token to an agent that signed an assertion.

        Raises:
            LoginRefused: The role that it asks for is not its own.
            SmartAgentError: Its role cannot be had.
        """
        asked = parse_json(inbound.body, LoginRequest)
        agent = check_active(self._means.directory.agent(caller.principal))
        if asked.role and asked.role != agent.role:
            raise LoginRefused("the agent has another role")
        issued = self._means.tokens.issuer.for_agent(agent, Asked())
        claims = issued.claims
        auth = {
            "client_token": issued.token,
            "accessor": claims.jti,
            "policies": [agent.role],
            "token_policies": [agent.role],
            "metadata": {"role": agent.role, "session": claims.sid},
            "lease_duration": issued.life_seconds,
            "renewable": False,
            "entity_id": agent.id,
            "token_type": "service",
            "orphan": True,
        }
        return Outcome(
            Reply(200, Answer(inbound.request_id, auth=auth), headers=_NO_STORE),
            subject=agent.id,
            session=claims.sid,
            jti=claims.jti,
            detail=issued.detail("assertion", "vault-login"),
        )

    async def read_secret(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Lease a credential, answered as a secret of KV version 2."""
        outcome, view = await self._lease(caller, inbound)
        metadata = {
            "created_time": view["created_at"], "custom_metadata": None, "deletion_time": "", "destroyed": False,
            "version": 1,
        }  # fmt: skip
        data = {"data": view["fields"], "metadata": metadata}
        return _answered(outcome, inbound, "secret/data/", view, data)

    async def read_credentials(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Lease a credential, answered as the database engine does."""
        outcome, view = await self._lease(caller, inbound)
        fields = view["fields"]
        return _answered(
            outcome, inbound, "database/creds/", view, fields if isinstance(fields, dict) else {}
        )

    async def renew(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Put the end of a lease off.

        Raises:
            LeaseUnknown: There is none with this id in the caller's session.
        """
        asked = parse_json(inbound.body, RenewLeaseRequest)
        body = {} if asked.increment is None else {"ttl_seconds": _seconds(asked.increment)}
        try:
            outcome = await self._means.leases.desk.renew(caller, _about(inbound, asked.lease_id, body))
        except LeaseNotFound:
            raise LeaseUnknown("") from None
        view = msgspec.to_builtins(outcome.reply.body)
        answer = Answer(
            inbound.request_id, lease_id=asked.lease_id, renewable=True, lease_duration=view["expires_in"]
        )
        return structs.replace(outcome, reply=Reply(200, answer))

    async def revoke(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End a lease.

        Raises:
            LeaseUnknown: There is none with this id, or it is somebody else's.
        """
        asked = parse_json(inbound.body, RevokeLeaseRequest)
        try:
            outcome = await self._means.leases.desk.end(caller, _about(inbound, asked.lease_id, {}))
        except LeaseNotFound:
            raise LeaseUnknown("") from None
        return structs.replace(outcome, reply=Reply(204))

    async def lookup_self(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Say what the caller's token is."""
        now = self._means.clock.now()
        agent = self._means.directory.agent(caller.principal)
        data: dict[str, object] = {
            "accessor": caller.jti,
            "display_name": agent.name if agent is not None else caller.principal,
            "entity_id": caller.principal,
            "expire_time": rfc3339(caller.expires_at),
            "explicit_max_ttl": 0,
            "id": "",
            "meta": {"role": caller.role, "session": caller.session},
            "num_uses": 0,
            "orphan": True,
            "path": "auth/jwt/login",
            "policies": [caller.role],
            "renewable": False,
            "ttl": max(0, int(caller.expires_at - now)),
            "type": "service",
        }
        return Outcome(Reply(200, Answer(inbound.request_id, data=data)), subject=caller.principal)

    async def revoke_accessor(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Revoke the token that an accessor names: one's own, or any with the scope for it.

        Raises:
            MalformedRequest: It is no accessor.
            NotPermitted: It is another's.
        """
        asked = parse_json(inbound.body, AccessorRequest)
        try:
            jti = parse_id(asked.accessor, IdPrefix.ACCESS_TOKEN)
        except SmartAgentError:
            raise MalformedRequest("an accessor is the token's jti") from None
        if jti != caller.jti and REVOKE_ANY_SCOPE not in caller.scopes:
            raise NotPermitted(REVOKE_ANY_SCOPE)
        return self._revoked(RevocationKind.TOKEN, jti, farewell=jti == caller.jti)

    async def revoke_self(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Revoke the caller's token, and its session with all leases."""
        return self._revoked(RevocationKind.SESSION, caller.session, farewell=True)

    async def _by_token(self, inbound: Inbound) -> Caller:
        token = inbound.headers.get(TOKEN_HEADER, "")
        if not token or "authorization" in inbound.headers:
            raise AuthenticationFailed("the token stands in X-Vault-Token, and nowhere else")
        bearer = structs.replace(inbound, headers={"authorization": f"Bearer {token}"})
        caller = await self._means.tokens.access.by_access_token(bearer)
        if caller.kind is not CallerKind.AGENT:
            raise AuthenticationFailed("only agents are served here")
        return caller

    async def _by_login(self, inbound: Inbound) -> Caller:
        asked = parse_json(inbound.body, LoginRequest)
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": asked.jwt,
        }
        try:
            caller = await self._means.by_client(
                structs.replace(inbound, headers={"content-type": _FORM}, body=urlencode(form).encode())
            )
        except SmartAgentError as error:
            raise LoginRefused(str(getattr(error, "reason", "")) or error.code) from None
        if caller.kind is not CallerKind.AGENT:
            raise LoginRefused("only agents log in here")
        return caller

    async def _lease(self, caller: Caller, inbound: Inbound) -> tuple[Outcome, dict[str, object]]:
        body = msgspec.json.encode({"credential": inbound.params["path"]})
        outcome = await self._means.leases.desk.issue(caller, structs.replace(inbound, body=body))
        return outcome, msgspec.to_builtins(outcome.reply.body)

    def _revoked(self, kind: RevocationKind, subject: str, *, farewell: bool) -> Outcome:
        writes, changes = revocation_of(kind, subject, now=self._means.clock.now())
        detail: dict[str, Detail] = {"kind": kind.value, "reason": "asked for by Vault's API"}
        return Outcome(
            Reply(204), subject=subject, detail=detail, writes=writes, changes=changes, farewell=farewell
        )


def _about(inbound: Inbound, lease_id: str, body: Mapping[str, object]) -> Inbound:
    return structs.replace(inbound, params={"id": own_lease_id(lease_id)}, body=msgspec.json.encode(body))


def _answered(
    outcome: Outcome, inbound: Inbound, mount: str, view: Mapping[str, object], data: Mapping[str, object]
) -> Outcome:
    seconds = view["expires_in"]
    answer = Answer(
        inbound.request_id,
        lease_id=vault_lease_id(mount, str(view["credential"]), str(view["lease_id"])),
        renewable=bool(view["renewable"]),
        lease_duration=seconds if isinstance(seconds, int) else 0,
        data=data,
    )
    return structs.replace(outcome, reply=Reply(200, answer, headers=_NO_STORE))


def _seconds(increment: int | str) -> int:
    found = _DURATION.fullmatch(str(increment))
    if found is None:
        raise MalformedRequest("an increment is seconds, or a number with s, m or h")
    return int(found[1]) * _SECONDS[found[2]]
