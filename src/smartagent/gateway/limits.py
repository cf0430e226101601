# SPDX-License-Identifier: Apache-2.0
"""What calls may use at most: by agent, by role, by upstream; counted here, and shared with the other nodes.

Calls and bytes fill leaky buckets, which empty at the rate that is allowed.  Each process counts for itself, so a call
never waits for a database, and tells the others what it let through; what it hears of them fills its own buckets, also
beyond the brim: then nothing passes until it has run off.  So what all let through together is the rate in the long run,
and in any `s` seconds at most

    burst + rate * s  +  (processes - 1) * (burst + rate * delay)

where the delay is `TOLD_EVERY_SECONDS`, a sweep, and the change feed's: less than a second when all is well.  Open calls
are shared in the same way: before it hears of the others, each process may open as many as are allowed.  A process
that begins asks the others how full the buckets are; what no process remembers is forgotten.

Nothing here knows the time; `now` is the loop's.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

import msgspec

from smartagent.gateway.errors import BandwidthExceeded, ConcurrencyExceeded, RateExceeded
from smartagent.kernel import UNLIMITED, Limits

TOPIC: Final = "gateway-usage"
TOLD_EVERY_SECONDS: Final = 0.5
_REPEATED_AFTER_SECONDS: Final = 5.0
_BELIEVED_SECONDS: Final = 15.0
"""How long another process is believed to have calls open that it does not speak of any more: it may have died."""
_KEYS_A_MESSAGE: Final = 64
_ALL: Final = 100

T = TypeVar("T")

Bound = tuple[str, Limits]
"""Whom limits are for (`agent/ID`, `role/NAME`, `upstream/NAME`), and the limits."""


class Pace(NamedTuple):
    """Limits of many calls as numbers; 0 where there is none."""

    calls_per_second: float
    calls_at_once: int
    concurrent: int
    bytes_per_second: int


class _Used(msgspec.Struct, array_like=True):
    """What was let through for one key since the last message; and how many calls are open."""

    calls: int
    bytes: int
    open: int
    pace: Pace


class _Level(msgspec.Struct, array_like=True):
    """How full a bucket is."""

    calls: float
    bytes: float
    pace: Pace


class _Message(msgspec.Struct, array_like=True):
    node: str
    used: dict[str, _Used] = {}
    levels: dict[str, _Level] = {}
    asks: bool = False
    """It began just now, and would like to know how full the buckets are."""


_decode: Final = msgspec.json.Decoder(_Message).decode


class Bucket:
    """What is used of one key's limits."""

    __slots__ = (
        "_at", "_bytes", "_calls", "_limits", "_others", "_said_at", "_said_open", "_unsaid_bytes", "_unsaid_calls", "open", "pace",
    )  # fmt: skip

    def __init__(self, pace: Pace, now: float) -> None:
        self.pace = pace
        self.open = 0
        self._limits = UNLIMITED
        self._calls = 0.0
        self._bytes = 0.0
        self._at = now
        self._others: dict[str, tuple[int, float]] = {}
        self._said_at = -math.inf
        self._said_open = self._unsaid_calls = self._unsaid_bytes = 0

    def obey(self, limits: Limits) -> None:
        """Go by `limits` from here on; what is used stays used."""
        if limits is not self._limits:
            self._limits, self.pace = limits, _pace_of(limits)

    def check(self, whose: str, now: float) -> None:
        """Let one more call pass.

        Raises:
            LimitExceeded: It may not.
        """
        self._settle(now)
        pace = self.pace
        if pace.concurrent and self.open + self._open_elsewhere(now) >= pace.concurrent:
            raise ConcurrencyExceeded(f"{whose} may have {pace.concurrent} calls open at the same time", 1)
        over = self._calls + 1 - pace.calls_at_once
        if pace.calls_per_second and over > 0:
            seconds = math.ceil(over / pace.calls_per_second)
            raise RateExceeded(f"the rate of calls that {whose} may make is used up", seconds)
        behind = self._bytes - pace.bytes_per_second
        if pace.bytes_per_second and behind > 0:
            seconds = math.ceil(behind / pace.bytes_per_second)
            raise BandwidthExceeded(f"the bytes that {whose} may move are used up", seconds)

    def left(self, limits: Limits, now: float) -> int:
        """Return how many percent of the calls at once are left."""
        self.obey(limits)
        self._settle(now)
        if not self.pace.calls_per_second:
            return _ALL
        return max(0, math.floor(_ALL * (1 - self._calls / self.pace.calls_at_once)))

    def begin(self) -> None:
        """Count one more call."""
        self.open += 1
        if self.pace.calls_per_second:
            self._calls += 1
            self._unsaid_calls += 1

    def moved(self, size_bytes: int) -> bool:
        """Count bytes; tell whether they are more than may pass for now."""
        allowed = self.pace.bytes_per_second
        if not allowed:
            return False
        self._bytes += size_bytes
        self._unsaid_bytes += size_bytes
        return self._bytes > allowed

    def owes(self, now: float) -> bool:
        """Tell whether more bytes have passed than may pass for now."""
        self._settle(now)
        return 0 < self.pace.bytes_per_second < self._bytes

    def hear(self, node: str, used: _Used, now: float) -> None:
        """Take in what another process let through."""
        self._settle(now)
        self._calls += used.calls
        self._bytes += used.bytes
        if used.open:
            self._others[node] = used.open, now
        else:
            self._others.pop(node, None)

    def level(self, now: float) -> _Level | None:
        """Return how full it is; None when it is empty."""
        self._settle(now)
        return _Level(self._calls, self._bytes, self.pace) if self._calls or self._bytes else None

    def raise_to(self, level: _Level, now: float) -> None:
        """Take another process's word for how full it is, when that is fuller."""
        self._settle(now)
        self._calls = max(self._calls, level.calls)
        self._bytes = max(self._bytes, level.bytes)

    def news(self, now: float) -> _Used | None:
        """Return what the other processes have not been told; None when that is nothing."""
        opened = self.open if self.pace.concurrent else 0
        is_old = opened and now - self._said_at >= _REPEATED_AFTER_SECONDS
        if not (self._unsaid_calls or self._unsaid_bytes or opened != self._said_open or is_old):
            return None
        used = _Used(self._unsaid_calls, self._unsaid_bytes, opened, self.pace)
        self._unsaid_calls = self._unsaid_bytes = 0
        self._said_open, self._said_at = opened, now
        return used

    def is_as_new(self, now: float) -> bool:
        """Tell whether it could be forgotten, once `news` has been told."""
        self._settle(now)
        used = self.open or self._calls or self._bytes or self._said_open
        return not used and not self._open_elsewhere(now)

    def _settle(self, now: float) -> None:
        elapsed, self._at = max(0.0, now - self._at), max(now, self._at)
        self._calls = max(0.0, self._calls - elapsed * self.pace.calls_per_second)
        self._bytes = max(0.0, self._bytes - elapsed * self.pace.bytes_per_second)

    def _open_elsewhere(self, now: float) -> int:
        if not self._others:
            return 0
        oldest = now - _BELIEVED_SECONDS
        self._others = {node: each for node, each in self._others.items() if each[1] > oldest}
        return sum(opened for opened, _ in self._others.values())


