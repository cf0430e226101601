# SPDX-License-Identifier: Apache-2.0
"""The root key: 32 bytes in a file, or wrapped by something that must be asked for it.

    /path/root.key                    the key itself; mode 0600
    passphrase:/path/of/a/file        wrapped by what the file says (a systemd credential, a mounted secret)
    awskms: gcpkms: hashivault: pkcs11:   wrapped by a key that never leaves its service

What is wrapped stands in `<data_dir>/root.wrapped`, once for each of those that can unwrap it.  It is no secret.
"""

import os
import re
from pathlib import Path
from typing import Final

import msgspec

from smartagent.crypto import CannotUnseal, seal, stretch, system_entropy, unseal
from smartagent.drivers import DriverError, key_service
from smartagent.kernel import Entropy, Secret
from smartagent.server.errors import SetUpBroken
from smartagent.server.premises import check_private
from smartagent.server.settings import Settings

ROOT_KEY_BYTES: Final = 32
PASSPHRASE: Final = "passphrase:"  # noqa: S105 -- a scheme, not a passphrase
_URI: Final = re.compile(r"[a-z][a-z0-9+-]+:")
_PRIVATE_FILE: Final = 0o600
_WRAPPED_AS: Final = "root-key"
_SALT_BYTES: Final = 16
LEAST_PASSPHRASE: Final = 12
MOST_PASSPHRASE: Final = 4096


class Wrapped(msgspec.Struct, frozen=True):
    """The root key as one service wrapped it.  `by` is the service's URI; `salt` goes with a passphrase."""

    by: str
    blob: bytes
    salt: bytes = b""


class _WrappedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    wrapped: tuple[Wrapped, ...]


def is_wrapped(root_key: str) -> bool:
    """Say whether the setting names something that wraps the key, and not the key's file."""
    return _URI.match(root_key) is not None


def root_key_exists(settings: Settings) -> bool:
    """Say whether there is a root key already, as the settings name it.

    Raises:
        SetUpBroken: What is wrapped cannot be read.
    """
    if is_wrapped(settings.root_key):
        return any(each.by == settings.root_key for each in read_wrapped(settings))
    return Path(settings.root_key).exists()


def root_keys(settings: Settings) -> list[str]:
    """Return all that keep the root key: its file, when there is one, and what wraps it.

    Raises:
        SetUpBroken: What is wrapped cannot be read.
    """
    file = Path(str(settings.data_path / "root.key") if is_wrapped(settings.root_key) else settings.root_key)
    return [*([str(file)] if file.exists() else []), *(each.by for each in read_wrapped(settings))]


def make_root_key(settings: Settings, entropy: Entropy) -> bool:
    """Make the root key unless there is one, and say whether it was made.

    Raises:
        SetUpBroken: It cannot be written, or it is gone while the store it opens is still there.
    """
    if root_key_exists(settings):
        return False
    where = wrapped_path(settings) if is_wrapped(settings.root_key) else Path(settings.root_key)
    if not settings.is_postgres and Path(settings.store).exists():
        raise SetUpBroken(f"{where} is missing, but {settings.store} exists and needs it; restore the key")
    keep_root_key(settings, Secret(entropy(ROOT_KEY_BYTES)), settings.root_key)
    return True


def read_root_key(settings: Settings) -> Secret[bytes]:
    """Read the root key, by asking whatever wraps it.

    Raises:
        SetUpBroken: It is missing, malformed, or others can read it; or what wraps it refuses.
    """
    if not is_wrapped(settings.root_key):
        return _read_file(Path(settings.root_key))
    for each in read_wrapped(settings):
        if each.by == settings.root_key:
            return _unwrapped(each)
    raise SetUpBroken(f"{wrapped_path(settings)} has no root key wrapped by {settings.root_key}")


def keep_root_key(settings: Settings, key: Secret[bytes], where: str) -> None:
    """Keep `key` at `where` as well: in a file, or wrapped.

    Raises:
        SetUpBroken: There is one already, or it cannot be written, or what should wrap it refuses.
    """
    if not is_wrapped(where):
        _write(Path(where), key.reveal().hex().encode() + b"\n", replace=False)
        return
    kept = read_wrapped(settings)
    if any(each.by == where for each in kept):
        raise SetUpBroken(f"{where} wraps the root key already")
    wrapped = _wrapped(key, where)
    # What was wrapped and does not open would be noticed at the next start, when it is too late.
    if _unwrapped(wrapped).reveal() != key.reveal():
        raise SetUpBroken(f"{where} does not give back what it wrapped")
    _write_wrapped(settings, (*kept, wrapped))


def drop_root_key(settings: Settings, where: str) -> None:
    """Forget what `where` wraps.

    Raises:
        SetUpBroken: It wraps nothing, or nothing else would be left.
    """
    kept = read_wrapped(settings)
    left = tuple(each for each in kept if each.by != where)
    if len(left) == len(kept):
        raise SetUpBroken(f"{where} does not wrap the root key")
    if where == settings.root_key:
        raise SetUpBroken(f"root_key is {where}; set it to another one first")
    _write_wrapped(settings, left)


