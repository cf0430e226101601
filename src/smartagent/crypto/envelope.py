# SPDX-License-Identifier: Apache-2.0
"""Sealed secrets: a fresh data key for each, wrapped by the root key.

    1 | nonce 12 | wrapped data key 32 + 16 | nonce 12 | ciphertext | 16

Both layers carry the secret's identity as associated data, so an envelope that is moved to
another name does not open, and the two layers cannot stand in for each other.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smartagent.crypto.digest import KEY_BYTES
from smartagent.crypto.errors import CannotUnseal
from smartagent.kernel import Entropy, Secret

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_WRAPPED_AT: Final = 1 + _NONCE_BYTES
_BODY_AT: Final = _WRAPPED_AT + KEY_BYTES + _TAG_BYTES
_CIPHERTEXT_AT: Final = _BODY_AT + _NONCE_BYTES
_SHORTEST: Final = _CIPHERTEXT_AT + _TAG_BYTES


def seal(plaintext: Secret[bytes], root: Secret[bytes], identity: str, entropy: Entropy) -> bytes:
    """Seal `plaintext` so that only `root` opens it, and only under `identity`.

    Args:
        plaintext: What to keep.
        root: 32 bytes.
        identity: What the envelope belongs to, e.g. a secret's id and version.
        entropy: Gives the data key and both nonces.

    Raises:
        CannotUnseal: The root key has another length, so nothing it sealed could be opened.
    """
    data_key = entropy(KEY_BYTES)
    wrap_nonce, nonce = entropy(_NONCE_BYTES), entropy(_NONCE_BYTES)
    wrapped = _cipher(root).encrypt(wrap_nonce, data_key, _bound(b"key", identity))
    body = AESGCM(data_key).encrypt(nonce, plaintext.reveal(), _bound(b"data", identity))
    return b"".join((_VERSION, wrap_nonce, wrapped, nonce, body))


def unseal(sealed: bytes, root: Secret[bytes], identity: str) -> Secret[bytes]:
    """Open what `seal` made.

    Raises:
        CannotUnseal: Another root key, another identity, or bytes that were touched or cut.
    """
    if len(sealed) < _SHORTEST or sealed[:1] != _VERSION:
        raise CannotUnseal("not an envelope of a known version")
    try:
        data_key = _cipher(root).decrypt(
            sealed[1:_WRAPPED_AT], sealed[_WRAPPED_AT:_BODY_AT], _bound(b"key", identity)
        )
        return Secret(
            AESGCM(data_key).decrypt(
                sealed[_BODY_AT:_CIPHERTEXT_AT], sealed[_CIPHERTEXT_AT:], _bound(b"data", identity)
            )
        )
    except InvalidTag:
        raise CannotUnseal("wrong root key, wrong identity, or damaged") from None


def _cipher(root: Secret[bytes]) -> AESGCM:
    # AES takes shorter keys too, and would quietly make a weaker envelope of a cut root key.
    if len(root.reveal()) != KEY_BYTES:
        raise CannotUnseal("the root key has not 32 bytes")
    return AESGCM(root.reveal())


def _bound(layer: bytes, identity: str) -> bytes:
    return b"smartagent/v1/sealed/" + layer + b"\x00" + identity.encode()
