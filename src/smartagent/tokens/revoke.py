# SPDX-License-Identifier: Apache-2.0
"""Revoking: an agent, a session, a token, or whatever tokens derive from, is dead on every node at once.

Revoking an agent also suspends it, in the same commit.  It can be made active again; what
was issued before stays dead all the same, because the revocation outlasts every token.  A
token dies with its session, with everything in its lineage, and with everybody in its chain.
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
_PRUNED_AT: Final = 1024
_AGENT: Final = f"{IdPrefix.AGENT.value}_"
_OPERATOR: Final = f"{IdPrefix.OPERATOR.value}_"
# Delegations, grants and clients are ended by the rooms that keep them, which revoke in the same commit.
_PREFIXES: Final = {
    RevocationKind.AGENT: (IdPrefix.AGENT,),
    RevocationKind.SESSION: (IdPrefix.SESSION,),
    RevocationKind.TOKEN: (IdPrefix.ACCESS_TOKEN,),
    RevocationKind.PERSON: (IdPrefix.OPERATOR, IdPrefix.PERSON),
}
_SINCE: Final = frozenset({RevocationKind.AGENT, RevocationKind.PERSON})


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


def revocation_of(
    kind: RevocationKind, subject: str, *, now: float
) -> tuple[tuple[Write, ...], tuple[Change, ...]]:
    """Return the writes and changes that revoke `subject`, for a commit of another room.

    Args:
        kind: What it is.
        subject: Its id.
        now: Unix seconds.
    """
    revocation = Revocation(kind, subject, int(now * 1000), int(now) + LASTS_SECONDS)
    writes = put_revocation(revocation, forget_before=int(now) - KEPT_SECONDS)
    return writes, (revocation_changed(revocation),)


class Revocations:
    """Knows what is revoked, and revokes."""

    def __init__(self, means: Means) -> None:
        self._means = means
        # Of agents and people: what they got up to an instant is dead.  Of all else: the thing itself.
        self._since: dict[str, int] = {}
        self._dead: set[str] = set()
        self._known: dict[tuple[RevocationKind, str], Revocation] = {}
        self._prune_at = _PRUNED_AT
        self._listeners: list[Callable[[], None]] = []
        self._followers: list[Callable[[Revocation], None]] = []
        means.directory.on_change(self._tell)

    def is_revoked(self, caller: Caller) -> bool:
        """Say whether what `caller` holds is dead, as far as this node has heard."""
        if caller.kind is CallerKind.NOBODY or caller.kind is CallerKind.NEWCOMER:
            return False
        if self._is_gone(caller.principal, caller.jti):
            return True
        dead = self._dead
        if caller.session in dead or caller.jti in dead:
            return True
        if caller.lineage and not dead.isdisjoint(caller.lineage):
            return True
        if caller.subject and self._is_gone(caller.subject, caller.jti):
            return True
        return any(self._is_gone(actor, caller.jti) for actor in caller.actors)

    def revoked_at_ms(self, principal: str) -> int:
        """Return until when what an agent or a person got is dead (Unix milliseconds); 0 when nothing is."""
        return self._since.get(principal, 0)

    def is_dead(self, thing: str) -> bool:
        """Say whether a session, token, delegation, grant or client was revoked."""
        return thing in self._dead

    def known(self) -> list[Revocation]:
        """Return all revocations that may still concern something, as far as this node has heard."""
        now = self._means.clock.now()
        return [revocation for revocation in self._known.values() if revocation.until >= now]

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called when somebody may have been revoked: then ask `is_revoked` again."""
        self._listeners.append(listener)

    def on_revocation(self, follower: Callable[[Revocation], None]) -> None:
        """Have `follower` told of every revocation that this node hears of, once."""
        self._followers.append(follower)

    def _is_gone(self, principal: str, jti: str) -> bool:
        directory = self._means.directory
        if principal.startswith(_AGENT):
            agent = directory.agent(principal)
            if agent is None or agent.status is not AgentStatus.ACTIVE:
                return True
        elif principal.startswith(_OPERATOR) and directory.operator(principal) is None:
            return True
        revoked_at_ms = self._since.get(principal)
        # Whoever is about to be issued something has no token yet: there the status decides.
        return revoked_at_ms is not None and bool(jti) and made_at_ms(jti) <= revoked_at_ms

    async def reload(self, keys: Sequence[str]) -> None:
        """Read these revocations again; with no keys, all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        if not keys:
            found = await read_revocations(self._means.database)
            self._since, self._dead = {}, set()
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
        subject = _subject_of(request)
        instant = self._means.clock.now()
        now = int(instant)
        writes, changes = revocation_of(request.kind, subject, now=instant)
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
        if revocation.kind in _SINCE:
            self._since[revocation.id] = revocation.revoked_at_ms
        else:
            self._dead.add(revocation.id)
        if self._known.get((revocation.kind, revocation.id)) == revocation:
            return
        self._known[revocation.kind, revocation.id] = revocation
        if len(self._known) >= self._prune_at:
            self._prune()
        for follower in self._followers:
            follower(revocation)

    def _prune(self) -> None:
        """Forget what the store forgets, too: nothing that it could concern is alive."""
        before = self._means.clock.now() - KEPT_SECONDS
        kept = {key: revocation for key, revocation in self._known.items() if revocation.until >= before}
        for kind, subject in self._known.keys() - kept.keys():
            if kind in _SINCE:
                self._since.pop(subject, None)
            else:
                self._dead.discard(subject)
        self._known = kept
        self._prune_at = 2 * len(kept) + _PRUNED_AT

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _subject_of(request: RevocationRequest) -> str:
    prefixes = _PREFIXES.get(request.kind)
    if prefixes is None:
        raise MalformedRevocation(f"a {request.kind.value} is ended where it is kept: delete it there")
    for prefix in prefixes:
        if request.id.startswith(f"{prefix.value}_"):
            return parse_id(request.id, prefix)
    named = " or ".join(f"{prefix.value}_" for prefix in prefixes)
    raise MalformedRevocation(f"the id of a {request.kind.value} begins with {named}")
