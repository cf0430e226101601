# SPDX-License-Identifier: Apache-2.0
"""SCIM filters: read once, asked of each resource.  Pure.

    or  ->  and  ->  not  ->  ( ... ) | attribute operator value | attribute pr

Texts are compared without regard to case, unless the attribute says that case matters.

Spec: RFC 7644 section 3.4.2.2.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from smartagent.governance.errors import ScimMalformed

MAX_FILTER_CHARS: Final = 1024
_MAX_DEPTH: Final = 16
_TOKEN: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[()]|[^\s()"]+)')
_EXACT: Final = frozenset({"id", "externalid"})

Test = Callable[[Mapping[str, object]], bool]
Compare = Callable[[str, str], bool]

_COMPARE: Final[dict[str, Compare]] = {
    "eq": lambda have, want: have == want,
    "co": lambda have, want: want in have,
    "sw": lambda have, want: have.startswith(want),
    "ew": lambda have, want: have.endswith(want),
}


def parse_filter(text: str) -> Test:
    """Return the test that a filter is.

    Raises:
        ScimMalformed: It is none, or uses what is not served.
    """
    if len(text) > MAX_FILTER_CHARS:
        raise ScimMalformed(f"a filter has at most {MAX_FILTER_CHARS} characters", "invalidFilter")
    reader = _Reader(_tokens(text))
    test = reader.any_of(0)
    reader.end()
    return test


def equal_to(text: str) -> tuple[str, str] | None:
    """Return the attribute (in lower case) and the value of a filter that is one comparison with `eq`."""
    tokens = _tokens(text) if len(text) <= MAX_FILTER_CHARS else []
    if len(tokens) != 3 or tokens[1].lower() != "eq" or not tokens[2].startswith('"'):  # noqa: PLR2004 -- three words
        return None
    return _attribute(tokens[0]), _value(tokens[2])


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ScimMalformed("the filter cannot be read", "invalidFilter")
        tokens.append(found[1])
        at = found.end()
    return tokens


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def any_of(self, depth: int) -> Test:
        if depth > _MAX_DEPTH:
            raise ScimMalformed("the filter is nested too deep", "invalidFilter")
        tests = [self._all_of(depth)]
        while self._takes("or"):
            tests.append(self._all_of(depth))
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise ScimMalformed("the filter goes on where it should end", "invalidFilter")

    def _all_of(self, depth: int) -> Test:
        tests = [self._one(depth)]
        while self._takes("and"):
            tests.append(self._one(depth))
        return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)

    def _one(self, depth: int) -> Test:
        if self._takes("not"):
            if not self._takes("("):
                raise ScimMalformed("not stands before parentheses", "invalidFilter")
            inner = self._inner(depth)
            return lambda document: not inner(document)
        if self._takes("("):
            return self._inner(depth)
        return self._comparison()

    def _inner(self, depth: int) -> Test:
        inner = self.any_of(depth + 1)
        if not self._takes(")"):
            raise ScimMalformed("a parenthesis is not closed", "invalidFilter")
        return inner

    def _comparison(self) -> Test:
        path, operator = self._next(), self._next().lower()
        name = _attribute(path)
        if operator == "pr":
            return lambda document: any(value != "" for value in values_at(document, name))
        if operator == "ne":
            equal = _compared(name, "eq", self._next())
            return lambda document: not equal(document)
        return _compared(name, operator, self._next())

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise ScimMalformed("the filter ends too early", "invalidFilter")
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].lower() == word:
            self._at += 1
            return True
        return False


def _compared(name: str, operator: str, raw: str) -> Test:
    compare = _COMPARE.get(operator)
    if compare is None:
        raise ScimMalformed("served are eq, ne, co, sw, ew, pr, and, or, not", "invalidFilter")
    want = _value(raw)
    if name.partition(".")[0] not in _EXACT:
        want = want.lower()
        return lambda document: any(compare(value.lower(), want) for value in values_at(document, name))
    return lambda document: any(compare(value, want) for value in values_at(document, name))


def values_at(document: Mapping[str, object], name: str) -> list[str]:
    """Return the values, as text, that stand at an attribute or one of its parts (in lower case).

    Without a part, what has parts stands for its `value`.
    """
    head, _, part = name.partition(".")
    found = next((value for key, value in document.items() if key.lower() == head), None)
    values = found if isinstance(found, list) else [found]
    texts = []
    for value in values:
        inner = value
        if isinstance(value, dict):
            inner = next((each for key, each in value.items() if str(key).lower() == (part or "value")), None)
        elif part:
            inner = None
        if isinstance(inner, bool):
            texts.append("true" if inner else "false")
        elif isinstance(inner, str | int):
            texts.append(str(inner))
    return texts


def _attribute(path: str) -> str:
    # `urn:...:User:userName` is `userName`.
    return path.rpartition(":")[2].lower()


def _value(raw: str) -> str:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        raise ScimMalformed(
            "a value is a text in quotation marks, true, false or a number", "invalidFilter"
        ) from None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int):
        raise ScimMalformed("a value is a text in quotation marks, true, false or a number", "invalidFilter")
    return str(value)
