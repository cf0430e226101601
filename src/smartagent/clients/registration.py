# SPDX-License-Identifier: Apache-2.0
"""Clients that register themselves, and look after that.

What is answered is what was registered, to the letter: a client reads there what became of what it
asked for.  Of the token that it manages its registration with, only the hash is kept, and every change
gives it another.

Spec: RFC 7591 sections 3.1, 3.2; RFC 7592 sections 2 and 3.
"""

from collections.abc import Callable
from typing import Final

from smartagent.clients.errors import InvalidClientMetadata, UnapprovedSoftwareStatement
from smartagent.clients.means import Means
from smartagent.clients.metadata import parse_metadata
from smartagent.clients.model import Client, ClientKind, StoredClient
from smartagent.clients.store import add_client, change_client, client_changed, drop_client, read_client
from smartagent.clients.throttle import Throttle
from smartagent.crypto import MalformedJson, b64u, equal, sha256, strict_json
from smartagent.edge import AuthenticationFailed, Inbound, MalformedRequest, Outcome, Reply
from smartagent.kernel import Caller, CallerKind, Change, IdPrefix, Write

REGISTER_PATH: Final = "/oauth/register"
_TOKEN_BYTES: Final = 32
_TOKEN_PREFIX: Final = "srt_"  # noqa: S105 -- a prefix, not a password
_NO_STORE: Final = (("cache-control", "no-store"), ("pragma", "no-cache"))
_MAX_BYTES: Final = 16_384
# RFC 7592 section 2.2: what the house gave is not for the client to change.
_NOT_IN_UPDATES: Final = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)

Kill = Callable[[str, float], tuple[tuple[Write, ...], tuple[Change, ...]]]
"""Gives what ends everything that a client was given, from an instant on."""


