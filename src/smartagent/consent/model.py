# SPDX-License-Identifier: Apache-2.0
"""Sessions in a browser, authorization requests, codes, grants and refresh tokens.  Instants are Unix seconds."""

from enum import StrEnum
from typing import Final

import msgspec

ACR: Final = "urn:smartagent:acr:operator-key"
"""Signed in with a code that the person's own key asked for."""
AMR: Final = ("pop",)
PASSKEY_ACR: Final = "urn:smartagent:acr:passkey"
"""Signed in with a passkey, whose authenticator verified the person."""
PASSKEY_AMR: Final = ("pop", "user", "mfa")


class Way(StrEnum):
    """How a session began."""

    CODE = "code"
    PASSKEY = "passkey"


class SignedIn(msgspec.Struct, frozen=True):
    """A person in front of a browser, and since when."""

    person: str
    name: str
    auth_time: int
    session: str
    acr: str = ACR
    amr: tuple[str, ...] = AMR


class Session(msgspec.Struct, frozen=True, array_like=True):
    """A browser's session as the store keeps it.  `seen_at` is when its person was last there, to a minute."""

    id: str
    person: str
    auth_time: int
    expires_at: int
    seen_at: int = 0
    way: Way = Way.CODE


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """An authorization request that was checked.  `max_age` is -1 when it says nothing."""

    client_id: str
    redirect_uri: str
    scope: str
    resource: str
    code_challenge: str
    state: str = ""
    nonce: str = ""
    max_age: int = -1
    prompt: str = ""
    jkt: str = ""
    form_post: bool = False


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """A request that waits: pushed by its client, or for a person's decision."""

    kind: str
    client_id: str
    document: str
    created_at: int
    expires_at: int


PUSHED: Final = "pushed"
ASKED: Final = "asked"


class Code(msgspec.Struct, frozen=True, array_like=True):
    """An authorization code as the store keeps it, by its hash."""

    grant_id: str
    client_id: str
    document: str
    expires_at: int
    used_at: int | None


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What a person granted to a client, and the root of all tokens that come of it.

    `jkt` is the key that a public client's refresh tokens are bound to.
    """

    id: str
    person: str
    client_id: str
    resource: str
    scope: str
    session: str
    jkt: str
    auth_time: int
    created_at: int
    expires_at: int
    ended_at: int | None


class Refresh(msgspec.Struct, frozen=True, array_like=True):
    """A refresh token as the store keeps it, by its hash."""

    grant_id: str
    expires_at: int
    used_at: int | None
