# SPDX-License-Identifier: Apache-2.0
"""What notices say, whom they may go to, and when they are tried again.  Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from smartagent.notices.errors import MalformedChannel
from smartagent.notices.model import DAY_SECONDS, NoticeKind

MAX_TITLE_CHARS: Final = 120
MAX_LINE_CHARS: Final = 240
MAX_LINES: Final = 20
GIVEN_UP_SECONDS: Final = DAY_SECONDS
"""For how long a notice is tried."""
KEPT_SECONDS: Final = DAY_SECONDS
"""For how long it is kept when it is over, so that no alarm is told of again and again."""
LONGEST_PAUSE_SECONDS: Final = 900.0
CHOSEN: Final = tuple(kind for kind in NoticeKind if kind is not NoticeKind.TEST)
"""The kinds that a channel may choose."""
_QUIET_SECONDS: Final = {NoticeKind.ALARMS: 600}
_MAX_DOUBLINGS: Final = 16
_CUT: Final = "..."
_MAX_EMAIL_CHARS: Final = 254
# The dot-atom form of RFC 5321 section 4.1.2: a quoted local part could hold what ends a header or a command.
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


def cleaned(text: str, most: int) -> str:
    """Return `text` in one line that shows what is in it: agents choose some of it.

    Control and bidi characters, and all else that does not print, are written as `[U+202E]`.

    Args:
        text: By whomever.
        most: How many characters are kept.
    """
    shown = "".join(letter if letter.isprintable() else f"[U+{ord(letter):04X}]" for letter in text[:most])
    if len(text) <= most and len(shown) <= most:
        return shown
    return shown[: most - len(_CUT)] + _CUT


def cleaned_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of a notice: each clean, and not too many."""
    kept = tuple(cleaned(line, MAX_LINE_CHARS) for line in lines[:MAX_LINES])
    return kept if len(lines) <= MAX_LINES else (*kept[:-1], _CUT)


def quiet_since(kind: NoticeKind, now: int) -> int:
    """Return since when a notice of this kind, about the same thing, makes another one needless.

    Whoever holds a stolen key can use it a thousand times a second; one alarm is enough.
    """
    return now - _QUIET_SECONDS.get(kind, 0)


def parse_email(raw: str) -> str:
    """Read an e-mail address: ASCII, without a name, without quotes.

    Raises:
        MalformedChannel: It is none.

    Spec: RFC 5321 section 4.1.2 (Dot-string), 4.5.3.1.
    """
    local = raw.partition("@")[0]
    if len(raw) > _MAX_EMAIL_CHARS or len(local) > 64 or not _EMAIL.fullmatch(raw):  # noqa: PLR2004 -- RFC 5321's
        raise MalformedChannel("email", "an address like ada@example.com, in ASCII and without a name")
    return raw


def parse_kinds(raw: Iterable[str]) -> tuple[NoticeKind, ...]:
    """Read which kinds a channel takes; with none, all.

    Raises:
        MalformedChannel: One is none.
    """
    asked = set(raw)
    if not asked <= set(CHOSEN):
        raise MalformedChannel("takes", f"there are {', '.join(CHOSEN)}")
    return tuple(kind for kind in CHOSEN if kind in asked)


def pause(attempts: int, chance: float) -> float:
    """Return how many seconds to wait after a failure: twice as long each time, and never when others do.

    Args:
        attempts: How often it failed before.
        chance: 0 to 1.
    """
    longest = min(2.0 ** min(attempts, _MAX_DOUBLINGS), LONGEST_PAUSE_SECONDS)
    return longest * (1 + chance) / 2
