# SPDX-License-Identifier: Apache-2.0
r"""Path patterns: what they mean, without Cedar.

    /orders         that path and no other
    /orders/*       one more segment, which is not empty
    /orders/**      /orders and everything below it; `**` stands only at the end
    /files/\*       a literal asterisk

`*` never crosses a slash.  A pattern that could not match any path the gateway lets through
(dot segments, empty segments, broken escapes) is refused, because whoever wrote it meant
something else.  `compile` turns a pattern into Cedar; a property test holds the two to the
same meaning.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

MAX_PATTERN_CHARS: Final = 512
MAX_SEGMENTS: Final = 16
_LITERAL: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()+,=:@]|%[0-9A-Fa-f]{2}|\\\*)*")
_DOTS: Final = re.compile(r"(?:\.|%2[eE]){1,2}")


class Pattern(msgspec.Struct, frozen=True):
    """A parsed pattern.  A segment is its literal text, or None for `*`; `open_end` is the `**`."""

    segments: tuple[str | None, ...]
    open_end: bool

    @property
    def has_star(self) -> bool:
        """Whether a `*` stands in it."""
        return None in self.segments

    @property
    def is_everything(self) -> bool:
        """Whether no literal text bounds it: `/**`, and `/*/**` too."""
        return self.open_end and all(segment is None for segment in self.segments)

    def matches(self, path: str) -> bool:
        """Say whether `path` (as sent, no query) is covered."""
        if not path.startswith("/"):
            return False
        found = path[1:].split("/")
        wanted = self.segments
        if len(found) < len(wanted) or (len(found) > len(wanted) and not self.open_end):
            return False
        return all(
            bool(have) if want is None else have == want for want, have in zip(wanted, found, strict=False)
        )


def parse_pattern(raw: str) -> Pattern:
    """Read a pattern.

    Raises:
        ValueError: It is none; the text says why.
    """
    if not raw.startswith("/"):
        msg = "a path begins with a slash"
        raise ValueError(msg)
    if len(raw) > MAX_PATTERN_CHARS:
        raise ValueError(f"a path has at most {MAX_PATTERN_CHARS} characters")
    parts = raw[1:].split("/")
    open_end = parts[-1] == "**"
    if open_end:
        parts.pop()
    if len(parts) > MAX_SEGMENTS:
        raise ValueError(f"a path has at most {MAX_SEGMENTS} segments")
    last = len(parts) - 1
    return Pattern(
        tuple(
            _parse_segment(part, is_last=index == last and not open_end) for index, part in enumerate(parts)
        ),
        open_end,
    )


@lru_cache(maxsize=4096)
def known_pattern(raw: str) -> Pattern:
    """Read a pattern that was checked when its role was written."""
    return parse_pattern(raw)


def _parse_segment(part: str, *, is_last: bool) -> str | None:
    if part == "*":
        return None
    if part == "**":
        msg = "`**` may stand only at the end"
        raise ValueError(msg)
    if not part and not is_last:
        msg = "an empty segment (`//`) is never let through, so this would match nothing"
        raise ValueError(msg)
    if _DOTS.fullmatch(part):
        msg = "dot segments are never let through, so this would match nothing"
        raise ValueError(msg)
    if not _LITERAL.fullmatch(part):
        msg = r"a segment is `*`, or characters of a URL path; write `\*` for an asterisk, and no query or fragment"
        raise ValueError(msg)
    return part.replace("\\*", "*")
