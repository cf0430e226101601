# SPDX-License-Identifier: Apache-2.0
"""Keys of passphrases (RFC 7914), and files of any length sealed with one.

A sealed file is chunks, each of which says where it stands and whether it is the last (the STREAM construction of
Hoang, Reyhanitabar, Rogaway and Vizár): none can be left out, moved, or cut off at the end.

    salt 16 | nonce 7 | chunk | chunk | ...       chunk: length 4, ciphertext, tag 16
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smartagent.crypto.digest import KEY_BYTES
from smartagent.crypto.errors import CannotUnseal
from smartagent.kernel import Entropy, Secret

SALT_BYTES: Final = 16
CHUNK_BYTES: Final = 65_536
# A third of a second, and 128 MiB, for each guess.
_SCRYPT_N: Final = 2**17
_SCRYPT_R: Final = 8
_SCRYPT_MEMORY: Final = 160 * 1024 * 1024
_PREFIX_BYTES: Final = 7
_COUNTER_BYTES: Final = 4
_LENGTH_BYTES: Final = 4
_TAG_BYTES: Final = 16


def stretch(passphrase: Secret[bytes], salt: bytes) -> Secret[bytes]:
    """Return the key that belongs to a passphrase and a salt.  It takes a third of a second."""
    key = hashlib.scrypt(
        passphrase.reveal(),
        salt=salt,
        n=_SCRYPT_N,
        r=_SCRYPT_R,
        p=1,
        maxmem=_SCRYPT_MEMORY,
        dklen=KEY_BYTES,
    )
    return Secret(key)


def seal_stream(
    pieces: Iterable[bytes], passphrase: Secret[bytes], identity: bytes, entropy: Entropy
) -> Iterator[bytes]:
    """Seal what `pieces` come to, and yield the sealed file piece by piece.

    Args:
        pieces: Of any length.
        passphrase: Opens it.
        identity: Says what the file is, and of which version; it is not secret, and not in the file.
        entropy: Gives the salt and the nonce.
    """
    salt, prefix = entropy(SALT_BYTES), entropy(_PREFIX_BYTES)
    cipher = AESGCM(stretch(passphrase, salt).reveal())
    yield salt + prefix
    held, number = b"", 0
    for piece in pieces:
        held += piece
        while len(held) > CHUNK_BYTES:
            chunk, held = held[:CHUNK_BYTES], held[CHUNK_BYTES:]
            yield _sealed(cipher, _nonce(prefix, number, last=False), chunk, identity)
            number += 1
    yield _sealed(cipher, _nonce(prefix, number, last=True), held, identity)


def open_stream(sealed: BinaryIO, passphrase: Secret[bytes], identity: bytes) -> Iterator[bytes]:
    """Open what `seal_stream` made, chunk by chunk.  Nothing of a chunk is given before it was checked.

    Raises:
        CannotUnseal: Another passphrase, another kind of file, or bytes that were touched, moved or cut off.
    """
    salt, prefix = sealed.read(SALT_BYTES), sealed.read(_PREFIX_BYTES)
    cipher = AESGCM(stretch(passphrase, salt).reveal())
    number, last = 0, False
    following = sealed.read(_LENGTH_BYTES)
    while not last:
        length = int.from_bytes(following)
        if len(following) < _LENGTH_BYTES or not _TAG_BYTES <= length <= CHUNK_BYTES + _TAG_BYTES:
            raise CannotUnseal("cut off, or not a sealed file")
        chunk, following = sealed.read(length), sealed.read(_LENGTH_BYTES)
        last = not following
        try:
            yield cipher.decrypt(_nonce(prefix, number, last=last), chunk, identity)
        except InvalidTag:
            raise CannotUnseal("wrong passphrase, or damaged") from None
        number += 1


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(_COUNTER_BYTES) + (b"\x01" if last else b"\x00")


def _sealed(cipher: AESGCM, nonce: bytes, chunk: bytes, identity: bytes) -> bytes:
    ciphertext = cipher.encrypt(nonce, chunk, identity)
    return len(ciphertext).to_bytes(_LENGTH_BYTES) + ciphertext
