# SPDX-License-Identifier: Apache-2.0
"""Windows of the week, by the clock on the wall of some place.

    Mon-Fri 08:00-18:00 Europe/Berlin
    Sat,Sun 22:00-02:00 UTC               until two o'clock of the day after
    daily 00:00-24:00

A window is what people there would call open: it moves with summer time.  An hour that the clock skips is in no
window, and one that it shows twice is open twice.  Without a place the clock is UTC.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW: Final = re.compile(
    r"(?P<days>[A-Za-z,-]+) (?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d)(?: (?P<zone>[A-Za-z0-9_+/-]{1,64}))?"
)
_DAY_MINUTES: Final = 1440
_HOUR_MINUTES: Final = 60
_WEEK_DAYS: Final = 7


class Window(msgspec.Struct, frozen=True):
    """A window.  `days` are 1 for Monday to 7; `begin` and `end` are minutes, `end` of the day after when it is smaller."""

    days: frozenset[int]
    begin: int
    end: int
    zone: str

    def is_open(self, now: float) -> bool:
        """Say whether it is open at an instant, in Unix seconds.

        Raises:
            ValueError: This machine does not know the place (any more).
        """
        local = datetime.fromtimestamp(now, _zone(self.zone))
        day, minute = local.isoweekday(), local.hour * _HOUR_MINUTES + local.minute
        if day in self.days and self.begin <= minute < self.end:
            return True
        before = _WEEK_DAYS if day == 1 else day - 1
        return before in self.days and minute + _DAY_MINUTES < self.end


@lru_cache(maxsize=1024)
def parse_window(raw: str) -> Window:
    """Read a window.

    Raises:
        ValueError: It is none; the text says why.
    """
    found = _WINDOW.fullmatch(raw)
    if found is None:
        msg = 'hours are written like "Mon-Fri 08:00-18:00 Europe/Berlin", or "daily 22:00-06:00"'
        raise ValueError(msg)
    begin, end = _minute(found["begin"]), _minute(found["end"])
    if begin in {_DAY_MINUTES, end}:
        msg = "a window ends after it begins; the whole day is 00:00-24:00"
        raise ValueError(msg)
    zone = found["zone"] or "UTC"
    _zone(zone)
    days = frozenset(_days(found["days"]))
    return Window(days, begin, end if end > begin else end + _DAY_MINUTES, zone)


def _minute(raw: str) -> int:
    hours, minutes = int(raw[:2]), int(raw[3:])
    minute = hours * _HOUR_MINUTES + minutes
    if minutes >= _HOUR_MINUTES or minute > _DAY_MINUTES:
        msg = f"{raw} is no time of day"
        raise ValueError(msg)
    return minute


def _days(raw: str) -> Iterator[int]:
    if raw == "daily":
        yield from range(1, _WEEK_DAYS + 1)
        return
    for part in raw.split(","):
        names = part.split("-")
        if len(names) > 2 or not set(names) <= set(_DAYS):  # noqa: PLR2004 -- a day, or the first and the last
            msg = f"{part!r} is no day; they are {', '.join(_DAYS)}, as in Mon-Fri or Sat,Sun; or daily"
            raise ValueError(msg)
        first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
        yield from (
            day % _WEEK_DAYS + 1 for day in range(first, last + (1 if last >= first else _WEEK_DAYS + 1))
        )


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        msg = f"this machine knows no time zone {name!r}"
        raise ValueError(msg) from error
