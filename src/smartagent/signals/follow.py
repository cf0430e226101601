# SPDX-License-Identifier: Apache-2.0
"""Following the revocations, as server-sent events.

    GET /v1/revocations/events
      --> [ snapshot: everything that matters now ]  or  [ what happened since Last-Event-ID ]
      --> synced --> revoked, agent, ... as they happen --> ended | resync

An event's id is the version of the change, which is the same at every node.  The events of a snapshot have
no id: who is cut off in its middle gets it anew.  A comment with the version is sent every 15 seconds while
this node follows the store, and `behind` while it does not: who relies on the feed can tell.

Spec: WHATWG HTML section 9.2 (server-sent events).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

import msgspec

from smartagent.edge import Inbound, MalformedRequest, NotPermitted, Outcome, Reply, parse_form
from smartagent.identity import AgentStatus
from smartagent.kernel import Caller
from smartagent.signals.errors import TooManyFollowers
from smartagent.signals.model import Happened, What
from smartagent.signals.ports import Means
from smartagent.signals.rules import may
from smartagent.signals.watch import REMEMBERED, Watch

SCOPE: Final = "revocations.follow"
MEDIA_TYPE: Final = "text/event-stream"
MOST_WAITING: Final = 1024
_RETRY_MS: Final = 1000
_LONGEST_VERSION: Final = 18
_NO_CACHE: Final = (("cache-control", "no-store"), ("x-accel-buffering", "no"))
"""The second keeps a proxy that honours it from holding events back."""


class Follower:
    """Somebody who follows: what waits for them, and whether it is over."""

    __slots__ = ("_over", "_waiting", "_wake", "caller")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self._waiting: list[bytes] = []
        self._wake = asyncio.Event()
        self._over = False

    def offer(self, frame: bytes) -> None:
        """Have a frame wait, or cut who is too slow: they start over."""
        if self._over:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self.end(_frame("resync", {"reason": "slow"}, ""))
            return
        self._waiting.append(frame)
        self._wake.set()

    def end(self, frame: bytes) -> None:
        """Say one last thing."""
        if not self._over:
            self._waiting.append(frame)
            self._over = True
            self._wake.set()

    async def take(self) -> bytes:
        """Return what waits, as soon as something does; nothing when it is over."""
        if not self._waiting and not self._over:
            self._wake.clear()
            await self._wake.wait()
        chunk = b"".join(self._waiting)
        self._waiting.clear()
        return chunk


class EventFeed:
    """Tells followers what happens."""

    def __init__(self, means: Means, watch: Watch) -> None:
        self._means = means
        self._watch = watch
        self._followers: set[Follower] = set()
        self._remembered: deque[tuple[int, bytes]] = deque(maxlen=REMEMBERED)
        self._forgotten_up_to = 0
        self._closing = False
        self._next_beat = 0.0
        watch.on_happened(self.heard)
        watch.on_lost(self.start_over)
        means.dead.on_change(self.dismiss)

    @property
    def followers(self) -> int:
        """How many follow at this node."""
        return len(self._followers)

    def begin(self, happened: Sequence[Happened]) -> None:
        """Begin with what happened last, as the watch loaded it."""
        self._forgotten_up_to = self._watch.remembered_from
        self._remembered.clear()
        self._remember(happened)

    async def follow(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Answer with a stream of events.

        Raises:
            NotPermitted: The token does not carry the scope.
            MalformedRequest: `Last-Event-ID` or `from` is no version.
            TooManyFollowers: This node has as many as it can.
        """
        if not may(caller, SCOPE):
            raise NotPermitted(SCOPE)
        if len(self._followers) >= self._means.bounds.most_followers or self._closing:
            raise TooManyFollowers("try again, or at another node")
        seen = _position(inbound)
        detail: dict[str, str | int] = {} if seen is None else {"from": seen}
        return Outcome(Reply(200, self._stream(caller, seen), MEDIA_TYPE, _NO_CACHE), detail=detail)

    def heard(self, happened: Sequence[Happened]) -> None:
        """Tell everybody."""
        for _, frame in self._remember(happened):
            for follower in self._followers:
                follower.offer(frame)

    def start_over(self) -> None:
        """Changes were missed: what followers know may lack something."""
        self._remembered.clear()
        self._forgotten_up_to = self._watch.remembered_from
        self._end_all("resync", "missed")

    def dismiss(self) -> None:
        """Let go of those whose own token has died."""
        now = self._means.clock.now()
        for follower in tuple(self._followers):
            if now >= follower.caller.expires_at or self._means.dead.is_revoked(follower.caller):
                follower.end(_frame("ended", {"reason": "token"}, ""))

    def tick(self) -> None:
        """Once a second: dismiss the dead, and give a sign of life when it is time."""
        self.dismiss()
        now = self._means.clock.monotonic()
        if now < self._next_beat:
            return
        self._next_beat = now + self._means.bounds.heartbeat_seconds
        # No follower may believe that nothing happened when this node could not know.
        beat = b": %d\n\n" % self._watch.position if self._means.fresh() else b": behind\n\n"
        for follower in self._followers:
            follower.offer(beat)

    def close(self) -> None:
        """Send everybody to another node."""
        self._closing = True
        self._end_all("ended", "closing")

    def _end_all(self, event: str, reason: str) -> None:
        for follower in self._followers:
            follower.end(_frame(event, {"reason": reason}, ""))

    async def _stream(self, caller: Caller, seen: int | None) -> AsyncIterator[bytes]:
        # From here to the first `yield` nothing awaits: what happens meanwhile is in neither or in both.
        follower = Follower(caller)
        self._followers.add(follower)
        try:
            if len(self._followers) > self._means.bounds.most_followers:
                yield _frame("ended", {"reason": "full"}, None)
                return
            opening = self._opening(seen)
            self.dismiss()
            yield opening
            while chunk := await follower.take():
                yield chunk
        finally:
            self._followers.discard(follower)

    def _opening(self, seen: int | None) -> bytes:
        position = self._watch.position
        frames = [b"retry: %d\n\n" % _RETRY_MS]
        if seen is not None and self._forgotten_up_to <= seen <= position:
            frames += [frame for version, frame in self._remembered if version > seen]
        else:
            frames += self._snapshot(position, "new" if seen is None else "unknown")
        frames.append(_frame("synced", {"version": position}, str(position)))
        return b"".join(frames)

    def _snapshot(self, position: int, reason: str) -> Iterable[bytes]:
        yield _frame("snapshot", {"version": position, "reason": reason}, "")
        for revocation in self._means.dead.known():
            yield _frame(
                What.REVOKED.value,
                {
                    "kind": revocation.kind.value,
                    "id": revocation.id,
                    "revoked_at_ms": revocation.revoked_at_ms,
                    "until": revocation.until,
                },
                None,
            )
        for agent in self._means.people.agents():
            if agent.status is not AgentStatus.ACTIVE and agent.public_key:
                yield _frame(What.AGENT.value, {"id": agent.id, "status": agent.status.value}, None)

    def _remember(self, happened: Sequence[Happened]) -> list[tuple[int, bytes]]:
        told = [(each.version, _told(each)) for each in happened if each.what is not What.ENROLLED]
        for each in told:
            if len(self._remembered) == REMEMBERED:
                self._forgotten_up_to = self._remembered[0][0]
            self._remembered.append(each)
        return told


def _told(happened: Happened) -> bytes:
    data: dict[str, str | int] = {"id": happened.id}
    if happened.what is What.REVOKED:
        data = {"kind": happened.kind, **data, "revoked_at_ms": happened.at_ms, "until": happened.until}
    elif happened.what is What.AGENT:
        data["status"] = happened.kind
    return _frame(happened.what.value, data, str(happened.version))


def _frame(event: str, data: dict[str, str | int], version: str | None) -> bytes:
    """Write an event; an empty id makes the client forget the last one, None leaves it."""
    named = "" if version is None else f"id: {version}\n"
    return f"event: {event}\n{named}data: ".encode() + msgspec.json.encode(data) + b"\n\n"


def _position(inbound: Inbound) -> int | None:
    asked = parse_form(inbound.query.encode("utf-8", "replace"))
    if asked.keys() - {"from"}:
        raise MalformedRequest("unknown query field; known: from")
    raw = inbound.headers.get("last-event-id", "") or asked.get("from", "")
    if not raw:
        return None
    if not raw.isascii() or not raw.isdigit() or len(raw) > _LONGEST_VERSION:
        raise MalformedRequest("the position is a version: the id of the last event that was seen")
    return int(raw)
