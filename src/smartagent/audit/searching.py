# SPDX-License-Identifier: Apache-2.0
"""Looking for entries from the newest backwards, and what the newest of them come to.

Nothing here carries receipts: it is for who looks for something, and asks for its custody then.  A search reads
so many bundles at once and no more; where it stopped it says how to go on.
"""

from collections import Counter
from typing import Final

import msgspec

from smartagent.audit.errors import LogDamaged
from smartagent.audit.reader import LogReader
from smartagent.audit.rules import BUNDLE, ISSUED, concerns
from smartagent.audit.store import bundles_back_from
from smartagent.kernel import Clock, Decision, Record, rfc3339
from smartagent.storage import Database

BUNDLES_AT_ONCE: Final = 16
ACTIVITY_BUNDLES: Final = 32
ACTIVITY_HOURS: Final = 24
BUSIEST: Final = 8
CLOCKS_DIFFER_MS: Final = 60_000
"""Nodes stamp by their own clocks: what is recorded later may say that it was earlier."""
_KEPT_SECONDS: Final = 10.0
_HOUR_MS: Final = 3_600_000
_AGENT: Final = "agt_"
_READING: Final = (".read", ".view", ".log", ".search", ".explain")
_LOOKING: Final = (".listed", ".shown", ".read")


class Wanted(msgspec.Struct, frozen=True):
    """What is looked for; what is empty does not restrict.  `until_ms` is not included.

    `subject` is an agent, an operator, a session or a token; `event` how the event's name begins.  Without
    `reads`, what was read and allowed is left out.
    """

    subject: str = ""
    event: str = ""
    decision: str = ""
    since_ms: int = 0
    until_ms: int = 0
    reads: bool = True

    def fits(self, record: Record) -> bool:
        """Say whether `record` is looked for."""
        if self.subject and not concerns(record, self.subject):
            return False
        if self.until_ms and record.at_ms >= self.until_ms:
            return False
        if self.decision and (record.decision is None or record.decision.value != self.decision):
            return False
        if not self.reads and record.decision is not Decision.DENY and _is_reading(record):
            return False
        return record.at_ms >= self.since_ms and record.event.startswith(self.event)


def _is_reading(record: Record) -> bool:
    return record.permission.endswith(_READING) or record.event.endswith(_LOOKING)


class FoundEntry(msgspec.Struct, frozen=True):
    """An entry that was found, and its index in the log."""

    index: int
    record: Record


class FoundPage(msgspec.Struct, frozen=True):
    """Entries, the newest first.  `next` is the cursor of the next page; 0 when this was the last one.

    A page may have fewer entries than were asked for, and even none, and still not be the last one.
    """

    entries: list[FoundEntry]
    next: int


class HourLine(msgspec.Struct, frozen=True):
    """What happened in the hour from `at` on: tokens issued, and requests of agents permitted and refused."""

    at: str
    issued: int
    permitted: int
    refused: int


class BusyLine(msgspec.Struct, frozen=True):
    """How much an agent asked for."""

    agent: str
    requests: int
    refused: int


class ActivityView(msgspec.Struct, frozen=True):
    """What the newest `entries` of the log come to, over at most a day; `whole` says that it is the whole day."""

    hours: list[HourLine]
    busiest: list[BusyLine]
    entries: int
    since: str
    whole: bool


class Searcher:
    """Reads the log from its end."""

    def __init__(self, database: Database, log: LogReader, clock: Clock) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._activity: tuple[float, ActivityView] | None = None

    async def search(self, wanted: Wanted, before: int, limit: int) -> FoundPage:
        """Return what fits, the newest first.

        Args:
            wanted: What is looked for.
            before: The cursor: only entries with a smaller index; 0 begins at the end.
            limit: How many entries at most.

        Raises:
            LogBehind: The newest entries have no checkpoint yet.
        """
        size = (await self._log.caught_up()).size
        end = min(before or size, size)
        found: list[FoundEntry] = []
        bundles = await self._bundles(wanted.subject, (end - 1) // BUNDLE)
        for number in bundles:
            for index, record in reversed(await self._read(number, size)):
                if record.at_ms < wanted.since_ms - CLOCKS_DIFFER_MS:
                    return FoundPage(found, 0)
                if index < end and wanted.fits(record):
                    found.append(FoundEntry(index, record))
                    if len(found) == limit:
                        return FoundPage(found, index)
        more = len(bundles) == BUNDLES_AT_ONCE
        return FoundPage(found, bundles[-1] * BUNDLE if more else 0)

    async def activity(self) -> ActivityView:
        """Return what the newest entries come to; it is at most ten seconds old.

        Raises:
            LogBehind: The newest entries have no checkpoint yet.
        """
        now = self._clock.monotonic()
        if self._activity is None or now - self._activity[0] > _KEPT_SECONDS:
            self._activity = now, await self._sum_up()
        return self._activity[1]

    async def _sum_up(self) -> ActivityView:
        size = (await self._log.caught_up()).size
        now_ms = int(self._clock.now() * 1000)
        since_ms = now_ms - now_ms % _HOUR_MS - (ACTIVITY_HOURS - 1) * _HOUR_MS
        records: list[Record] = []
        last = (size - 1) // BUNDLE
        for number in range(last, max(-1, last - ACTIVITY_BUNDLES), -1):
            records += [record for _, record in reversed(await self._read(number, size))]
            if records and records[-1].at_ms < since_ms:
                break
        reached = not records or records[-1].at_ms < since_ms or len(records) == size
        return _view([each for each in records if each.at_ms >= since_ms], since_ms, whole=reached)

    async def _bundles(self, subject: str, last: int) -> list[int]:
        if subject:
            return await bundles_back_from(self._database, subject, last, BUNDLES_AT_ONCE)
        return list(range(last, max(-1, last - BUNDLES_AT_ONCE), -1))

    async def _read(self, number: int, size: int) -> list[tuple[int, Record]]:
        first, leaves = await self._log.bundle(number, size)
        try:
            return [(index, Record.decode(leaf)) for index, leaf in enumerate(leaves, start=first)]
        except msgspec.DecodeError as error:
            raise LogDamaged(f"bundle {number} holds what is no record") from error


def _view(records: list[Record], since_ms: int, *, whole: bool) -> ActivityView:
    issued, permitted, refused = Counter[int](), Counter[int](), Counter[int]()
    asked, denied = Counter[str](), Counter[str]()
    for record in records:
        hour = (record.at_ms - since_ms) // _HOUR_MS
        if not record.caller.startswith(_AGENT):
            continue
        asked[record.caller] += 1
        issued[hour] += record.event == ISSUED and record.decision is Decision.PERMIT
        if record.decision is Decision.DENY:
            refused[hour] += 1
            denied[record.caller] += 1
        else:
            permitted[hour] += 1
    hours = [
        HourLine(rfc3339((since_ms + hour * _HOUR_MS) // 1000), issued[hour], permitted[hour], refused[hour])
        for hour in range(ACTIVITY_HOURS)
    ]
    busiest = [BusyLine(agent, count, denied[agent]) for agent, count in asked.most_common(BUSIEST)]
    oldest = records[-1].at_ms if records and not whole else since_ms
    return ActivityView(hours, busiest, len(records), rfc3339(oldest // 1000), whole)
