# SPDX-License-Identifier: Apache-2.0
"""Request targets: one reading, or none.

A rule is matched against a path, and an upstream acts on a path.  Whatever the two could read
differently (dot segments, encoded slashes, double encoding, a letter written as an escape) is refused
rather than rewritten, so that what was matched is exactly what is sent.

Spec: RFC 3986 sections 2.1, 3.3, 3.4 and 6.2.2; RFC 9112 section 3.2.1.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from smartagent.edge.errors import TargetRefused

MAX_TARGET_BYTES: Final = 8192

# `;` is missing from pchar on purpose: some servers cut a segment there before they look at it.
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()*+,=:@%]++)*+/?")
_QUERY: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]{}|^`\"<>\\]|%[0-9A-Fa-f]{2})*+")
_ESCAPES: Final = re.compile(r"%(?![0-9A-F]{2})")
_DOTS: Final = re.compile(r"/\.{1,2}(?:/|\Z)")
# What an escape in a path may not stand for: controls, what needs no escape (RFC 3986 section 2.3; `~` excepted,
# which older encoders escape), and what has a meaning to some server once it is decoded.
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9fA-Za-z0-9\-._/\\%;?#\u2028\u2029]")


class Target(msgspec.Struct, frozen=True, gc=False):
    """A request target that can be read in one way only.

    `path` and `query` are the bytes as they came.  `segments` are the path's, decoded; a final
    empty one stands for a trailing slash.
    """

    path: str
    query: str
    segments: tuple[str, ...]


def parse_target(raw: str | bytes) -> Target:
    """Read an origin-form target.

    Raises:
        TargetRefused: It is malformed, or two readers could take it for two things.  The error says
            which rule it broke and repeats nothing of it.
    """
    if isinstance(raw, bytes):
        raw = raw.decode("latin-1")
    if len(raw) > MAX_TARGET_BYTES:
        raise TargetRefused(f"the target exceeds {MAX_TARGET_BYTES} bytes")
    path, _, query = raw.partition("?")
    if not path.startswith("/") or _PATH.fullmatch(path) is None:
        raise TargetRefused(_why(path))
    if query and _QUERY.fullmatch(query) is None:
        raise TargetRefused("the query holds a character or an escape that is not allowed")
    if "/." in path and _DOTS.search(path):
        raise TargetRefused("dot segments are not allowed")
    segments = path[1:].split("/")
    if "%" in path:
        segments = _decoded(path, segments)
    return Target(path, query, tuple(segments))


def _decoded(path: str, segments: list[str]) -> list[str]:
    if _ESCAPES.search(path):
        raise TargetRefused("a percent escape is malformed, or not in upper case")
    return [_decode(segment) if "%" in segment else segment for segment in segments]


def _decode(segment: str) -> str:
    # Literal characters were checked already; what an escape stands for is checked here.
    escaped = "".join(re.findall(r"(?:%[0-9A-F]{2})+", segment))
    try:
        meant = unquote_to_bytes(escaped).decode()
        whole = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise TargetRefused("the path's escapes are not UTF-8") from None
    # Compatibility forms too: a full-width slash becomes a slash in a server that normalises.
    if _FORBIDDEN.search(meant) or _folds_to_syntax(meant):
        raise TargetRefused("an escape in the path stands for a character that may not be escaped")
    return whole


def _folds_to_syntax(meant: str) -> bool:
    return any(
        _FORBIDDEN.search(unicodedata.normalize("NFKC", character))
        for character in meant
        if character > "\x7f" and not character.isalnum()
    )


def _why(path: str) -> str:
    if not path.startswith("/"):
        return "the path must begin with a slash"
    if "//" in path:
        return "empty path segments are not allowed"
    return "the path holds a character that is not allowed"
