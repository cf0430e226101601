# SPDX-License-Identifier: Apache-2.0
"""Revoking: an agent, a session or a token is dead on every node at once.

Revoking an agent also suspends it, in the same commit.  It can be made active again; what
was issued before stays dead all the same, because the revocation outlasts every token.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.identity import (
    AgentNotFound,
    AgentStatus,
    agent_changed,
    parse_reason,
    read_agent,
    suspend_when_active,
)
from smartagent.kernel import Caller, CallerKind, Change, IdPrefix, Write, made_at_ms, parse_id, rfc3339
from smartagent.tokens.errors import MalformedRevocation
from smartagent.tokens.means import Means
from smartagent.tokens.model import Revocation, RevocationKind
from smartagent.tokens.rules import MARGIN_SECONDS, MAX_TOKEN_LIFE_SECONDS
from smartagent.tokens.store import (
    put_revocation,
    read_revocation,
    read_revocations,
    revocation_changed,
)

LASTS_SECONDS: Final = MAX_TOKEN_LIFE_SECONDS + MARGIN_SECONDS
# A revocation is kept long after it can matter: a clock that ran ahead for a while must not lose one.
KEPT_SECONDS: Final = 7 * 86_400
_PREFIXES: Final = {
    RevocationKind.AGENT: IdPrefix.AGENT,
    RevocationKind.SESSION: IdPrefix.SESSION,
    RevocationKind.TOKEN: IdPrefix.ACCESS_TOKEN,
}


class RevocationRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/revocations`."""

    kind: RevocationKind
    id: str
    reason: str


class RevocationView(msgspec.Struct, frozen=True):
    """A revocation, as shown."""

    kind: RevocationKind
    id: str
    revoked_at: str


class Revocations:
    """Knows what is revoked, and revokes."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._agents: dict[str, int] = {}
        self._sessions: set[str] = set()
        self._tokens: set[str] = set()
        self._listeners: list[Callable[[], None]] = []
        means.directory.on_change(self._tell)

    def is_revoked(self, caller: Caller) -> bool:
        """Say whether what `caller` holds is dead, as far as this node has heard."""
        if caller.kind is CallerKind.AGENT:
            agent = self._means.directory.agent(caller.principal)
            if agent is None or agent.status is not AgentStatus.ACTIVE:
                return True
            revoked_at_ms = self._agents.get(caller.principal)
            # Whoever is about to be issued something has no token yet: there the status decides.
            if revoked_at_ms is not None and caller.jti and made_at_ms(caller.jti) <= revoked_at_ms:
                return True
        elif caller.kind is CallerKind.OPERATOR:
            if self._means.directory.operator(caller.principal) is None:
                return True
        else:
            return False
        return caller.session in self._sessions or caller.jti in self._tokens

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called when somebody may have been revoked: then ask `is_revoked` again."""
        self._listeners.append(listener)

    async def reload(self, keys: Sequence[str]) -> None:
        """Read these revocations again; with no keys, all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        if not keys:
            found = await read_revocations(self._means.database)
            self._agents, self._sessions, self._tokens = {}, set(), set()
            for revocation in found:
                self._learn(revocation)
        for key in dict.fromkeys(keys):
            kind, _, subject = key.partition(":")
            revocation_or_none = await read_revocation(self._means.database, kind, subject)
            if revocation_or_none is not None:
                self._learn(revocation_or_none)
        self._tell()

    async def revoke(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Revoke an agent, a session or a token.  Doing it again is no error.

        Raises:
            MalformedRevocation: The id is not of that kind of thing.
            AgentNotFound: There is no such agent.
        """
        request = parse_json(inbound.body, RevocationRequest)
        reason = parse_reason(request.reason)
        if not request.id.startswith(f"{_PREFIXES[request.kind].value}_"):
            raise MalformedRevocation(
                f"the id of a {request.kind.value} begins with {_PREFIXES[request.kind].value}_"
            )
        subject = parse_id(request.id, _PREFIXES[request.kind])
        instant = self._means.clock.now()
        now = int(instant)
        revocation = Revocation(request.kind, subject, int(instant * 1000), now + LASTS_SECONDS)
        writes = put_revocation(revocation, forget_before=now - KEPT_SECONDS)
        changes: tuple[Change, ...] = (revocation_changed(revocation),)
        if request.kind is RevocationKind.AGENT:
            writes += await self._suspend(subject, now=now)
            changes += (agent_changed(subject),)
        return Outcome(
            Reply(201, RevocationView(request.kind, subject, rfc3339(now))),
            subject=subject,
            detail={"kind": request.kind.value, "reason": reason},
            writes=writes,
            changes=changes,
        )

    async def _suspend(self, agent_id: str, *, now: int) -> tuple[Write, ...]:
        if await read_agent(self._means.database, agent_id) is None:
            raise AgentNotFound(agent_id)
        return (suspend_when_active(agent_id, now=now),)

    def _learn(self, revocation: Revocation) -> None:
        match revocation.kind:
            case RevocationKind.AGENT:
                self._agents[revocation.id] = revocation.revoked_at_ms
            case RevocationKind.SESSION:
                self._sessions.add(revocation.id)
            case RevocationKind.TOKEN:
                self._tokens.add(revocation.id)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
