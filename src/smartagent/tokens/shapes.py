# SPDX-License-Identifier: Apache-2.0
"""What comes in and goes out of the room's routes, as JSON."""

import msgspec

from smartagent.kernel import Algorithm
from smartagent.tokens.model import KeyState


class SessionView(msgspec.Struct, frozen=True, gc=False):
    """The answer of `POST /v1/sessions` and `POST /v1/operator-sessions`."""

    access_token: str
    token_type: str
    expires_in: int
    expires_at: str
    scope: str
    session_id: str
    jti: str
    audit_url: str


class KeyView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A signing key, as shown."""

    kid: str
    algorithm: str
    state: KeyState
    created_at: str
    activated_at: str = ""
    retiring_at: str = ""
    retired_at: str = ""
    ready_at: str = ""


class KeyList(msgspec.Struct, frozen=True):
    """All signing keys, oldest first."""

    keys: list[KeyView]


class RotateRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/keys/rotate`."""

    compromised: bool = False
    reason: str = ""
    algorithm: Algorithm = Algorithm.EDDSA


class RotateView(msgspec.Struct, frozen=True):
    """Which key signs from now on, and which is published for next time."""

    active: str
    next: str
