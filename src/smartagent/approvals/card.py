# SPDX-License-Identifier: Apache-2.0
"""The card: what will happen, in words that a person can trust.

Everything in it comes from an agent that may be lied to, so all of it is bounded, on one line, and shown for what it
is.  What stands for a secret is covered: by its name, by its looks, and by what the vault knows.  The digest covers
all of the deed, also what the card has no room for.

Spec: RFC 8259 section 4 (a name that comes twice has no agreed meaning: then nothing is taken apart).
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from smartagent.approvals.model import Card, Deed, Line
from smartagent.consent import visible
from smartagent.crypto import b64u, sha256

MAX_LINES: Final = 32
MAX_NAME_CHARS: Final = 80
MAX_VALUE_CHARS: Final = 160
MAX_TEXT_CHARS: Final = 800
MAX_CARD_CHARS: Final = 4096
MAX_DEPTH: Final = 16
COVERED: Final = "********"

_SECRET_WORDS: Final = frozenset(
    [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "secret",
        "token",
        "apikey",
        "credential",
        "credentials",
        "authorization",
        "cookie",
        "otp",
        "cvv",
        "cvc",
        "pin",
    ]
)
_SECRET_PAIRS: Final = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("secret", "key")})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LOOKS_SECRET: Final = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+|-----BEGIN|\b[spr]k_(?:live|test)_|\bgh[pousr]_|github_pat_|\bxox[abprs]-"
    r"|\bA[KS]IA[0-9A-Z]{16}|\bAIza|\bsak_|\bglpat-|(?i:\bbearer\s+\S)"
)
_FIRST: Final = (
    "amount", "amount_minor", "total", "price", "value", "currency", "quantity", "to", "recipient", "payee", "account", "iban",
    "email", "subject", "id", "name",
)  # fmt: skip
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_TEXTS: Final = frozenset({"application/xml", "application/graphql", "application/sql"})

IsSecret = Callable[[str], bool]
"""Says whether a text holds something that the vault keeps."""


class _Member(NamedTuple):
    path: str
    value: str


def digest_of(deed: Deed) -> str:
    """Return what names a deed: any other method, path, query, field, body or place has another one."""
    parts = (
        deed.kind, deed.upstream, deed.place, deed.method, deed.path, deed.query, deed.content_type,
        sorted(deed.fields), sha256(deed.body).hex(),
    )  # fmt: skip
    return b64u(sha256(msgspec.json.encode(parts)))


def card_of(deed: Deed, is_secret: IsSecret) -> Card:
    """Return what a person is shown of a deed.

    Args:
        deed: What will be done.
        is_secret: Whether a text holds something that the vault keeps.
    """
    notes: list[str] = []
    lines = [
        *(
            _line(f"?{name}", value, is_secret)
            for name, value in parse_qsl(deed.query, keep_blank_values=True)
        ),
        *_body_lines(deed, is_secret, notes),
        *(_line(f"field {name}", value, is_secret) for name, value in deed.fields),
    ]
    title = f"{deed.method} {deed.place}{deed.path}"
    if _hides(title, is_secret):
        title = f"{deed.method} {deed.place}/{COVERED}"
    kept = _bounded(lines)
    if len(kept) < len(lines):
        notes.append(f"{len(lines) - len(kept)} more members are not shown; the approval covers them all")
    return Card(_cut(f"{title} ({deed.upstream})", MAX_TEXT_CHARS), tuple(kept), tuple(notes))


def _body_lines(deed: Deed, is_secret: IsSecret, notes: list[str]) -> list[Line]:
    body, kind = deed.body, deed.content_type.partition(";")[0].strip().lower()
    if not body:
        return []
    coded = dict(deed.fields).get("content-encoding", "identity").lower() != "identity"
    if not coded and (kind == _JSON or kind.endswith("+json")):
        members = _members_of(body)
        if members is not None:
            ordered = sorted(members, key=lambda member: _rank(member.path))
            return [_line(each.path, each.value, is_secret) for each in ordered]
        notes.append("the body is not JSON that all readers understand alike, so it is shown as it is")
        return [_text_line(body, is_secret, notes)]
    if not coded and kind == _FORM:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
        return [_line(name, value, is_secret) for name, value in pairs]
    if not coded and (kind.startswith("text/") or kind in _TEXTS or kind.endswith("+xml")):
        return [_text_line(body, is_secret, notes)]
    notes.append("the body cannot be shown")
    shown = f"{len(body)} bytes of {kind or 'an unknown type'}, SHA-256 {sha256(body).hex()}"
    return [Line("body", _cut(shown, MAX_VALUE_CHARS))]


def _text_line(body: bytes, is_secret: IsSecret, notes: list[str]) -> Line:
    text = body.decode("utf-8", "replace")
    if len(text) > MAX_TEXT_CHARS:
        notes.append(f"the body has {len(text)} characters, of which the first {MAX_TEXT_CHARS} are shown")
    return Line("body", _cut(COVERED if _hides(text, is_secret) else text, MAX_TEXT_CHARS))


class _Ambiguous(ValueError):
    """A text that readers understand differently."""


def _members_of(body: bytes) -> list[_Member] | None:
    """Return the members of a JSON text, numbers as they were written; None when it is not plain JSON."""
    try:
        # A number stays the text that it was: `1e2` and `100.0` are what the other side will read.
        value: object = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=str,
            parse_int=str,
            parse_constant=_refuse,
        )
        return list(_flat("", value, 0))
    except (ValueError, RecursionError):
        return None


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous
    return found


def _refuse(_constant: str) -> object:
    raise _Ambiguous


def _flat(path: str, value: object, depth: int) -> Iterator[_Member]:
    if depth > MAX_DEPTH:
        raise _Ambiguous
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner, depth + 1)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _flat(f"{path}[{number}]", inner, depth + 1)
    elif isinstance(value, str):
        yield _Member(path or "body", value)
    else:
        yield _Member(path or "body", json.dumps(value))


def _rank(path: str) -> tuple[int, int]:
    # What lies deeper comes later: nobody can push the amount out of sight with forty others.
    last = path.rpartition(".")[2].lower()
    return _FIRST.index(last) if last in _FIRST else len(_FIRST), path.count(".") + path.count("[")


def _line(name: str, value: str, is_secret: IsSecret) -> Line:
    shown = _cut(name, MAX_NAME_CHARS) if not is_secret(name) else COVERED
    if _names_secret(name) or _hides(value, is_secret):
        return Line(shown, f"{COVERED} ({len(value)} characters, hidden)")
    return Line(shown, _cut(value, MAX_VALUE_CHARS))


def _hides(value: str, is_secret: IsSecret) -> bool:
    return _LOOKS_SECRET.search(value) is not None or is_secret(value)


def _names_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or not _SECRET_PAIRS.isdisjoint(pairwise(words))


def _cut(text: str, most: int) -> str:
    # Written out first: what is invisible may not hide where the end is.
    shown = visible(text[: most + 1])
    if len(shown) <= most and len(text) <= most:
        return shown
    return f"{shown[:most]}... (cut, {len(text)} characters in all)"


def _bounded(lines: Sequence[Line]) -> list[Line]:
    kept: list[Line] = []
    chars = 0
    for line in lines[:MAX_LINES]:
        chars += len(line.name) + len(line.value)
        if chars > MAX_CARD_CHARS:
            break
        kept.append(line)
    return kept
