# SPDX-License-Identifier: Apache-2.0
"""What an OAuth client and a protected resource are."""

from enum import StrEnum

import msgspec


class ClientKind(StrEnum):
    """How a client came to be known."""

    AGENT = "agent"
    """An agent of the house; its client id is its own id."""
    REGISTERED = "registered"
    """An operator registered it."""
    DYNAMIC = "dynamic"
    """It registered itself (RFC 7591)."""
    METADATA = "metadata"
    """Its id is the URL of its own description (Client ID Metadata Documents)."""


class AuthMethod(StrEnum):
    """How a client authenticates at the token endpoint."""

    NONE = "none"
    PRIVATE_KEY_JWT = "private_key_jwt"


class Client(msgspec.Struct, frozen=True):
    """An OAuth client.

    `scope` is the ceiling of what it may be granted, blank-separated; empty means no ceiling of its own.
    `role` says whose permissions bound it at the gateway; empty means that it may not go there.
    `legacy_audience` takes assertions of it that name the token endpoint, as clients wrote them before
    rfc7523bis; only an operator says so.
    `jwks` are its public keys, or `jwks_uri` says where they are.
    """

    id: str
    kind: ClientKind
    name: str = ""
    redirect_uris: tuple[str, ...] = ()
    auth_method: AuthMethod = AuthMethod.NONE
    jwks: tuple[dict[str, object], ...] = ()
    jwks_uri: str = ""
    grant_types: tuple[str, ...] = ("authorization_code",)
    scope: str = ""
    role: str = ""
    dpop_bound: bool = False
    id_token_alg: str = "RS256"  # noqa: S105 -- an algorithm
    application_type: str = "web"
    client_uri: str = ""
    logo_uri: str = ""
    software_id: str = ""
    software_version: str = ""
    legacy_audience: bool = False
    owner: str = ""
    created_at: int = 0

    @property
    def is_public(self) -> bool:
        """Whether it has no key to authenticate with."""
        return self.auth_method is AuthMethod.NONE


class StoredClient(msgspec.Struct, frozen=True):
    """A client as the store keeps it.

    `token_hash` is of the registration access token; empty when an operator registered it.  `used_at` is when
    it was last given something (Unix seconds), 0 when never.
    """

    client: Client
    token_hash: bytes = b""
    used_at: int = 0


class Resource(msgspec.Struct, frozen=True):
    """A protected resource: something that takes our tokens (RFC 8707, RFC 9728).

    `identifier` is an absolute URI without a fragment, and the `aud` of its tokens.  `introspectors` are the
    ids of the agents and clients that may ask about its tokens.
    """

    identifier: str
    name: str = ""
    scopes: tuple[str, ...] = ()
    dpop_required: bool = False
    introspectors: tuple[str, ...] = ()
    created_at: int = 0
