# SPDX-License-Identifier: Apache-2.0
"""The house: what the pipeline asks of the rooms, in one object."""

from collections.abc import Awaitable, Callable, Mapping

from smartagent.edge import AuthenticationFailed, Inbound, Proof
from smartagent.kernel import Caller, CallerKind, Clock, Committed, Ledger, Verdict, Work
from smartagent.storage import Feed

Authenticator = Callable[[Inbound], Awaitable[Caller]]
Decide = Callable[[Caller, str], Verdict]
Alive = Callable[[Caller], bool]
Complete = Callable[[Caller], Awaitable[Caller]]


class Rooms:
    """The `House` that `server.wiring` puts together from the rooms' own verbs."""

    __slots__ = ("_alive", "_authenticators", "_clock", "_complete", "_decide", "_feed", "_ledger")

    def __init__(  # noqa: PLR0913 -- what the house is made of
        self,
        *,
        clock: Clock,
        authenticators: Mapping[Proof, Authenticator],
        decide: Decide,
        alive: Alive,
        complete: Complete,
        ledger: Ledger,
        feed: Feed,
    ) -> None:
        missing = set(Proof) - set(authenticators)
        if missing:
            message = f"nobody checks {sorted(missing)}"
            raise ValueError(message)
        self._clock = clock
        self._authenticators = dict(authenticators)
        self._decide = decide
        self._alive = alive
        self._complete = complete
        self._ledger = ledger
        self._feed = feed

    def now(self) -> float:
        """Return Unix seconds."""
        return self._clock.now()

    async def authenticate(self, inbound: Inbound, proof: Proof) -> Caller:
        """Have the room that knows `proof` check it.

        Raises:
            AuthenticationFailed: It does not hold.
        """
        return await self._complete(await self._authenticators[proof](inbound))

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:  # noqa: ARG002 -- the seam's shape
        """Decide by the built-in policy."""
        return self._decide(caller, permission)

    async def commit(self, work: Work, caller: Caller, holder: Caller | None = None) -> Committed:
        """Make `work` durable; then look again whether `caller` may still be answered, and `holder` still hold.

        A revocation that was committed before this work has a version that the commit returns
        or a lower one.  Memory is brought to that version first, so what is looked at is
        never older than the record: no answer leaves after a revocation that precedes it.

        Raises:
            SmartAgentError: A claim or write was lost, or the store is down.
            AuthenticationFailed: The caller was revoked meanwhile.
        """
        committed = await self._ledger.commit(work)
        if committed.version > self._feed.applied:
            await self._feed.reached(committed.version)
        if caller.kind is not CallerKind.NOBODY and not self._alive(caller):
            raise AuthenticationFailed("revoked before the answer")
        if holder is not None and not self._alive(holder):
            raise AuthenticationFailed("what would be given was revoked before the answer")
        return committed


async def anybody(inbound: Inbound) -> Caller:
    """Admit whoever calls, as nobody: for routes that ask for no proof."""
    return Caller(principal="", kind=CallerKind.NOBODY, client_ip=inbound.client_ip)
