# SPDX-License-Identifier: Apache-2.0
"""Hashes, MACs and derived keys."""

import hmac
from hashlib import sha256 as _sha256
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from smartagent.kernel import Secret

CLAIM_KEY_BYTES: Final = 16
KEY_BYTES: Final = 32


def sha256(raw: bytes) -> bytes:
    """Return the SHA-256 of `raw`."""
    return _sha256(raw).digest()


def claim_key(purpose: str, *parts: str) -> bytes:
    """Name something that can be used once, in 16 bytes.

    Each part is framed by its length, so that no two lists of parts share a name: neither
    `("ab", "c")` and `("a", "bc")`, nor two purposes.
    """
    framed = bytearray()
    for part in (purpose, *parts):
        raw = part.encode()
        framed += len(raw).to_bytes(4)
        framed += raw
    return _sha256(framed).digest()[:CLAIM_KEY_BYTES]


def hmac_sha256(key: Secret[bytes], message: bytes) -> bytes:
    """Return the 32-byte HMAC-SHA-256 of `message`."""
    return hmac.digest(key.reveal(), message, "sha256")


def equal(left: bytes, right: bytes) -> bool:
    """Compare in a time that does not depend on where the two differ."""
    return hmac.compare_digest(left, right)


def derive(root: Secret[bytes], purpose: str) -> Secret[bytes]:
    """Return the 32-byte key for `purpose`; keys of different purposes tell nothing of each other.

    Spec: RFC 5869, with SHA-256, no salt, and `smartagent/v1/<purpose>` as info.
    """
    info = b"smartagent/v1/" + purpose.encode()
    return Secret(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(root.reveal()))
