# SPDX-License-Identifier: Apache-2.0
"""The codes: made here, shown once, and kept as hashes.

A device code and an `auth_req_id` have 256 bits, so a plain hash hides them.  A user code has 34, which can be
tried out: it is kept as a MAC, and whoever has only the store learns nothing.

Spec: RFC 8628 sections 5.2 and 6.1; CIBA Core section 7.3.
"""

from typing import Final

import msgspec

from smartagent.crypto import b64u, hmac_sha256, sha256
from smartagent.decoupled.rules import USER_CODE_CHARS, letters_of
from smartagent.kernel import Entropy, Secret

DEVICE_CODE_PREFIX: Final = "sdc_"
AUTH_REQ_ID_PREFIX: Final = "sar_"
_CODE_BYTES: Final = 32
_MAX_CODE_CHARS: Final = 128


class Code(msgspec.Struct, frozen=True):
    """A fresh code, and the hash that is kept of it."""

    code: str
    code_hash: bytes

    def __repr__(self) -> str:
        return "Code(********)"


def make_code(prefix: str, entropy: Entropy) -> Code:
    """Make a device code or an `auth_req_id` of 256 bits."""
    code = prefix + b64u(entropy(_CODE_BYTES))
    return Code(code, hash_of(code))


def hash_of(code: str) -> bytes:
    """Return the hash under which a code (claimed) is kept."""
    return sha256(code[:_MAX_CODE_CHARS].encode())


def make_user_code(entropy: Entropy) -> str:
    """Make a user code of eight letters."""
    letters = ""
    while len(letters) < USER_CODE_CHARS:
        letters += letters_of(entropy(USER_CODE_CHARS))
    return letters[:USER_CODE_CHARS]


def mac_of(key: Secret[bytes], user_code: str) -> bytes:
    """Return the MAC under which a user code is kept; one that cannot be a code has one, too."""
    return hmac_sha256(key, b"user-code/" + user_code.encode())