class Registration:
    """Registers, shows, changes and removes."""

    def __init__(self, means: Means, kill: Kill) -> None:
        self._means = means
        self._kill = kill
        self._throttle = Throttle()

    async def by_registration_token(self, inbound: Inbound) -> Caller:
        """Authenticate a client by the token that it may manage its registration with.

        Raises:
            AuthenticationFailed: There is no such client (any more), or it is not its token.
        """
        scheme, _, token = inbound.headers.get("authorization", "").partition(" ")
        stored = await read_client(self._means.database, inbound.params.get("client_id", ""))
        known = stored.token_hash if stored is not None else b""
        if scheme.lower() != "bearer" or not known or not equal(sha256(token.encode()), known):
            raise AuthenticationFailed("no such registration, or not its token")
        return Caller(
            principal=inbound.params["client_id"], kind=CallerKind.CLIENT, client_ip=inbound.client_ip
        )

    async def register(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Register a client.

        Raises:
            TooManyRegistrations: Somebody registers very many.
            InvalidRedirectUri, InvalidClientMetadata, UnapprovedSoftwareStatement: It cannot be registered so.
        """
        if not self._means.registration:
            raise InvalidClientMetadata("client_id", "clients do not register themselves here")
        self._throttle.admit(inbound.client_ip, self._means.clock.monotonic())
        said = _metadata(inbound)
        client = parse_metadata(said, self._blank(), symmetric_is_none=True)
        token = self._token()
        return Outcome(
            Reply(201, self._shown(client, token), headers=_NO_STORE),
            subject=client.id,
            detail={
                "name": client.name,
                "redirect_uri": client.redirect_uris[0] if client.redirect_uris else "",
            },
            writes=(add_client(client, sha256(token.encode())),),
            changes=(client_changed(client.id),),
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a client what is registered of it.

        Raises:
            AuthenticationFailed: It was removed meanwhile.
        """
        stored = await self._stored(caller)
        token = inbound.headers["authorization"].partition(" ")[2]
        return Outcome(
            Reply(200, self._shown(stored.client, token), headers=_NO_STORE), subject=stored.client.id
        )

    async def change(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Replace all that a client says of itself; what it does not say any more is gone.

        Raises:
            AuthenticationFailed: It was removed meanwhile.
            MalformedRequest: It names another client, or what is not its to change.
            InvalidRedirectUri, InvalidClientMetadata, UnapprovedSoftwareStatement: It cannot be registered so.
            ClientChanged: It was changed meanwhile.
        """
        stored = await self._stored(caller)
        said = _metadata(inbound)
        if said.get("client_id") != stored.client.id or any(name in said for name in _NOT_IN_UPDATES):
            raise MalformedRequest("say client_id, and nothing that the house gave")
        client = parse_metadata(said, _bare(stored.client), symmetric_is_none=True)
        token = self._token()
        return Outcome(
            Reply(200, self._shown(client, token), headers=_NO_STORE),
            subject=client.id,
            detail={"name": client.name},
            writes=(change_client(client, stored.token_hash, sha256(token.encode())),),
            changes=(client_changed(client.id),),
        )

    async def remove(self, caller: Caller, _inbound: Inbound) -> Outcome:
        """Remove a client, and end all that it was given.

        Raises:
            AuthenticationFailed: It was removed meanwhile.
        """
        stored = await self._stored(caller)
        writes, changes = self._kill(stored.client.id, self._means.clock.now())
        return Outcome(
            Reply(204),
            subject=stored.client.id,
            writes=(drop_client(stored.client.id), *writes),
            changes=(client_changed(stored.client.id), *changes),
        )

    async def _stored(self, caller: Caller) -> StoredClient:
        stored = await read_client(self._means.database, caller.principal)
        if stored is None:
            raise AuthenticationFailed("the registration is gone")
        return stored

    def _blank(self) -> Client:
        return Client(
            id=self._means.ids.new(IdPrefix.CLIENT),
            kind=ClientKind.DYNAMIC,
            created_at=int(self._means.clock.now()),
        )

    def _token(self) -> str:
        return _TOKEN_PREFIX + b64u(self._means.entropy(_TOKEN_BYTES))

    def _shown(self, client: Client, token: str) -> dict[str, object]:
        return {
            **registered(client),
            "registration_client_uri": f"{self._means.issuer}{REGISTER_PATH}/{client.id}",
            "registration_access_token": token,
        }


def registered(client: Client) -> dict[str, object]:
    """Return all that is registered of a client, under its names of RFC 7591; what is not set is left out."""
    said: dict[str, object] = {
        "client_id": client.id,
        "client_id_issued_at": client.created_at,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": list(client.grant_types),
        "response_types": ["code"] if "authorization_code" in client.grant_types else [],
        "token_endpoint_auth_method": client.auth_method.value,
        "jwks": {"keys": list(client.jwks)} if client.jwks else None,
        "jwks_uri": client.jwks_uri,
        "scope": client.scope,
        "application_type": client.application_type,
        "id_token_signed_response_alg": client.id_token_alg,
        "dpop_bound_access_tokens": client.dpop_bound or None,
        "client_uri": client.client_uri,
        "logo_uri": client.logo_uri,
        "software_id": client.software_id,
        "software_version": client.software_version,
    }
    # RFC 7591 section 3.2.1; clients have been seen to fail on a null or an empty URL.
    return {name: value for name, value in said.items() if value not in (None, "", [])}


def _bare(client: Client) -> Client:
    return Client(
        id=client.id, kind=client.kind, role=client.role, owner=client.owner, created_at=client.created_at
    )


def _metadata(inbound: Inbound) -> dict[str, object]:
    try:
        said = strict_json(inbound.body, _MAX_BYTES)
    except MalformedJson as error:
        raise InvalidClientMetadata("body", str(error)) from None
    if not isinstance(said, dict):
        raise InvalidClientMetadata("body", "it is no object")
    if "software_statement" in said:
        raise UnapprovedSoftwareStatement("leave it out")
    return said