class Allowance:
    """What one call may use, and what it uses up.

    `request_bytes` and `response_bytes` are of bodies; `answer_seconds` is how long until the answer begins;
    `ends_at` is the loop's time at which the call must be over.
    """

    __slots__ = ("_buckets", "answer_seconds", "ends_at", "request_bytes", "response_bytes")

    def __init__(self, limits: Iterable[Limits], buckets: tuple[Bucket, ...], now: float) -> None:
        every = tuple(limits)
        self.request_bytes = min((each.request_bytes or sys.maxsize for each in every), default=sys.maxsize)
        self.response_bytes = min((each.response_bytes or sys.maxsize for each in every), default=sys.maxsize)
        self.answer_seconds = min((each.answer_seconds or math.inf for each in every), default=math.inf)
        self.ends_at = now + min((each.total_seconds or math.inf for each in every), default=math.inf)
        self._buckets = buckets

    def moved(self, size_bytes: int) -> bool:
        """Count bytes in either direction; tell whether the call has to wait for its share."""
        waits = False
        for bucket in self._buckets:
            waits = bucket.moved(size_bytes) or waits
        return waits

    def owes(self, now: float) -> bool:
        """Tell whether the call still has to wait."""
        return any(bucket.owes(now) for bucket in self._buckets)

    def release(self) -> None:
        """The call is over."""
        for bucket in self._buckets:
            bucket.open -= 1
        self._buckets = ()


