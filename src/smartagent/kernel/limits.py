# SPDX-License-Identifier: Apache-2.0
"""What may be used at most: the one form in which a role, and an upstream's entry, say it."""

import math
import re
from typing import Final

import msgspec

MAX_BURST: Final = 1_000_000
MAX_ANSWER_SECONDS: Final = 600
MAX_TOTAL_SECONDS: Final = 86_400
_MAX_NUMBER: Final = 2**53
_RATE: Final = re.compile(r"([1-9][0-9]{0,6})/([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_OF_ONE_CALL: Final = ("request_bytes", "response_bytes", "answer_seconds", "total_seconds")


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be used at most.  What is left out, or 0, is not limited.

    `rate` is a number of calls in a second, a minute, an hour or a day (`10/s`, `600/h`); `burst` is how many of
    them may come at once, and all of them unless it is said.  `concurrent` calls are open at the same time.
    `bytes_per_second` counts both directions.  The others are of one call: the bodies' sizes, how long until the answer
    begins, and how long it may take in all.
    """

    rate: str = ""
    burst: int = 0
    concurrent: int = 0
    bytes_per_second: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    answer_seconds: int = 0
    total_seconds: int = 0

    @property
    def calls_per_second(self) -> float:
        """The rate as a number; infinite when there is none."""
        match = _RATE.fullmatch(self.rate)
        return int(match[1]) / _SECONDS[match[2]] if match else math.inf

    @property
    def calls_at_once(self) -> float:
        """The burst as a number; infinite when there is no rate."""
        match = _RATE.fullmatch(self.rate)
        return self.burst or int(match[1]) if match else math.inf


UNLIMITED: Final = Limits()


class UnusableLimit(ValueError):
    """A limit that cannot be meant: says which, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def parse_limits(written: Limits, *, shared: bool = False) -> Limits:
    """Check limits as they were written.

    Args:
        written: By whom, does not matter.
        shared: They are for all calls together, so limits of one call have no place in them.

    Returns:
        The same; where nothing is limited `UNLIMITED` itself, so that who looks need not compare.

    Raises:
        UnusableLimit: One cannot be meant.
    """
    if written.rate and not _RATE.fullmatch(written.rate):
        raise UnusableLimit("rate", 'a whole number of calls and a unit, "1/s" to "9999999/d": s, m, h or d')
    if written.burst and not written.rate:
        raise UnusableLimit("burst", "it is the burst of a rate, and there is none")
    greatest = {
        "burst": MAX_BURST,
        "answer_seconds": MAX_ANSWER_SECONDS,
        "total_seconds": MAX_TOTAL_SECONDS,
    }
    for field in written.__struct_fields__[1:]:
        number: int = getattr(written, field)
        most = greatest.get(field, _MAX_NUMBER)
        if not 0 <= number <= most:
            raise UnusableLimit(field, f"0 to {most}")
        if number and shared and field in _OF_ONE_CALL:
            raise UnusableLimit(field, "it is a limit of one call; write it under `limits`")
    return UNLIMITED if written == UNLIMITED else written
