# SPDX-License-Identifier: Apache-2.0
"""What the house calls somebody whom an outside issuer vouches for."""

from typing import Final

from smartagent.crypto import sha256
from smartagent.kernel import IdPrefix

# Crockford's, as in every id of the house.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LETTERS: Final = 26


def person_id(issuer: str, subject: str) -> str:
    """Return the id of `subject` of `issuer`: the same on every node, and another for another issuer.

    Args:
        issuer: A token's `iss`.
        subject: Its `sub`, which means nothing without the issuer (OpenID Connect Core section 2).
    """
    value = int.from_bytes(sha256(f"{issuer}\n{subject}".encode())) >> (256 - 5 * _LETTERS)
    letters = (_ALPHABET[value >> shift & 0x1F] for shift in range(5 * (_LETTERS - 1), -1, -5))
    return f"{IdPrefix.PERSON.value}_{''.join(letters)}"
