# SPDX-License-Identifier: Apache-2.0
"""A whole authority as one encrypted file: its store and its root key, and how both come back elsewhere.

The file is opened by its own passphrase.  Inside: one line of JSON that says what follows, then the store
(`storage.copy_out`).  A root key that something else wraps stays wrapped, unless it is asked for in the open.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from smartagent.crypto import CannotUnseal, open_stream, seal_stream, system_entropy
from smartagent.kernel import Clock, Secret, rfc3339
from smartagent.server.errors import SetUpBroken
from smartagent.server.premises import check_private
from smartagent.server.release import release
from smartagent.server.rootkey import (
    check_wrapped,
    is_wrapped,
    keep_root_key,
    read_root_key,
    restore_wrapped,
    root_key_exists,
    wrapped_path,
)
from smartagent.server.settings import Settings
from smartagent.storage import CopyRefused, copy_in, copy_out

_IDENTITY: Final = b"smartagent/v1/backup"
_PRIVATE_FILE: Final = 0o600
_PRIVATE_DIRECTORY: Final = 0o700
_MAX_HEADER_BYTES: Final = 1_048_576


class Contents(msgspec.Struct, frozen=True):
    """What a backup says of itself.  One of `root_key` (hex digits) and `wrapped` is empty."""

    release: str
    made_at: str
    issuer: str
    root_key: str
    wrapped: str

    def __repr__(self) -> str:
        return f"Contents({self.release}, {self.made_at}, {self.issuer}, ********)"


class Restored(NamedTuple):
    """What came back."""

    made_at: str
    issuer: str


def write_backup(
    settings: Settings, file: Path, passphrase: Secret[bytes], clock: Clock, *, with_root_key: bool
) -> int:
    """Write a backup of an authority, which may be running; return its size in bytes.

    Raises:
        SetUpBroken: The file is there already or cannot be written, or the root key cannot be read.
        SmartAgentError: The store cannot be copied.
    """
    header = msgspec.json.encode(_contents(settings, clock, with_root_key=with_root_key))
    pieces = _whole(header, copy_out(_store_of(settings)))
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
    except OSError as error:
        raise SetUpBroken(f"cannot write {file}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as out, asyncio.Runner() as runner:
            for piece in seal_stream(_drawn(runner, pieces), passphrase, _IDENTITY, system_entropy):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
            return out.tell()
    except OSError as error:
        file.unlink(missing_ok=True)
        raise SetUpBroken(f"cannot write {file}: {error.strerror}") from error
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def restore_backup(settings: Settings, file: Path, passphrase: Secret[bytes]) -> Restored:
    """Make an authority of a backup, where there is none.

    Raises:
        SetUpBroken: There is one, the file cannot be read, or the passphrase is another.
        CopyRefused: The store cannot be made of it.
    """
    if root_key_exists(settings):
        raise SetUpBroken(f"there is a root key already: {settings.root_key}")
    try:
        settings.data_path.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        check_private(settings.data_path, "chmod 700")
        with file.open("rb") as sealed:
            return _restore(settings, sealed, passphrase)
    except CannotUnseal as error:
        raise SetUpBroken(f"{file} does not open: {error}") from None
    except OSError as error:
        raise SetUpBroken(f"cannot read {file}: {error.strerror}") from error


def _restore(settings: Settings, sealed: BinaryIO, passphrase: Secret[bytes]) -> Restored:
    chunks = open_stream(sealed, passphrase, _IDENTITY)
    held = b""
    while b"\n" not in held:
        held += next(chunks, b"")
        if len(held) > _MAX_HEADER_BYTES or not held:
            raise CopyRefused("it is damaged")
    line, _, rest = held.partition(b"\n")
    contents = msgspec.json.decode(line, type=Contents)

    def following() -> Iterator[bytes]:
        yield rest
        yield from chunks

    store = _store_of(settings)
    if contents.wrapped:
        check_wrapped(settings, contents.wrapped.encode())
    # The store first: with a root key but no store the next start would make an empty one.
    asyncio.run(copy_in(store, following()))
    try:
        if contents.root_key:
            keep_root_key(settings, Secret(bytes.fromhex(contents.root_key)), settings.root_key)
        else:
            restore_wrapped(settings, contents.wrapped.encode())
    except SetUpBroken:
        if isinstance(store, Path):
            store.unlink()
        raise
    return Restored(contents.made_at, contents.issuer)


def _contents(settings: Settings, clock: Clock, *, with_root_key: bool) -> Contents:
    key = read_root_key(settings)
    wrapped = is_wrapped(settings.root_key) and not with_root_key
    return Contents(
        release=release(),
        made_at=rfc3339(int(clock.now())),
        issuer=settings.issuer,
        root_key="" if wrapped else key.reveal().hex(),
        wrapped=wrapped_path(settings).read_text(encoding="utf-8") if wrapped else "",
    )


async def _whole(header: bytes, store: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield header + b"\n"
    async for piece in store:
        yield piece


def _drawn(runner: asyncio.Runner, pieces: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Yield what an asynchronous iterator yields, on the runner's loop."""

    async def step() -> bytes | None:
        try:
            return await pieces.__anext__()
        except StopAsyncIteration:
            return None

    while (piece := runner.run(step())) is not None:
        yield piece


def _store_of(settings: Settings) -> str | Path:
    return settings.store if settings.is_postgres else Path(settings.store)
