# SPDX-License-Identifier: Apache-2.0
"""What a request for consent is, when the person is elsewhere than the client."""

from enum import StrEnum

import msgspec


class Channel(StrEnum):
    """How the client asked."""

    DEVICE = "device"
    """It showed a code (RFC 8628); whoever enters it decides."""
    CIBA = "ciba"
    """It named the person (CIBA Core), who finds the request waiting."""


class State(StrEnum):
    """Where a request is in its life.  That it has expired is a matter of the clock, and not kept."""

    PENDING = "pending"
    ALLOWED = "allowed"
    DENIED = "denied"
    REDEEMED = "redeemed"
    ENDED = "ended"
    """The person took it back."""


class Decision(StrEnum):
    """What a person says to a request."""

    ALLOW = "allow"
    DENY = "deny"


class ConsentRequest(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A request as the store keeps it: its codes are not in it, only their hashes.

    `id` becomes the id of the grant when a person allows it, so one name leads through the log.  `person` is
    empty until a device's code was entered.  `resource` is as asked for; empty means the gateway, or nothing
    but who the person is.  `approval` is the call that a yes is also given to; empty for none.  Instants are Unix seconds; `polled_at` is 0 before the first poll.
    """

    id: str
    channel: Channel
    state: State
    client_id: str
    client_name: str
    code_hash: bytes
    user_code_mac: bytes | None
    person: str
    scope: str
    resource: str
    binding_message: str
    jkt: str
    client_ip: str
    created_at: int
    expires_at: int
    interval_seconds: int
    polled_at: int = 0
    decided_at: int = 0
    auth_time: int = 0
    acr: str = ""
    amr: str = ""
    approval: str = ""


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """How and when whoever decides proved who they are (`auth_time`, `acr` and `amr` of OpenID Connect)."""

    auth_time: int
    acr: str
    amr: tuple[str, ...]


class Target(msgspec.Struct, frozen=True, gc=False):
    """What is asked for, once it is clear that it may be had.

    `needs_proof` says that the resource takes only tokens that are bound to a key.
    """

    audience: str
    scope: str
    life_seconds: int
    needs_proof: bool = False
