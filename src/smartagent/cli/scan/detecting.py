# SPDX-License-Identifier: Apache-2.0
"""Finding keys in a text: by the table of kinds, then by the detector library, then by what a value is called."""

import re
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from typing import Final

from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.scan.filekinds import holds_settings
from smartagent.cli.scan.kinds import BY_NAME, KINDS, UNKNOWN_ADVICE
from smartagent.cli.scan.model import Finding, Hit, KeyKind, Means, Text
from smartagent.kernel import Secret

Detector = Callable[[bytes], list[Hit]]
"""Says what keys of any kind a text holds.

Raises:
    TimeoutError: The text took too long.
"""

_SECONDS_FOR_A_TEXT: Final = 30.0
_FEWEST_DIFFERENT: Final = 8
_MADE_UP: Final = re.compile(rb"example|replaced-by-smartagent", re.IGNORECASE)
_LABEL: Final = re.compile(
    rb"([A-Za-z_][A-Za-z0-9_.-]{0,39})[\"'`]?\s{0,8}[:=]{1,2}\s{0,8}[\"'`]?(?:(?i:bearer|basic|token) )?$"
)
_LABEL_REACH: Final = 100
_MOST_DIGITS: Final = 3
_NOTHING: Final = re.compile(rb"(?!)")


def load_detector() -> Detector:
    """Return the detector library.

    Raises:
        Exit: It is not installed.
    """
    try:
        from kingfisher_sdk import Scanner  # noqa: PLC0415 -- an extra, and it takes a moment to load
    except ImportError:
        raise Exit(USAGE, "Scanning needs an extra: pip install 'smartagent[scan]'") from None
    scanner = Scanner()

    def detect(raw: bytes) -> list[Hit]:
        found = scanner.scan(raw, timeout=_SECONDS_FOR_A_TEXT)
        # A part of a pair, such as an account's number, is no finding by itself.
        return [
            Hit(
                unknown(each.rule_id.partition(".")[2]),
                each.location["start_offset"],
                each.location["end_offset"],
            )
            for each in found
            if each.visible
        ]

    return detect


def unknown(rule: str) -> KeyKind:
    """Return a kind that the table does not have, named by the library's rule."""
    return KeyKind(rule, "", b"", _NOTHING, Means.VAULT, None, UNKNOWN_ADVICE)


def findings_in(text: Text, detect: Detector) -> list[Finding]:
    """Return the keys of `text` in their order; two never overlap.

    Raises:
        TimeoutError: The library took too long.
    """
    hits: list[Hit] = []
    taken: list[tuple[int, int]] = []
    for hit in (*_known(text.raw), *detect(text.raw), *_named(text)):
        if _apart(taken, hit) and not _made_up(text.raw[hit.start : hit.end], hit.kind):
            insort(taken, (hit.start, hit.end))
            hits.append(hit)
    starts = [0, *(each.end() for each in re.finditer(rb"\n", text.raw))] if hits else [0]
    return [_finding(text, hit, starts) for hit in sorted(hits, key=lambda each: each.start)]


def _apart(taken: list[tuple[int, int]], hit: Hit) -> bool:
    """Say whether a hit overlaps none of the places that are taken, which are in order."""
    at = bisect_right(taken, (hit.start, hit.end))
    behind = at == 0 or taken[at - 1][1] <= hit.start
    return behind and (at == len(taken) or hit.end <= taken[at][0])


def _known(raw: bytes) -> Iterator[Hit]:
    lowered = raw.lower()
    for kind in KINDS:
        if kind.hint in lowered:
            for match in kind.pattern.finditer(raw):
                yield Hit(kind, *match.span("key"))


def _named(text: Text) -> Iterator[Hit]:
    if holds_settings(text.name):
        for match in BY_NAME.pattern.finditer(text.raw):
            yield Hit(BY_NAME, *match.span("key"))


def _made_up(value: bytes, kind: KeyKind) -> bool:
    """Say whether a value is an example's: it says so, or says one thing again and again."""
    body = value[len(kind.prefix) :]
    few = kind.binding is not None and len(set(body)) < _FEWEST_DIFFERENT
    return few or _MADE_UP.search(value) is not None


def _label(before: bytes) -> str:
    """Return the name that stands before a value; what has many digits could be a secret itself, and is none."""
    match = _LABEL.search(before)
    name = match[1].decode() if match else ""
    return name if sum(char.isdigit() for char in name) <= _MOST_DIGITS else ""


def _finding(text: Text, hit: Hit, starts: list[int]) -> Finding:
    line = bisect_right(starts, hit.start)
    before = text.raw[max(starts[line - 1], hit.start - _LABEL_REACH) : hit.start]
    return Finding(
        name=text.name,
        line=line,
        column=hit.start - starts[line - 1] + 1,
        start=hit.start,
        end=hit.end,
        label=_label(before),
        kind=hit.kind,
        value=Secret(text.raw[hit.start : hit.end]),
        exact=text.exact,
    )
