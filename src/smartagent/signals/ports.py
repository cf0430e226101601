# SPDX-License-Identifier: Apache-2.0
"""What signals needs from outside itself."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from smartagent.identity import Agent
from smartagent.kernel import Algorithm, Caller, Clock, Entropy, Ids, Ledger
from smartagent.keyset import Keyset
from smartagent.storage import Database
from smartagent.tokens import Revocation

Sign = Callable[[Algorithm, str, bytes], str]
"""Signs a payload as a token of a type with the active key of an algorithm: `KeyRings.sign`."""


class Answered(Protocol):
    """What a receiver answered."""

    @property
    def status(self) -> int:
        """HTTP's."""
        ...

    @property
    def body(self) -> bytes:
        """Bounded."""
        ...


class Post(Protocol):
    """Sends to an address that a stranger named: https only, public addresses only, no redirects.

    Bounded in time and size.  Whatever the status, the answer is returned: `federation.SafeFetch`.
    """

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, max_bytes: int) -> Answered:
        """Send `body` by POST.

        Raises:
            SmartAgentError: The address may not be dialled, or did not answer.
        """
        ...


class People(Protocol):
    """The agents, in memory."""

    def agent(self, agent_id: str, /) -> Agent | None:
        """Return the agent, whatever its status."""
        ...

    def agents(self) -> Iterable[Agent]:
        """Return all agents, in no particular order."""
        ...


class Dead(Protocol):
    """The revocations, in memory."""

    def is_revoked(self, caller: Caller, /) -> bool:
        """Say whether what `caller` holds is dead."""
        ...

    def revoked_at_ms(self, principal: str, /) -> int:
        """Return until when what an agent got is dead; 0 when nothing is."""
        ...

    def known(self) -> list[Revocation]:
        """Return all revocations that may still concern something."""
        ...

    def on_change(self, listener: Callable[[], None], /) -> None:
        """Have `listener` called when agents or revocations changed in memory."""
        ...


class Lease(Protocol):
    """The right to do what only one node does."""

    async def acquire(self) -> bool:
        """Take it or keep it for a few seconds, and say whether it is held now."""
        ...

    async def release(self) -> None:
        """Let somebody else have it at once."""
        ...


class Bounds(msgspec.Struct, frozen=True):
    """The room's settings.

    `list_ttl_seconds` is how long a verifier may keep a status list, and `list_life_seconds` how long one
    may be relied upon.  `heartbeat_seconds` is the time between two signs of life to a follower, and
    `most_followers` how many there may be at one node.  `allow_http` lets a receiver be one without TLS, for a
    developer's machine.  `set_algorithm` signs the security event tokens: RS256 is what receivers must take.
    """

    list_ttl_seconds: int = 60
    list_life_seconds: int = 3600
    heartbeat_seconds: int = 15
    most_followers: int = 256
    allow_http: bool = False
    set_algorithm: Algorithm = Algorithm.RS256


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `fresh` says whether this node's memory follows the store at this moment, and `reached` returns when it
    has come to a version.  `holds` says whether the owner of a stream may still get events.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    ledger: Ledger
    people: People
    dead: Dead
    sign: Sign
    fresh: Callable[[], bool]
    reached: Callable[[int], Awaitable[None]]
    holds: Callable[[str], bool]
    lease: Lease
    post: Post
    issuer: str
    sealing: Keyset
    bounds: Bounds = field(default_factory=Bounds)
