# SPDX-License-Identifier: Apache-2.0
"""Base64, strictly: every byte string has one spelling, and no other is read.

Leniency here would give one token many spellings, and so defeat whatever remembers tokens by
their text (replay checks, revocation, caches).

Spec: RFC 4648 sections 3.5, 4 and 5; RFC 7515 section 2 (no padding in base64url).
"""

from binascii import Error, a2b_base64, b2a_base64
from typing import Final

from smartagent.crypto.errors import MalformedEncoding

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# What base64url does not have becomes "!", which the strict decoder refuses.
_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
# The letters that may come last when their low bits carry no data (RFC 4648 section 3.5).
_LAST_OF_TWO: Final = b"AQgw"
_LAST_OF_THREE: Final = b"AEIMQUYcgkosw048"


def b64u(raw: bytes) -> str:
    """Return base64url without padding."""
    return b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def unb64u(text: str | bytes) -> bytes:
    """Read base64url: no padding, no white space, no stray bits.

    Raises:
        MalformedEncoding: `text` is not what `b64u` returns.
    """
    try:
        raw = text if isinstance(text, bytes) else text.encode("ascii")
        over = len(raw) & 3
        if over == 0:
            return a2b_base64(raw.translate(_TO_STANDARD), strict_mode=True)
        if over == 1 or raw[-1] not in (_LAST_OF_TWO if over == 2 else _LAST_OF_THREE):  # noqa: PLR2004 -- letters
            raise MalformedEncoding("the last group is not canonical base64url")
        return a2b_base64(raw.translate(_TO_STANDARD) + b"=="[over - 2 :], strict_mode=True)
    except (Error, UnicodeEncodeError):
        raise MalformedEncoding("a character is not of base64url") from None


def b64(raw: bytes) -> str:
    """Return standard base64, padded."""
    return b2a_base64(raw, newline=False).decode("ascii")


def unb64(text: str) -> bytes:
    """Read standard base64: padded, no white space, no stray bits.

    Raises:
        MalformedEncoding: `text` is not what `b64` returns.
    """
    try:
        raw = a2b_base64(text.encode("ascii"), strict_mode=True)
    except (Error, UnicodeEncodeError):
        raise MalformedEncoding("not base64") from None
    if b64(raw) != text:
        raise MalformedEncoding("not canonical base64")
    return raw