FREE: Final = Allowance((), (), 0.0)
"""Of a call that nothing limits."""


class Limiter:
    """All buckets of one process.

    Args:
        node: A name of this process that no other has.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._buckets: dict[str, Bucket] = {}
        self._told_at = -math.inf
        self._begins = True
        self._is_asked = False

    def admit(self, bounds: Sequence[Bound], now: float) -> Allowance:
        """Let a call pass, and count it.

        Args:
            bounds: All limits that are the call's, in the order in which they are looked at.
            now: The loop's time.

        Raises:
            LimitExceeded: One of them is used up.  Then nothing is counted.
        """
        found = []
        for key, limits in bounds:
            if not any(_pace_of(limits)):
                continue
            bucket = self._bucket(key, _pace_of(limits), now)
            bucket.obey(limits)
            bucket.check(_whose(key), now)
            found.append(bucket)
        for bucket in found:
            bucket.begin()
        return Allowance((limits for _, limits in bounds), tuple(found), now)

    def left(self, bounds: Sequence[Bound], now: float) -> int:
        """Return how many percent of the calls at once are left by the tightest of `bounds`; 100 without any."""
        found = ((self._buckets.get(key), limits) for key, limits in bounds)
        return min((bucket.left(limits, now) for bucket, limits in found if bucket is not None), default=_ALL)

    def news(self, now: float) -> list[str]:
        """Return what the other processes are to be told; nothing when it is too early, or there is none."""
        if now - self._told_at < TOLD_EVERY_SECONDS:
            return []
        self._told_at = now
        used = {}
        for key, bucket in tuple(self._buckets.items()):
            said = bucket.news(now)
            if said is not None:
                used[key] = said
            elif bucket.is_as_new(now):
                del self._buckets[key]
        messages = [_Message(self._node, used=part) for part in _parts(used)]
        if self._is_asked:
            levels = {key: bucket.level(now) for key, bucket in self._buckets.items()}
            full = {key: level for key, level in levels.items() if level is not None}
            messages += [_Message(self._node, levels=part) for part in _parts(full)]
        if self._begins:
            messages.append(_Message(self._node, asks=True))
        self._begins = self._is_asked = False
        return [msgspec.json.encode(message).decode() for message in messages]

    def hear(self, texts: Sequence[str], now: float) -> None:
        """Take in what processes, this one among them, have told."""
        for text in texts:
            try:
                message = _decode(text)
            except msgspec.MsgspecError:
                # Another release may say it in another way; what it lets through is not counted here then.
                continue
            if message.node == self._node:
                continue
            self._is_asked = self._is_asked or message.asks
            for key, used in message.used.items():
                self._bucket(key, used.pace, now).hear(message.node, used, now)
            for key, level in message.levels.items():
                self._bucket(key, level.pace, now).raise_to(level, now)

    def _bucket(self, key: str, pace: Pace, now: float) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(pace, now)
        return bucket


def _parts(whole: dict[str, T]) -> list[dict[str, T]]:
    keys = tuple(whole)
    starts = range(0, len(keys), _KEYS_A_MESSAGE)
    return [{key: whole[key] for key in keys[start : start + _KEYS_A_MESSAGE]} for start in starts]


@lru_cache(maxsize=4096)
def _pace_of(limits: Limits) -> Pace:
    has_rate = math.isfinite(limits.calls_per_second)
    return Pace(
        limits.calls_per_second if has_rate else 0.0,
        int(limits.calls_at_once) if has_rate else 0,
        limits.concurrent,
        limits.bytes_per_second,
    )


def _whose(key: str) -> str:
    match key.partition("/")[0]:
        case "agent":
            return "this agent"
        case "role":
            return "all agents of this role together"
        case _:
            return "all callers of this upstream together"
