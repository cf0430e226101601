# SPDX-License-Identifier: Apache-2.0
"""Sealed secrets: a fresh data key for each, wrapped by another key.

    1 |              nonce 12 | wrapped data key 32 + 16 | nonce 12 | ciphertext | 16      wrapped by the root key
    2 | number 4 |   nonce 12 | wrapped data key 32 + 16 | nonce 12 | ciphertext | 16      by sealing key `number`

Both layers carry the secret's identity as associated data, so an envelope that is moved to
another name does not open, and the two layers cannot stand in for each other.  The inner layer does not know
which key wraps its data key, so wrapping it anew leaves the ciphertext as it is.
"""

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smartagent.crypto.digest import KEY_BYTES
from smartagent.crypto.errors import CannotUnseal
from smartagent.kernel import Entropy, Secret

ROOT_NUMBER: Final = 0
_BY_ROOT: Final = b"\x01"
_BY_NUMBER: Final = b"\x02"
_NUMBER_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_WRAPPED_BYTES: Final = _NONCE_BYTES + KEY_BYTES + _TAG_BYTES
_NONCE_AT: Final = KEY_BYTES + _NONCE_BYTES
_DATA: Final = b"smartagent/v1/sealed/data\x00"
_ROOT_KEY: Final = b"smartagent/v1/sealed/key\x00"
_SHORTEST: Final = _WRAPPED_BYTES + _NONCE_BYTES + _TAG_BYTES


def seal(
    plaintext: Secret[bytes],
    wrapping: Secret[bytes],
    identity: str,
    entropy: Entropy,
    number: int = ROOT_NUMBER,
) -> bytes:
    """Seal `plaintext` so that only `wrapping` opens it, and only under `identity`.

    Args:
        plaintext: What to keep.
        wrapping: The key that wraps the data key, 32 bytes.
        identity: What the envelope belongs to, e.g. a secret's id and version.
        entropy: Gives the data key and both nonces.
        number: The wrapping key's; 0 is the root key.

    Raises:
        CannotUnseal: The key has another length, so nothing it sealed could be opened.
    """
    fresh = entropy(KEY_BYTES + 2 * _NONCE_BYTES)
    data_key, wrap_nonce, nonce = fresh[:KEY_BYTES], fresh[KEY_BYTES:_NONCE_AT], fresh[_NONCE_AT:]
    named = identity.encode()
    wrapped = _cipher(wrapping.reveal()).encrypt(wrap_nonce, data_key, _layer(number) + named)
    body = AESGCM(data_key).encrypt(nonce, plaintext.reveal(), _DATA + named)
    return b"".join((mark_of(number), wrap_nonce, wrapped, nonce, body))


def unseal(sealed: bytes, wrapping: Secret[bytes], identity: str) -> Secret[bytes]:
    """Open what `seal` made with the same key.

    Raises:
        CannotUnseal: Another key, another identity, or bytes that were touched or cut.
    """
    number = number_of(sealed)
    at = _mark_bytes(number)
    nonce_at = at + _WRAPPED_BYTES
    named = identity.encode()
    try:
        data_key = _cipher(wrapping.reveal()).decrypt(
            sealed[at : at + _NONCE_BYTES], sealed[at + _NONCE_BYTES : nonce_at], _layer(number) + named
        )
        body_at = nonce_at + _NONCE_BYTES
        return Secret(AESGCM(data_key).decrypt(sealed[nonce_at:body_at], sealed[body_at:], _DATA + named))
    except InvalidTag:
        raise CannotUnseal("wrong key, wrong identity, or damaged") from None


def rewrap(
    sealed: bytes, old: Secret[bytes], new: tuple[int, Secret[bytes]], identity: str, entropy: Entropy
) -> bytes:
    """Wrap an envelope's data key with another key; what is inside is neither opened nor changed.

    Raises:
        CannotUnseal: Another key, another identity, or bytes that were touched or cut.
    """
    number = number_of(sealed)
    at = _mark_bytes(number)
    named = identity.encode()
    held, wrapped = sealed[at : at + _NONCE_BYTES], sealed[at + _NONCE_BYTES : at + _WRAPPED_BYTES]
    try:
        data_key = _cipher(old.reveal()).decrypt(held, wrapped, _layer(number) + named)
    except InvalidTag:
        raise CannotUnseal("wrong key, wrong identity, or damaged") from None
    to, wrapping = new
    nonce = entropy(_NONCE_BYTES)
    anew = _cipher(wrapping.reveal()).encrypt(nonce, data_key, _layer(to) + named)
    return b"".join((mark_of(to), nonce, anew, sealed[at + _WRAPPED_BYTES :]))


def number_of(sealed: bytes) -> int:
    """Return the number of the key that wraps an envelope's data key; 0 is the root key.

    Raises:
        CannotUnseal: It is no envelope.
    """
    kind = sealed[:1]
    if kind == _BY_NUMBER and len(sealed) >= 1 + _NUMBER_BYTES + _SHORTEST:
        number = int.from_bytes(sealed[1 : 1 + _NUMBER_BYTES])
        if number != ROOT_NUMBER:
            return number
    elif kind == _BY_ROOT and len(sealed) >= 1 + _SHORTEST:
        return ROOT_NUMBER
    raise CannotUnseal("not an envelope of a known version")


def mark_of(number: int) -> bytes:
    """Return how every envelope begins that key `number` wraps."""
    return _BY_NUMBER + number.to_bytes(_NUMBER_BYTES) if number else _BY_ROOT


def _mark_bytes(number: int) -> int:
    return 1 + _NUMBER_BYTES if number else 1


def _layer(number: int) -> bytes:
    # With the number inside, an envelope cannot be said to be another key's.
    return b"smartagent/v1/sealed/key/%d\x00" % number if number else _ROOT_KEY


@lru_cache(maxsize=16)
def _cipher(wrapping: bytes) -> AESGCM:
    # There are few of these keys, and working out a key's schedule costs more than a wrap.
    # AES takes shorter keys too, and would quietly make a weaker envelope of a cut key.
    if len(wrapping) != KEY_BYTES:
        raise CannotUnseal("the wrapping key has not 32 bytes")
    return AESGCM(wrapping)
