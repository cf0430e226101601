# SPDX-License-Identifier: Apache-2.0
"""Many paths as few patterns."""

import re
from functools import lru_cache
from typing import Final

from smartagent.policy import MAX_SEGMENTS, Pattern, known_pattern

_KEPT_PATHS: Final = 16_384
_LONG: Final = 16
_DIGITS: Final = re.compile(r"[0-9]")
_ID: Final = re.compile(
    r"[0-9]+"  # a number
    r"|[0-9A-Fa-f-]{8,}"  # hexadecimal, a UUID, a date
    r"|[A-Za-z]{1,8}[_-][0-9A-Za-z]{6,}"  # with a prefix: cus_9s6XKzkNRiz8i3
)
_LITERAL: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()+,=:@]|%[0-9A-Fa-f]{2})*")


@lru_cache(maxsize=_KEPT_PATHS)
def generalised(path: str) -> str:
    """Return the pattern of paths like `path`: `*` for each segment that looks like an id.

    It matches `path`.  What no pattern can say literally is a `*` too, and what lies deeper than patterns
    reach is `**`.
    """
    segments = path[1:].split("/")
    kept = [_shape(segment) for segment in segments[:MAX_SEGMENTS]]
    return "/" + "/".join([*kept, "**"] if len(segments) > MAX_SEGMENTS else kept)


def looks_like_id(segment: str) -> bool:
    """Whether a segment of a path names one thing of many."""
    if "%40" in segment or "@" in segment:
        return True
    if not _DIGITS.search(segment):
        return False
    return len(segment) >= _LONG or _ID.fullmatch(segment) is not None


def _shape(segment: str) -> str:
    return "*" if looks_like_id(segment) or not _LITERAL.fullmatch(segment) else segment


def covers(wide: Pattern, narrow: Pattern) -> bool:
    """Whether every path that `narrow` matches is matched by `wide`."""
    if len(narrow.segments) < len(wide.segments):
        return False
    if not wide.open_end and (narrow.open_end or len(narrow.segments) > len(wide.segments)):
        return False
    # A literal that is empty (a path that ends with a slash) is nothing that `*` matches.
    return all(
        mine == its or (mine is None and bool(its))
        for mine, its in zip(wide.segments, narrow.segments, strict=False)
    )


def within(ceiling: str, path: str) -> str:
    """Return the pattern of paths like `path`, kept within the pattern `ceiling`, which matches `path`.

    It matches `path`, and nothing that `ceiling` does not.
    """
    shape = known_pattern(generalised(path))
    bound = known_pattern(ceiling)
    wanted = list(shape.segments)
    for index, literal in enumerate(bound.segments):
        if literal is not None and index < len(wanted):
            wanted[index] = literal
    kept = Pattern(tuple(wanted), shape.open_end)
    return written(kept) if covers(bound, kept) else ceiling


def written(pattern: Pattern) -> str:
    """Write a pattern as a role file says it."""
    segments = ["*" if segment is None else segment.replace("*", "\\*") for segment in pattern.segments]
    return "/" + "/".join([*segments, "**"] if pattern.open_end else segments)
