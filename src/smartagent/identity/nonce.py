# SPDX-License-Identifier: Apache-2.0
"""Nonces: made, checked, and not stored; the instant, the chance and the key are arguments.

A nonce says itself until when it lives, and a MAC over it, the purpose and the principal says
that it is ours.  That it works once is a claim's business.

    random (16) | expires_at (4, big-endian) | MAC (16)
"""

from typing import Final

from smartagent.crypto import MalformedEncoding, b64u, claim_key, equal, hmac_sha256, sha256, unb64u
from smartagent.edge import AuthenticationFailed
from smartagent.identity.model import Purpose
from smartagent.kernel import Claim, Secret

NONCE_LIFE_SECONDS: Final = 60
NONCE_CHANCE_BYTES: Final = 16
_MAC_BYTES: Final = 16
_NONCE_CHARS: Final = 48
_SHORT_ID_CHARS: Final = 16


def make_nonce(key: Secret[bytes], purpose: Purpose, principal: str, *, now: float, chance: bytes) -> str:
    """Make a nonce that only `principal` can use, for `purpose`, once, within a minute.

    Args:
        key: The nonce key; every node of a house has the same.
        purpose: What the signature over it will be good for.
        principal: An agent's or operator's id.
        now: Unix seconds.
        chance: 16 bytes that nobody can guess.
    """
    expires_at = int(now) + NONCE_LIFE_SECONDS
    body = chance + expires_at.to_bytes(4)
    return b64u(body + _mac(key, purpose, principal, body))


def check_nonce(key: Secret[bytes], purpose: Purpose, principal: str, nonce: str, *, now: float) -> Claim:
    """Return the claim that makes `nonce` work once.

    Raises:
        AuthenticationFailed: It is not ours, not for this purpose or principal, or its time is over.
    """
    if len(nonce) != _NONCE_CHARS:
        raise AuthenticationFailed("the nonce is malformed")
    try:
        raw = unb64u(nonce)
    except MalformedEncoding:
        raise AuthenticationFailed("the nonce is malformed") from None
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if not equal(mac, _mac(key, purpose, principal, body)):
        raise AuthenticationFailed("the nonce is not ours, or for another principal or purpose")
    expires_at = int.from_bytes(body[NONCE_CHANCE_BYTES:])
    if now >= expires_at:
        raise AuthenticationFailed("the nonce has expired")
    return Claim(claim_key("nonce", nonce), expires_at, AuthenticationFailed("the nonce was used"))


def _mac(key: Secret[bytes], purpose: Purpose, principal: str, body: bytes) -> bytes:
    # Neither a purpose nor an id has a line feed, and the body's length is fixed: the framing is unambiguous.
    return hmac_sha256(key, f"{purpose.value}\n{principal}\n".encode() + body)[:_MAC_BYTES]


def short_id(nonce: str) -> str:
    """Name a nonce in the log without showing it."""
    return sha256(nonce.encode())[: _SHORT_ID_CHARS // 2].hex()