def read_wrapped(settings: Settings) -> tuple[Wrapped, ...]:
    """Return the root key as each service wrapped it.

    Raises:
        SetUpBroken: The file cannot be read.
    """
    path = wrapped_path(settings)
    try:
        return msgspec.json.decode(path.read_bytes(), type=_WrappedFile).wrapped
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise SetUpBroken(f"cannot read {path}: {error.strerror}") from error
    except msgspec.DecodeError:
        raise SetUpBroken(f"{path} is damaged; restore it from its copy") from None


def restore_wrapped(settings: Settings, content: bytes) -> None:
    """Put back the wrapped root key, as a backup has it.

    Raises:
        SetUpBroken: As `check_wrapped`, or it cannot be written.
    """
    _write_wrapped(settings, check_wrapped(settings, content))


def check_wrapped(settings: Settings, content: bytes) -> tuple[Wrapped, ...]:
    """Read the wrapped root key as a backup has it.

    Raises:
        SetUpBroken: It is none, or what is set does not open it.
    """
    try:
        kept = msgspec.json.decode(content, type=_WrappedFile).wrapped
    except msgspec.DecodeError:
        raise SetUpBroken("the backup's root key is damaged") from None
    if all(each.by != settings.root_key for each in kept):
        ways = " or ".join(each.by for each in kept)
        raise SetUpBroken(f"the backup's root key is wrapped; set root_key to {ways}")
    for each in kept:
        if each.by == settings.root_key:
            _unwrapped(each)
    return kept


def wrapped_path(settings: Settings) -> Path:
    """Return where the wrapped root key stands."""
    return settings.data_path / "root.wrapped"


def _wrapped(key: Secret[bytes], where: str) -> Wrapped:
    if where.startswith(PASSPHRASE):
        salt = system_entropy(_SALT_BYTES)
        return Wrapped(where, seal(key, _stretched(where, salt), _WRAPPED_AS, system_entropy), salt)
    try:
        return Wrapped(where, key_service(where).wrap(key))
    except DriverError as error:
        raise SetUpBroken(f"{where} does not wrap the root key: {error.reason}") from error


def _unwrapped(wrapped: Wrapped) -> Secret[bytes]:
    try:
        if wrapped.by.startswith(PASSPHRASE):
            key = unseal(wrapped.blob, _stretched(wrapped.by, wrapped.salt), _WRAPPED_AS)
        else:
            key = key_service(wrapped.by).unwrap(wrapped.blob)
    except CannotUnseal:
        raise SetUpBroken(f"{wrapped.by} does not say the passphrase of the root key") from None
    except DriverError as error:
        raise SetUpBroken(f"{wrapped.by} does not unwrap the root key: {error.reason}") from error
    if len(key.reveal()) != ROOT_KEY_BYTES:
        raise SetUpBroken(f"what {wrapped.by} unwrapped is not a root key")
    return key


def read_passphrase(path: Path) -> Secret[bytes]:
    """Read a passphrase from a file, without the newline at its end.

    Raises:
        SetUpBroken: It cannot be read, others can read it, or it is too short or too long.
    """
    try:
        check_private(path, "chmod 600")
        with path.open("rb") as file:
            passphrase = file.read(MOST_PASSPHRASE + 2).rstrip(b"\r\n")
    except OSError as error:
        raise SetUpBroken(f"cannot read the passphrase from {path}: {error.strerror}") from error
    if not LEAST_PASSPHRASE <= len(passphrase) <= MOST_PASSPHRASE:
        raise SetUpBroken(f"the passphrase in {path} must have {LEAST_PASSPHRASE} to {MOST_PASSPHRASE} bytes")
    return Secret(passphrase)


def _stretched(where: str, salt: bytes) -> Secret[bytes]:
    return stretch(read_passphrase(Path(where.removeprefix(PASSPHRASE))), salt)


def _read_file(path: Path) -> Secret[bytes]:
    try:
        check_private(path, "chmod 600")
        raw = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise SetUpBroken(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise SetUpBroken(f"{path} is not a root key: expected {2 * ROOT_KEY_BYTES} hex digits") from error
    if len(raw) != ROOT_KEY_BYTES:
        raise SetUpBroken(f"{path} is not a root key: expected {2 * ROOT_KEY_BYTES} hex digits")
    return Secret(raw)


def _write_wrapped(settings: Settings, wrapped: tuple[Wrapped, ...]) -> None:
    _write(wrapped_path(settings), msgspec.json.encode(_WrappedFile(1, wrapped)) + b"\n", replace=True)


def _write(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a private file; whole or not at all when it replaces one."""
    written = path.with_name(path.name + ".new") if replace else path
    try:
        if replace:
            written.unlink(missing_ok=True)
        handle = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            written.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
    except OSError as error:
        raise SetUpBroken(f"cannot write {path}: {error.strerror}") from error
