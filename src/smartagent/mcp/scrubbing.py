# SPDX-License-Identifier: Apache-2.0
"""The second line: nothing that a server says shows its own credential.

Every text of a result is searched, and every name of a member, in all the ways in which a secret can be
written.  Numbers are searched as they are written, and become text where they would show it.
"""

from collections.abc import Iterable
from typing import Final

from smartagent.gateway import Scrubber, Variants
from smartagent.kernel import Secret

_MAX_DEPTH: Final = 64
_CUT: Final = "*"


def variants_of(secrets: Iterable[Secret[bytes]]) -> Variants:
    """Return what to search for: each secret, and what becomes of its UTF-8 where somebody reads it as Latin-1."""
    known = tuple(secrets)
    return Variants((*known, *(_misread(each) for each in known)))


def _misread(secret: Secret[bytes]) -> Secret[bytes]:
    return Secret(secret.reveal().decode("latin-1").encode())


def scrubbed(value: object, variants: Variants, depth: int = 0) -> object:
    """Return a JSON value without the secret; what is nested deeper than any result is cut off."""
    if depth > _MAX_DEPTH:
        return _CUT
    match value:
        case str():
            return scrubbed_text(value, variants)
        case int() | float() | None:
            shown = str(value)
            clean = scrubbed_text(shown, variants)
            return value if clean == shown else clean
        case dict():
            return {
                scrubbed_text(str(name), variants): scrubbed(each, variants, depth + 1)
                for name, each in value.items()
            }
        case list():
            return [scrubbed(each, variants, depth + 1) for each in value]
        case _:
            # Nothing else comes out of JSON.
            return _CUT


def scrubbed_text(text: str, variants: Variants) -> str:
    """Return a text without the secret, and without halves of characters, which no JSON can carry."""
    clean = Scrubber(variants).finish(text.encode("utf-8", "surrogatepass"))
    # An asterisk for each byte: a character of several becomes as many.
    return clean.decode("utf-8", "replace")


def scrubbed_object(value: dict[str, object], variants: Variants) -> dict[str, object]:
    """Return a JSON object without the secret."""
    clean = scrubbed(value, variants)
    return clean if isinstance(clean, dict) else {}
