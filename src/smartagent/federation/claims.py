# SPDX-License-Identifier: Apache-2.0
"""Rules over claims: how one is found, and what a pattern matches.  Pure.

    repo:acme/shop          that value and no other
    repo:acme/*             one segment stands for `*`: neither empty, nor with `/` or `:` in it
    kubernetes.io.pod.name  the longest name that is there is taken first: "kubernetes.io", "pod", "name"

A `*` is always a whole segment: `acme*` would let in whoever registers `acme-evil`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from smartagent.federation.model import Rule

MAX_NAME_CHARS: Final = 128
MAX_PATTERN_CHARS: Final = 512
MAX_CONDITIONS: Final = 16
_STAR: Final = "*"
_SEPARATORS: Final = re.compile(r"([/:])")
_PRINTABLE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def claim_at(claims: Mapping[str, object], name: str) -> object | None:
    """Return the claim of that name, which may be nested; None when there is none.

    A name that is there to the letter goes before one that is nested, a longer one before a shorter, and
    nothing is tried twice: two claims can never be taken for one another.
    """
    if name in claims:
        return claims[name]
    parts = name.split(".")
    for size in range(len(parts) - 1, 0, -1):
        head = ".".join(parts[:size])
        if head in claims:
            inner = claims[head]
            return claim_at(inner, ".".join(parts[size:])) if isinstance(inner, Mapping) else None
    return None


def text_at(claims: Mapping[str, object], name: str) -> str:
    """Return the claim of that name when it is a text, and else the empty one."""
    found = claim_at(claims, name)
    return found if isinstance(found, str) else ""


def is_line(raw: object, most_chars: int) -> bool:
    """Say whether `raw` is one line of text that can be shown and logged."""
    return isinstance(raw, str) and len(raw) <= most_chars and _PRINTABLE.fullmatch(raw) is not None


def why_no_pattern(raw: str) -> str:
    """Say what is wrong with a pattern; empty when nothing is."""
    if not is_line(raw, MAX_PATTERN_CHARS):
        return f"a value is one line of 1 to {MAX_PATTERN_CHARS} characters"
    if any(_STAR in part and part != _STAR for part in _SEPARATORS.split(raw)):
        return "`*` stands for a whole segment between / or : and not for a part of one"
    return ""


def is_bound(pattern: str) -> bool:
    """Say whether a pattern has any text of its own, so that it does not match everything."""
    return any(
        part and part != _STAR and not _SEPARATORS.fullmatch(part) for part in _SEPARATORS.split(pattern)
    )


def matches(pattern: str, value: object) -> bool:
    """Say whether a claim's value is what the pattern says.

    A list matches when one of its members does; a number or a truth value by its JSON text.
    """
    match value:
        case bool():
            return pattern == ("true" if value else "false")
        case int():
            return pattern == str(value)
        case str():
            return _compiled(pattern).fullmatch(value) is not None if _STAR in pattern else pattern == value
        case list():
            return any(not isinstance(one, list) and matches(pattern, one) for one in value)
        case _:
            return False


def rule_for(rules: tuple[Rule, ...], claims: Mapping[str, object]) -> tuple[int, Rule] | None:
    """Return the first rule whose conditions all hold, with its number from 1."""
    for number, rule in enumerate(rules, 1):
        if all(matches(pattern, claim_at(claims, name)) for name, pattern in rule.claims.items()):
            return number, rule
    return None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = ("[^/:]+" if part == _STAR else re.escape(part) for part in _SEPARATORS.split(pattern))
    return re.compile("".join(parts))
