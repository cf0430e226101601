# SPDX-License-Identifier: Apache-2.0
"""Signing keys, claims, revocations: what this room's things are."""

from enum import StrEnum
from typing import Final

import msgspec

from smartagent.kernel import Algorithm

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that are not JSON of the expected shape: whoever decodes what a stranger sent
catches all three."""


class KeyState(StrEnum):
    """Where a signing key is in its life."""

    PENDING = "pending"
    """Published, and not signed with yet."""
    ACTIVE = "active"
    RETIRING = "retiring"
    """Not signed with any more; what it signed may still live."""
    RETIRED = "retired"


class RingKey(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A signing key as the ring's rules see it.  Instants are Unix seconds.

    `public_key` is 32 bytes for Ed25519, and the public JWK for the others.
    """

    kid: str
    state: KeyState
    public_key: bytes
    created_at: int
    activated_at: int | None = None
    retiring_at: int | None = None
    retired_at: int | None = None
    algorithm: Algorithm = Algorithm.EDDSA


class StoredKey(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A signing key as the store keeps it: `sealed_seed`, its private part, opens only with the root key."""

    kid: str
    state: KeyState
    public_key: bytes
    created_at: int
    activated_at: int | None
    retiring_at: int | None
    retired_at: int | None
    sealed_seed: bytes
    algorithm: Algorithm

    @property
    def ring_key(self) -> RingKey:
        """The same without the seed."""
        return RingKey(
            self.kid,
            self.state,
            self.public_key,
            self.created_at,
            self.activated_at,
            self.retiring_at,
            self.retired_at,
            self.algorithm,
        )


class RevocationKind(StrEnum):
    """What can be revoked."""

    AGENT = "agent"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 -- a kind of thing, not a password
    DELEGATION = "delegation"
    GRANT = "grant"
    """What a person consented to, with all the refresh tokens that came of it."""
    PERSON = "person"
    CLIENT = "client"
    ELEVATION = "elevation"
    """A role that an agent had for a while."""


class Elevated(msgspec.Struct, frozen=True, gc=False):
    """What an agent has instead of its own role: `role`, by the elevation `id`, until an instant (Unix seconds)."""

    id: str
    role: str
    until: int


class Revocation(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Something that is dead.

    An agent's, a person's or a client's concerns what was issued up to `revoked_at_ms` (Unix
    milliseconds).  After `until` (Unix seconds) nothing that it could concern is alive any more.
    """

    kind: RevocationKind
    id: str
    revoked_at_ms: int
    until: int


class Confirmation(msgspec.Struct, frozen=True, gc=False):
    """The `cnf` claim (RFC 9449 section 6.1): the thumbprint of the key a token is bound to."""

    jkt: str


class Act(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The `act` claim (RFC 8693 section 4.1): who acts, and within it who acted before, which only informs."""

    sub: str
    act: "Act | None" = None


class MayAct(msgspec.Struct, frozen=True, gc=False):
    """The `may_act` claim (RFC 8693 section 4.4): who may become the actor."""

    sub: str


class StatusReference(msgspec.Struct, frozen=True, gc=False):
    """Where the state of the token's holder stands (draft-ietf-oauth-status-list section 6.1)."""

    idx: int
    uri: str


class Status(msgspec.Struct, frozen=True, gc=False):
    """The `status` claim."""

    status_list: StatusReference


def sealed_as(kid: str) -> str:
    """Return the identity that a signing key's private part is sealed under."""
    return f"token-key/{kid}"


class AccessClaims(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The claims of an access token (RFC 9068 section 2.2, and the house's own).

    `lin` is the lineage: the tokens, delegations and grants it derives from.  `role` is the subject's.
    `prompt` is the SHA-256 of the prompt file that the agent said it runs with, in hexadecimal.
    `sat` is when the session began, 0 when that is not known, and `authn` how the agent proved itself: by a
    `challenge` that it signed, or an `assertion`.
    """

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str
    client_id: str
    scope: str
    role: str
    sid: str
    audit_url: str
    cnf: Confirmation | None = None
    act: Act | None = None
    may_act: MayAct | None = None
    lin: tuple[str, ...] = ()
    authorization_details: tuple[dict[str, object], ...] = ()
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()
    status: Status | None = None
    prompt: str = ""
    sat: int = 0
    authn: str = ""
