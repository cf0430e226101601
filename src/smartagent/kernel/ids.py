# SPDX-License-Identifier: Apache-2.0
"""Ids: a prefix that says what it names, and a UUIDv7 (RFC 9562 section 5.7) in base32.

The alphabet is Crockford's in lower case, whose order is the order of the bits, so ids of
one kind sort by the millisecond they were made in.
"""

from enum import StrEnum
from typing import ClassVar, Final

from smartagent.kernel.clock import Clock, Entropy
from smartagent.kernel.errors import Kind, SmartAgentError

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH: Final = 26
_TIME_LETTERS: Final = 10  # 26 letters hold 130 bits: two spare ones, then the 48 of the millisecond
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)


class IdPrefix(StrEnum):
    """What an id names."""

    AGENT = "agt"
    OPERATOR = "opr"
    KEY = "key"
    SESSION = "ses"
    ACCESS_TOKEN = "aat"  # noqa: S105 -- a prefix, not a password
    SECRET = "sec"  # noqa: S105 -- a prefix, not a password
    ENROLMENT = "enr"
    CLAIM_LINK = "lnk"
    REQUEST = "req"
    UPSTREAM = "ups"
    LEASE = "lse"
    CLIENT = "clt"
    GRANT = "gnt"
    DELEGATION = "dlg"
    PERSON = "prs"
    GROUP = "grp"
    ELEVATION = "elv"
    BREAK_GLASS = "bgl"
    RECOVERY_KEY = "rky"
    STREAM = "stm"
    EVENT = "evt"
    APPROVAL = "apr"
    APPROVAL_GRANT = "apg"
    NOTICE = "ntc"


class MalformedId(SmartAgentError):
    """The text is not an id of the expected kind."""

    code: ClassVar[str] = "malformed-id"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The id is malformed."


class Ids:
    """Makes ids from a clock and a source of chance."""

    __slots__ = ("_clock", "_entropy", "_pool", "_taken")

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._pool = b""
        self._taken = 0

    def new(self, prefix: IdPrefix) -> str:
        """Return a fresh id; 74 of its bits are unpredictable."""
        chance = self._chance()
        value = (int(self._clock.now() * 1000) & 0xFFFF_FFFF_FFFF) << 80
        value |= 0x7 << 76
        value |= (chance >> 62 & 0xFFF) << 64
        value |= 0b10 << 62
        value |= chance & 0x3FFF_FFFF_FFFF_FFFF
        pairs = _PAIRS
        digits = "".join([pairs[value >> shift & 0x3FF] for shift in range(120, -1, -10)])
        return f"{prefix.value}_{digits}"

    def _chance(self) -> int:
        # One system call serves 25 ids; the bytes are used once and never leave this object.
        if self._taken + 10 > len(self._pool):
            self._pool, self._taken = self._entropy(250), 0
        start = self._taken
        self._taken = start + 10
        return int.from_bytes(self._pool[start : start + 10]) & 0x3FF_FFFF_FFFF_FFFF_FFFF


def made_at_ms(identifier: str) -> int:
    """Return when an id was made, in Unix milliseconds.

    Args:
        identifier: An id of ours, of any kind.
    """
    value = 0
    for letter in identifier[-_LENGTH:][:_TIME_LETTERS]:
        value = value << 5 | _VALUES[letter]
    return value


def parse_id(raw: str, prefix: IdPrefix) -> str:
    """Return `raw` when it is a well-formed id of the kind `prefix` names.

    Raises:
        MalformedId: It is not; nothing of `raw` is repeated in the error.
    """
    head, _, tail = raw.partition("_")
    if head != prefix.value or len(tail) != _LENGTH or not all(letter in _VALUES for letter in tail):
        raise MalformedId(f"expected an id that begins with {prefix.value}_")
    return raw
