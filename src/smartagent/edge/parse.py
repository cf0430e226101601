# SPDX-License-Identifier: Apache-2.0
"""Bodies into types.  What two readers could understand differently is refused, not guessed.

Spec: RFC 8259 section 4 (a duplicate name has no agreed meaning), RFC 6749 section 3.2 (a
parameter comes once; one without a value counts as absent), WHATWG URL section 5.1.
"""

import re
from functools import lru_cache
from typing import Final, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from smartagent.crypto import strict_json
from smartagent.edge.errors import MalformedRequest

T = TypeVar("T")

MAX_FIELDS: Final = 64
MAX_NAME_CHARS: Final = 64
MAX_REASON_CHARS: Final = 240
_CACHED_CHARS: Final = 96
_MISSPELT: Final = re.compile("[a-z]{1,12}(?:_[a-z]{1,12}){0,2}")
_HEX: Final = frozenset("0123456789abcdefABCDEF")


def parse_json(body: bytes, schema: type[T]) -> T:
    """Read `body` as one JSON value of the shape `schema` says.

    Types are strict: `"5"` is no number.  Members that the schema does not have are refused,
    so that a misspelt limit is an error and not a default.

    Args:
        body: As received; its size was bounded by the route.
        schema: A `msgspec.Struct`, or any type that msgspec reads.

    Raises:
        SmartAgentError: It is not; the text names the member.
    """
    if not body:
        raise MalformedRequest("send a JSON body")
    value = strict_json(body, len(body))
    _refuse_unknown_members(value, schema)
    try:
        return msgspec.convert(value, schema)
    except msgspec.ValidationError as error:
        raise MalformedRequest(str(error)[:MAX_REASON_CHARS]) from error


def parse_form(body: bytes, repeatable: frozenset[str] = frozenset()) -> dict[str, str]:
    """Read `body` as `application/x-www-form-urlencoded`.

    Args:
        body: As received; its size was bounded by the route.
        repeatable: Names that may come more than once; their values are joined by a line feed, which no
            single value of them can hold.

    Returns:
        Name to value; a parameter without a value is absent.

    Raises:
        MalformedRequest: Another name comes twice, an escape is broken, or there are too many fields.
    """
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedRequest("a form is ASCII; percent-encode the rest") from None
    fields: dict[str, str] = {}
    pairs = text.split("&") if text else []
    if len(pairs) > MAX_FIELDS:
        raise MalformedRequest(f"more than {MAX_FIELDS} fields")
    for pair in pairs:
        raw_name, _, raw_value = pair.partition("=")
        name = _decoded(raw_name)
        if not name or len(name) > MAX_NAME_CHARS:
            raise MalformedRequest("a field's name is empty or too long")
        value = _decoded(raw_value)
        if name in fields:
            if name not in repeatable:
                raise MalformedRequest(f"the field {name!r} comes more than once")
            value = f"{fields[name]}\n{value}"
        if name in repeatable and "\n" in _decoded(raw_value):
            raise MalformedRequest(f"the field {name!r} holds a line feed")
        fields[name] = value
    return {name: value for name, value in fields.items() if value}


def _decoded(raw: str) -> str:
    if "%" not in raw and "+" not in raw:
        return raw
    # Names and short values (`urn%3Aietf...`) repeat in every request; long ones are not worth keeping.
    return _unquoted_and_kept(raw) if len(raw) <= _CACHED_CHARS else _unquoted(raw)


def _unquoted(raw: str) -> str:
    for escape in raw.split("%")[1:]:
        if len(escape) < 2 or escape[0] not in _HEX or escape[1] not in _HEX:  # noqa: PLR2004 -- two hex digits
            raise MalformedRequest("a percent escape is broken")
    try:
        return unquote_to_bytes(raw.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise MalformedRequest("a field is not UTF-8") from None


_unquoted_and_kept = lru_cache(maxsize=512)(_unquoted)


def _refuse_unknown_members(value: object, schema: type[T]) -> None:
    # A struct may forbid unknown members itself; here nobody can forget to.
    known: object = getattr(schema, "__struct_encode_fields__", None)
    if not isinstance(known, tuple) or not isinstance(value, dict):
        return
    for name in value:
        if name not in known:
            # The reason is recorded for good, so what might be a misplaced secret is not repeated.
            shown = f"unknown member {name!r}" if _MISSPELT.fullmatch(str(name)) else "an unknown member"
            raise MalformedRequest(f"{shown}; known: {', '.join(known)}")
