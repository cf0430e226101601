# SPDX-License-Identifier: Apache-2.0
"""The file that holds an agent's or operator's private key, readable by its owner alone.

Its one rule: a file that others can read is not used, because a key that others may have
read proves nothing.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from smartagent.crypto import MalformedEncoding, MalformedKey, SigningKey, b64u, unb64u
from smartagent.kernel import Entropy, Kind, Secret, SmartAgentError

_MODE: Final = 0o600
_OTHERS: Final = 0o077


class KeyFileUnusable(SmartAgentError):
    """The key file is missing, malformed, or readable by others."""

    code: ClassVar[str] = "key-file-unusable"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The key file cannot be used."


class Holder(msgspec.Struct, frozen=True):
    """A key, whose it is and at which authority.

    `principal` is empty until it is known there.  `path` is the file it was read from, which may get another key.
    """

    key: SigningKey
    issuer: str = ""
    principal: str = ""
    path: str = ""


class _File(msgspec.Struct, frozen=True):
    seed: str
    issuer: str = ""
    principal: str = ""


def make_key_file(path: Path, entropy: Entropy) -> Holder:
    """Make a key and a file for it.

    Raises:
        KeyFileUnusable: There is a file already, which is not overwritten, or it cannot be made.
    """
    holder = Holder(SigningKey.generate(entropy))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(path, holder)
    except OSError as error:
        raise KeyFileUnusable(f"{path.name}: {error.strerror}") from error
    return holder


def add_key_file(path: Path, holder: Holder) -> None:
    """Make a file for a key that there is; it is durable when this returns.

    Raises:
        KeyFileUnusable: There is a file already, which is not overwritten, or it cannot be made.
    """
    try:
        _write(path, holder)
    except OSError as error:
        raise KeyFileUnusable(f"{path.name}: {error.strerror}") from error


def save_key_file(path: Path, holder: Holder) -> None:
    """Replace what the file says; a crash leaves the old file or the new one.

    Raises:
        KeyFileUnusable: It cannot be written.
    """
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        _write(fresh, holder)
        fresh.replace(path)
    except OSError as error:
        raise KeyFileUnusable(f"{path.name}: {error.strerror}") from error


def load_key_file(path: Path) -> Holder:
    """Read a key file.

    Raises:
        KeyFileUnusable: It is missing, malformed, or others can read it.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise KeyFileUnusable(
                    f"{path.name}: others may read it; chmod 600, and think about a new key"
                )
            raw = file.read()
    except OSError as error:
        raise KeyFileUnusable(f"{path.name}: {error.strerror}") from error
    try:
        stored = msgspec.json.decode(raw, type=_File)
        key = SigningKey.from_seed(Secret(unb64u(stored.seed)))
    except (msgspec.MsgspecError, MalformedEncoding, MalformedKey):
        raise KeyFileUnusable(f"{path.name}: not a key file") from None
    return Holder(key, stored.issuer, stored.principal, str(path.absolute()))


def next_key_file(path: Path) -> Path:
    """Return where the next key stands while the authority is asked to take it."""
    return path.with_name(path.name + ".next")


def other_keys(holder: Holder) -> Iterator[Holder]:
    """Yield the same principal's other keys, as its file and the one beside it have them now."""
    for path in (Path(holder.path), next_key_file(Path(holder.path))) if holder.path else ():
        try:
            found = load_key_file(path)
        except KeyFileUnusable:
            continue
        if found.key.public.raw != holder.key.public.raw and found.principal == holder.principal:
            yield Holder(found.key, holder.issuer, holder.principal, holder.path)


def _write(path: Path, holder: Holder) -> None:
    stored = _File(b64u(holder.key.seed().reveal()), holder.issuer, holder.principal)
    # O_EXCL: neither an existing key nor whatever a symbolic link points to is ever overwritten.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(stored) + b"\n")
        file.flush()
        os.fsync(file.fileno())
