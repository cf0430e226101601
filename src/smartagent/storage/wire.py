# SPDX-License-Identifier: Apache-2.0
"""What a worker and the writer say to each other over the Unix socket.

A frame is its length in four bytes, little-endian, and one MessagePack value.

    worker -> writer   Hello, once; then batches, each a list of works
    writer -> worker   one Replied or Failed for each batch, in their order;
                       Changed and StartOver whenever they happen

Both ends are the same release: the writer's process starts the workers.
"""

import struct
from typing import Final

import msgspec

from smartagent.kernel import Change, Work

CLAIM_SIZE: Final = 24
"""Bytes of one claim: 16 of its key, 8 of the second it expires, big-endian."""
_KEY_SIZE: Final = 16
_HEAD: Final = struct.Struct("<I")
_MOST_FRAME: Final = 256 << 20
_MOST_LEAF: Final = 0xFFFF


class Hello(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A worker presents itself, with the version it has been offered (-1: none)."""

    offered: int


class WireWrite(msgspec.Struct, frozen=True, array_like=True):
    """A write: text, values, and how many rows it must touch (-1: any number)."""

    sql: str
    values: tuple[object, ...]
    rows: int


class WireWork(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A work: `count` framed leaves, claims as they are stored, writes, and changes as (topic, key)."""

    entries: bytes
    count: int
    claims: bytes = b""
    writes: tuple[WireWrite, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()


class Refusal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One work of a batch did not happen.

    `claim` or `write` is the index of what was lost; `broken` says why the database could
    not make sense of a write, which is a bug.
    """

    position: int
    claim: int = -1
    write: int = -1
    broken: str = ""


class Replied(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """A batch was committed, but for `refusals`; `first` is the index of its first record."""

    first: int
    version: int
    refusals: tuple[Refusal, ...] = ()


class Failed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A batch could not be committed."""


class Changed(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """All changes up to `version`, from where the last one ended."""

    version: int
    changes: tuple[tuple[str, str], ...]


class StartOver(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """The worker cannot be told what it missed; the store is at `version`."""

    version: int


Answer = Replied | Failed | Changed | StartOver

encode: Final = msgspec.msgpack.Encoder().encode
decode_hello: Final = msgspec.msgpack.Decoder(Hello).decode
decode_works: Final = msgspec.msgpack.Decoder(list[WireWork]).decode
decode_answer: Final = msgspec.msgpack.Decoder(Answer).decode


def frame(value: object) -> bytes:
    """Return `value` as a frame."""
    body = encode(value)
    return _HEAD.pack(len(body)) + body


class FrameTooLong(Exception):
    """What arrived is no frame of ours."""


class Frames:
    """Cuts a stream into the bodies of its frames."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the bodies that are complete with `data`.

        Raises:
            FrameTooLong: A frame claims more than it may have.
        """
        if self._rest:
            data = self._rest + data
        bodies, start, end = [], 0, len(data)
        while end - start >= _HEAD.size:
            (size,) = _HEAD.unpack_from(data, start)
            if size > _MOST_FRAME:
                raise FrameTooLong
            if end - start - _HEAD.size < size:
                break
            start += _HEAD.size
            bodies.append(data[start : start + size])
            start += size
        self._rest = data[start:]
        return bodies


def entries(work: Work) -> bytes:
    """Return the work's leaves, each after its length.

    Raises:
        ValueError: A record is longer than an entry of the log can be.
    """
    framed = b""
    for record in work.records:
        leaf = record.encode()
        size = len(leaf)
        if size > _MOST_LEAF:
            message = f"a record of {size} bytes"
            raise ValueError(message)
        framed += size.to_bytes(2) + leaf
    return framed


def claims(work: Work) -> bytes:
    """Return the work's claims as they are stored.

    Raises:
        ValueError: A key is not 16 bytes long, or nothing is recorded that the claims could stand beside.
    """
    packed = b""
    for claim in work.claims:
        if len(claim.key) != _KEY_SIZE or not work.records:
            message = "a claim has a key of 16 bytes, and a record beside it"
            raise ValueError(message)
        packed += claim.key + claim.expires_at.to_bytes(8)
    return packed


def storable(change: Change) -> None:
    """Refuse a change that no database takes.

    Raises:
        ValueError: Its key or topic has a NUL or a lone surrogate in it.
    """
    if b"\x00" in f"{change.topic}{change.key}".encode():
        message = "a change's key has a NUL in it"
        raise ValueError(message)


def changes(pairs: tuple[tuple[str, str], ...]) -> list[Change]:
    """Return changes as the feed takes them."""
    return [Change(topic, key) for topic, key in pairs]


def split_entries(framed: bytes) -> list[bytes]:
    """Return the leaves of a segment."""
    leaves, start, end = [], 0, len(framed)
    while start < end:
        after = start + 2 + int.from_bytes(framed[start : start + 2])
        leaves.append(framed[start + 2 : after])
        start = after
    return leaves
