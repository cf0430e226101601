# SPDX-License-Identifier: Apache-2.0
"""The rules of asking somebody who is elsewhere, pure.

    [ pending ] --allow--> [ allowed ] --redeem--> [ redeemed ]
         |                      |                       |
         |                      +----------end----------+---> [ ended ]
         +--deny--> [ denied ]

A pending or allowed request whose time is over is dead, whatever its row says.

Spec: RFC 8628 sections 3.5, 5.1 and 6.1; CIBA Core sections 7.1 and 11.
"""

import unicodedata
from enum import Enum
from math import ceil
from typing import Final

import msgspec

from smartagent.decoupled.errors import InvalidBindingMessage
from smartagent.decoupled.model import ConsentRequest, State

DEVICE_LIFE_SECONDS: Final = 600
CIBA_LIFE_SECONDS: Final = 300
MIN_CIBA_LIFE_SECONDS: Final = 30
MAX_CIBA_LIFE_SECONDS: Final = 600
INTERVAL_SECONDS: Final = 5
SLOWER_BY_SECONDS: Final = 5
KEPT_SECONDS: Final = 86_400
"""For so long after its end a request still answers `expired_token` and not `invalid_grant`."""
MAX_BINDING_MESSAGE_CHARS: Final = 100
MOST_OPEN: Final = 5
"""So many requests of one client may wait for one person."""

ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants: they make no words, and no two look alike (RFC 8628 section 6.1)."""
USER_CODE_CHARS: Final = 8
# 12 times 20 of the 256 values; the rest would make the first letters likelier.
_FAIR: Final = 240
# A poll on time may come a little early: instants are whole seconds, and networks are not even.
_GRACE_SECONDS: Final = 1
_MAX_TYPED_CHARS: Final = 40

# Cc control, Cf format (bidi, zero width), Cs surrogates, Co private, Cn unassigned, Zl/Zp separators.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Poll(Enum):
    """What a poll comes to."""

    GOOD = "good"
    """A person allowed it: redeem."""
    WAIT = "wait"
    TOO_EARLY = "too-early"
    DENIED = "denied"
    EXPIRED = "expired"
    USED = "used"


class Limit(msgspec.Struct, frozen=True, gc=False):
    """So many at once, and one more every `refill_seconds`."""

    size: int
    refill_seconds: float


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """What is left of a limit, as of an instant (seconds that never go back)."""

    left: float
    at: float


def letters_of(chance: bytes) -> str:
    """Return the letters that `chance` makes, each as likely as any other; some bytes make none."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in chance if byte < _FAIR)


def shown_code(user_code: str) -> str:
    """Write a user code as people read it: `WDJB-MJHT`."""
    half = USER_CODE_CHARS // 2
    return f"{user_code[:half]}-{user_code[half:]}"


def parse_user_code(typed: str) -> str:
    """Return the code that somebody typed, or an empty text when it cannot be one.

    Case, blanks and dashes do not matter.

    Spec: RFC 8628 section 6.1.
    """
    if len(typed) > _MAX_TYPED_CHARS:
        return ""
    letters = "".join(letter for letter in typed.upper() if letter.isalnum())
    fits = len(letters) == USER_CODE_CHARS and all(letter in ALPHABET for letter in letters)
    return letters if fits else ""


def parse_binding_message(raw: str) -> str:
    """Return `raw` when people can be shown it and read what it says.

    Raises:
        InvalidBindingMessage: It is too long, or holds what is invisible or turns text around.
    """
    blank = not raw.strip()
    if blank or len(raw) > MAX_BINDING_MESSAGE_CHARS or any(_is_hidden(letter) for letter in raw):
        raise InvalidBindingMessage(MAX_BINDING_MESSAGE_CHARS)
    return raw


def life_of(requested_seconds: int) -> int:
    """Return how long a request of CIBA lives when its client asked for `requested_seconds`."""
    return max(MIN_CIBA_LIFE_SECONDS, min(requested_seconds, MAX_CIBA_LIFE_SECONDS))


def judge_poll(request: ConsentRequest, *, now: int) -> Poll:
    """Say what a poll at `now` comes to.

    A decision is told at once, however fast it is asked for: `slow_down` is a kind of pending.
    """
    if request.state in (State.REDEEMED, State.ENDED):
        return Poll.USED
    if request.state is State.DENIED:
        return Poll.DENIED
    if now >= request.expires_at:
        return Poll.EXPIRED
    if request.state is State.ALLOWED:
        return Poll.GOOD
    due = request.polled_at + request.interval_seconds - _GRACE_SECONDS
    return Poll.TOO_EARLY if request.polled_at and now < due else Poll.WAIT


def is_open(request: ConsentRequest, *, now: float) -> bool:
    """Say whether somebody may still decide it."""
    return request.state is State.PENDING and now < request.expires_at


def level(bucket: Bucket | None, limit: Limit, *, now: float) -> float:
    """Return how much is left at `now`; `bucket` is None when nothing was ever taken."""
    if bucket is None:
        return float(limit.size)
    return min(float(limit.size), bucket.left + (now - bucket.at) / limit.refill_seconds)


def wait_seconds(left: float, limit: Limit) -> int:
    """Return after how many seconds one may be taken; 0 when one is there.

    Whoever goes on asking waits no longer than whoever stopped: what is refused takes nothing.
    """
    return ceil((1 - left) * limit.refill_seconds) if left < 1 else 0


def _is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in _HIDDEN
