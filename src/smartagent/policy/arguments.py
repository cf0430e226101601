# SPDX-License-Identifier: Apache-2.0
"""Names with wildcards, and what a rule asks of a tool call's arguments.

    get-*       any name that begins so; `*` stands for any run of characters, slashes too
    owner       the member `owner` of the arguments
    files.*     every element of the list, or every member of the object, `files`

A rule is held to each value that its path leads to.  A path that leads nowhere fails, unless the rule is
optional: what is not said may have a default that nobody looked at.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from smartagent.policy.model import ArgumentRule

MAX_PATTERN_CHARS: Final = 256
_WILDCARD: Final = "*"


def matches(pattern: str, text: str) -> bool:
    """Say whether `text` is one that `pattern` means.  Linear in the text for each wildcard."""
    pieces = pattern.split(_WILDCARD)
    if len(pieces) == 1:
        return pattern == text
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def failing(rules: tuple[ArgumentRule, ...], arguments: Mapping[str, object]) -> ArgumentRule | None:
    """Return the first of `rules` that `arguments` do not keep to; None when they keep to all."""
    for rule in rules:
        values = list(_values(arguments, rule.path.split(".")))
        if (not values and not rule.optional) or not all(_holds(rule, value) for value in values):
            return rule
    return None


class _Absent:
    """What a path leads to where nothing is: it keeps to no rule."""


_ABSENT: Final = _Absent()


def _values(node: object, path: list[str]) -> Iterator[object]:
    if not path:
        yield node
        return
    head, rest = path[0], path[1:]
    if head == _WILDCARD:
        members = (
            node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else [_ABSENT]
        )
        for member in members:
            yield from _values(member, rest)
    elif isinstance(node, Mapping):
        if head in node:
            yield from _values(node[head], rest)
    else:
        # Something else stands where the rule looks for an object: a server may read it in its own way.
        yield _ABSENT


def _holds(rule: ArgumentRule, value: object) -> bool:
    if rule.one_of:
        # `True == 1` in Python, and not in JSON.
        return any(type(value) is type(each) and value == each for each in rule.one_of)
    if rule.minimum is not None or rule.maximum is not None:
        return _within(rule, value)
    if not isinstance(value, str) or _climbs(rule, value):
        return False
    return matches(rule.pattern, value) if rule.pattern else value.startswith(rule.prefix)


def _climbs(rule: ArgumentRule, value: str) -> bool:
    # What is bounded by a directory must not leave it again: /srv/../etc begins with /srv/.
    return "/" in rule.prefix + rule.pattern and ".." in value.replace("\\", "/").split("/")


def _within(rule: ArgumentRule, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    low = rule.minimum is None or value >= rule.minimum
    return low and (rule.maximum is None or value <= rule.maximum)
