# SPDX-License-Identifier: Apache-2.0
"""JSON that every reader understands alike, or none.

RFC 8259 section 4 leaves it open what a name that comes twice means, so one party may check the
first and another act on the last.  Such texts are refused, and with them NaN, numbers beyond a
double, lone surrogates, and nesting made to exhaust a stack.
"""

import json
import math
import re
from typing import Final, NoReturn

import msgspec

from smartagent.crypto.errors import MalformedJson

MAX_DEPTH: Final = 32
_DECODE: Final = msgspec.json.Decoder().decode
_ENCODE: Final = msgspec.json.Encoder().encode
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")


def strict_json(raw: bytes, max_bytes: int) -> object:
    """Read `raw` as one JSON value.

    Args:
        raw: UTF-8, without a byte order mark.
        max_bytes: More than this is refused unread.

    Raises:
        MalformedJson: It is too long or too deep, not JSON, or has a name twice in one object.
    """
    if len(raw) > max_bytes:
        raise MalformedJson(f"more than {max_bytes} bytes")
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        # What comes out byte for byte as it went in had no name twice: the second would be gone.
        try:
            value: object = _DECODE(raw)
            if _ENCODE(value) == raw:
                return value
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass
    return _slowly(raw)


def _slowly(raw: bytes) -> object:
    try:
        text = raw.decode("utf-8")
        _refuse_depth(text)
        value: object = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
        )
        if "\\u" in text:
            # A lone surrogate is no character and has no UTF-8.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise MalformedJson("not well-formed JSON in UTF-8") from None
    return value


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(members)
    if len(value) != len(members):
        raise MalformedJson("a name comes twice in one object")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise MalformedJson("NaN and Infinity are not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise MalformedJson("a number is out of range")
    return value


def _refuse_depth(text: str) -> None:
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise MalformedJson(f"nested deeper than {MAX_DEPTH}")
