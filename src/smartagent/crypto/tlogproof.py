# SPDX-License-Identifier: Apache-2.0
"""Log proofs in a file: that an entry stands in the log, checkable with no network.

Spec: c2sp.org/tlog-proof@v1.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from smartagent.crypto.encoding import b64, unb64
from smartagent.crypto.errors import MalformedEncoding, MalformedProof
from smartagent.crypto.merkle import HASH_BYTES
from smartagent.crypto.note import parse_decimal

_TITLE: Final = "c2sp.org/tlog-proof@v1"
_EXTRA: Final = "extra "
_INDEX: Final = "index "
_MAX_HASHES: Final = 63
_MAX_PROOF_CHARS: Final = 1_100_000


class TlogProof(msgspec.Struct, frozen=True):
    """A parsed proof, of which nothing is verified.

    `checkpoint_note` is to be opened with the log's key.  `extra` is signed by nobody.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint_note: str
    extra: bytes | None = None


def format_proof(
    index: int, hashes: Sequence[bytes], checkpoint_note: str, extra: bytes | None = None
) -> str:
    """Write a `.tlog-proof`.

    Args:
        index: Of the entry, from zero.
        hashes: Its inclusion proof, from the leaf up.
        checkpoint_note: The signed checkpoint, verbatim.
        extra: What else the reader should have; nothing vouches for it.
    """
    lines = [_TITLE]
    if extra is not None:
        lines.append(_EXTRA + b64(extra))
    lines.append(f"{_INDEX}{index}")
    lines.extend(b64(step) for step in hashes)
    return "\n".join((*lines, "", checkpoint_note))


def parse_proof(text: str) -> TlogProof:
    """Read a `.tlog-proof`; verify what it says with `open_note` and `verify_inclusion`.

    Raises:
        MalformedProof: It is none.
    """
    if len(text) > _MAX_PROOF_CHARS:
        raise MalformedProof("too long")
    head, gap, checkpoint_note = text.partition("\n\n")
    title, *lines = head.split("\n")
    if title != _TITLE or not gap:
        raise MalformedProof("not a log proof of version 1")
    try:
        extra = unb64(lines.pop(0).removeprefix(_EXTRA)) if lines and lines[0].startswith(_EXTRA) else None
        if not lines or not lines[0].startswith(_INDEX):
            raise MalformedProof("the index is missing")
        hashes = tuple(map(unb64, lines[1:]))
    except MalformedEncoding as error:
        raise MalformedProof("a line is not base64") from error
    if len(hashes) > _MAX_HASHES or any(len(step) != HASH_BYTES for step in hashes):
        raise MalformedProof("a hash has not 32 bytes, or there are too many")
    index = parse_decimal(lines[0].removeprefix(_INDEX))
    return TlogProof(index=index, hashes=hashes, checkpoint_note=checkpoint_note, extra=extra)
