# SPDX-License-Identifier: Apache-2.0
"""Signed notes and checkpoints: what a log says of itself, under its name and key.

Spec: c2sp.org/signed-note@v1.0.0, c2sp.org/tlog-checkpoint@v1.0.0.
"""

from typing import Final

import msgspec

from smartagent.crypto.digest import sha256
from smartagent.crypto.encoding import b64, unb64
from smartagent.crypto.errors import BadNote, MalformedEncoding, MalformedKey, MalformedProof
from smartagent.crypto.keys import PublicKey, SigningKey
from smartagent.crypto.merkle import HASH_BYTES

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_DASH: Final = "\u2014 "
_MAX_NOTE_CHARS: Final = 1_000_000
_MAX_SIGNATURES: Final = 100
_MAX_SIZE_DIGITS: Final = 19


class NoteSigner:
    """Signs notes under a name."""

    __slots__ = ("_key", "_key_id", "name", "vkey")

    name: str
    vkey: str
    """What verifies it, in the form of Go's `sumdb/note`: name, key id and key, joined by `+`."""

    def __init__(self, name: str, key: SigningKey) -> None:
        if not _is_name(name):
            raise BadNote("a key name is not empty and has neither white space nor a plus")
        self.name = name
        self._key = key
        self._key_id = _key_id(name, key.public.raw)
        self.vkey = f"{name}+{self._key_id.hex()}+{b64(_ED25519 + key.public.raw)}"

    def sign(self, text: str) -> str:
        """Return the note: the text, an empty line, and the signature line.

        Raises:
            BadNote: The text does not end in a line break, or holds another control character.
        """
        if not text.endswith("\n") or _has_controls(text):
            raise BadNote("a note's text ends in a line break and has no other control characters")
        signature = b64(self._key_id + self._key.sign(text.encode()))
        return f"{text}\n{_DASH}{self.name} {signature}\n"


def open_note(note: str, vkey: str) -> str:
    """Return the text of a note that the key behind `vkey` signed.

    Signatures of other keys are ignored, as the specification demands; a second one of this key
    has to hold as well.

    Raises:
        BadNote: The note or `vkey` is malformed, or the key's signature is absent or wrong.
    """
    name, key_id, key = _parse_vkey(vkey)
    text, lines = _split(note)
    found = [signature for signature in map(_parse_signature, lines) if signature[:2] == (name, key_id)]
    if not found:
        raise BadNote("the expected key did not sign this note")
    signed = text.encode()
    if not all(key.verify(signature, signed) for _, _, signature in found):
        raise BadNote("the expected key's signature does not hold")
    return text


class Checkpoint(msgspec.Struct, frozen=True):
    """A log's head: that its first `size` entries have this root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the note text to be signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, b64(self.root), *self.extensions))

    @staticmethod
    def parse(text: str) -> "Checkpoint":
        """Read the text of a note.

        Raises:
            MalformedProof: It is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines) or _has_controls(text):  # noqa: PLR2004 -- the spec's three lines
            raise MalformedProof("a checkpoint has an origin, a size and a root, each on a line")
        size = parse_decimal(lines[1])
        try:
            root = unb64(lines[2])
        except MalformedEncoding as error:
            raise MalformedProof("the root is not base64") from error
        if len(root) != HASH_BYTES:
            raise MalformedProof("the root has not 32 bytes")
        return Checkpoint(origin=lines[0], size=size, root=root, extensions=tuple(lines[3:]))


def parse_decimal(digits: str) -> int:
    """Read a count as the log formats write it: ASCII, no sign, no leading zero.

    Raises:
        MalformedProof: It is written otherwise, or has more than 19 digits.
    """
    plain = digits.isascii() and digits.isdigit() and len(digits) <= _MAX_SIZE_DIGITS
    if not plain or (digits[0] == "0" and digits != "0"):
        raise MalformedProof("a number is not plain decimal")
    return int(digits)


def _key_id(name: str, raw: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + raw)[:_KEY_ID_BYTES]


def _parse_vkey(vkey: str) -> tuple[str, bytes, PublicKey]:
    # The key itself is base64 and may hold a plus; a name may not.
    name, _, rest = vkey.partition("+")
    claimed_id, _, encoded = rest.partition("+")
    try:
        raw = unb64(encoded)
        key = PublicKey.parse(raw[1:])
    except (MalformedEncoding, MalformedKey) as error:
        raise BadNote("the verifier key is malformed") from error
    key_id = _key_id(name, key.raw)
    if raw[:1] != _ED25519 or claimed_id != key_id.hex() or not _is_name(name):
        raise BadNote("the verifier key is malformed")
    return name, key_id, key


def _split(note: str) -> tuple[str, list[str]]:
    if len(note) > _MAX_NOTE_CHARS or _has_controls(note):
        raise BadNote("the note is too long or has control characters")
    text, gap, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not gap or lines.pop() or not 1 <= len(lines) <= _MAX_SIGNATURES:
        raise BadNote("a note is a text, an empty line, and signature lines")
    return f"{text}\n", lines


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    name, gap, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        raw = unb64(encoded)
    except MalformedEncoding as error:
        raise BadNote("a signature is not base64") from error
    if not line.startswith(_DASH) or not gap or not _is_name(name) or len(raw) <= _KEY_ID_BYTES:
        raise BadNote("a signature line is malformed")
    return name, raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:]


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def _has_controls(text: str) -> bool:
    return any(letter < " " and letter != "\n" for letter in text) or not _is_utf8(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
