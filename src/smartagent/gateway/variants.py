# SPDX-License-Identifier: Apache-2.0
"""All the ways in which an upstream may write a secret into its answer.

Plain; base64 in both alphabets at the three alignments that it can have inside a longer text; hex;
percent-encoded (what must be, everything, both cases); escaped for JSON and HTML.  Of base64 only the
letters that the secret alone decides are searched for: those beside them depend on its neighbours.
"""

import base64
import html
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

from smartagent.kernel import Secret

_MIN_DERIVED: Final = 6
"""Shorter base64 cores would be found by chance in any text."""
_MIN_PART: Final = 4
_ANCHOR_BYTES: Final = 12
TEAR_BYTES: Final = 4


class Variants:
    """What to search for, prepared once per secret.  Prints nothing of it."""

    __slots__ = ("anchors", "longest", "middles", "needles", "prefixes")

    def __init__(self, secrets: Iterable[Secret[bytes]]) -> None:
        found: set[bytes] = set()
        for secret in secrets:
            found.update(forms_of(secret))
        found.discard(b"")
        # A needle that holds another as its beginning is still needed: it reaches further.
        self.needles: tuple[bytes, ...] = tuple(sorted(found, key=len, reverse=True))
        self.longest: int = max((len(needle) for needle in self.needles), default=0)
        self.anchors: tuple[bytes, ...] = _anchors(self.needles)
        """Few short strings of which every needle holds one: what holds none of them holds no needle."""
        self.prefixes: frozenset[bytes] = frozenset(
            needle[:size] for needle in self.needles for size in range(1, len(needle))
        )
        self.middles: frozenset[bytes] = frozenset(
            needle[start : start + TEAR_BYTES]
            for needle in self.needles
            for start in range(len(needle) - TEAR_BYTES)
        )
        """What a needle of which more than `TEAR_BYTES` have come can break off after."""

    def __repr__(self) -> str:
        return "Variants(********)"


def _anchors(needles: Iterable[bytes]) -> tuple[bytes, ...]:
    # A greedy cover: most forms of a secret share a run of plain letters, and one look finds them all.
    left = set(needles)
    anchors = []
    while left:
        counts = Counter(piece for needle in left for piece in _pieces(needle))
        # Ties by the bytes themselves, so that the same secret always gives the same anchors.
        anchor = max(counts, key=lambda piece: (counts[piece], piece))
        found = [needle for needle in left if anchor in needle]
        anchors.append(_grown(anchor, found))
        left.difference_update(found)
    return tuple(anchors)


def _grown(anchor: bytes, needles: list[bytes]) -> bytes:
    # The longer a string, the faster it is not found: take in what all its needles have around it.
    first = needles[0]
    begin = first.find(anchor)
    end = begin + len(anchor)
    while begin and all(first[begin - 1 : end] in needle for needle in needles):
        begin -= 1
    while end < len(first) and all(first[begin : end + 1] in needle for needle in needles):
        end += 1
    return first[begin:end]


def _pieces(needle: bytes) -> set[bytes]:
    if len(needle) <= _ANCHOR_BYTES:
        return {needle}
    return {needle[start : start + _ANCHOR_BYTES] for start in range(len(needle) - _ANCHOR_BYTES + 1)}


def forms_of(secret: Secret[bytes]) -> set[bytes]:
    """Return every form in which a secret is searched for."""
    plain = secret.reveal()
    forms = _forms(plain)
    # Servers that decode Basic show user and password apart.
    user, colon, password = plain.partition(b":")
    if colon and user and len(password) >= _MIN_PART:
        forms |= _forms(password)
    return forms


def _forms(secret: bytes) -> set[bytes]:
    forms = {secret, secret.hex().encode(), secret.hex().upper().encode(), secret.hex(" ").encode()}
    forms |= _base64_forms(secret)
    forms |= _percent_forms(secret)
    try:
        forms |= _escaped_forms(secret.decode())
    except UnicodeDecodeError:
        # It is shown as text only after somebody guessed an encoding.
        forms |= _escaped_forms(secret.decode("latin-1"))
    return forms


def _base64_forms(secret: bytes) -> set[bytes]:
    forms = {base64.b64encode(secret), base64.b64encode(secret).rstrip(b"=")}
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + secret)
        first = (shift * 8 + 5) // 6
        last = (shift + len(secret)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= _MIN_DERIVED:
            forms.add(core)
    return forms | {form.translate(bytes.maketrans(b"+/", b"-_")) for form in forms}


def _percent_forms(secret: bytes) -> set[bytes]:
    needed = quote(secret, safe="")
    lower = re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), needed)
    every = "".join(f"%{byte:02X}" for byte in secret)
    kept = quote(secret, safe="/:@!$&'()*+,;=~")
    texts = {
        needed,
        lower,
        every,
        every.lower(),
        kept,
        quote_plus(secret),
        quote_plus(secret).replace("%20", "+"),
    }
    return {text.encode() for text in texts}


def _escaped_forms(text: str) -> set[bytes]:
    plain = json.dumps(text)[1:-1]
    raw = json.dumps(text, ensure_ascii=False)[1:-1]
    texts = {plain, raw, plain.replace("/", "\\/"), raw.replace("/", "\\/")}
    # Go, .NET, Rails and PHP escape what HTML could misread.
    for base in tuple(texts):
        for digits in ("{:04x}", "{:04X}"):
            texts.add(re.sub(r"[<>&'+`=]", lambda match: "\\u" + digits.format(ord(match[0])), base))  # noqa: B023 -- called at once
            texts.add(re.sub(r"[<>&]", lambda match: "\\u" + digits.format(ord(match[0])), base))  # noqa: B023 -- called at once
    for digits in ("{:04x}", "{:04X}"):
        texts.add("".join("\\u" + digits.format(ord(letter)) for letter in text if ord(letter) < 0x10000))  # noqa: PLR2004 -- one UTF-16 unit
    texts |= {html.escape(text), html.escape(text).replace("&#x27;", "&#39;"), html.escape(text, quote=False)}
    return {form.encode() for form in texts}
