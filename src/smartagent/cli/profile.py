# SPDX-License-Identifier: Apache-2.0
"""What `smartagentctl login` leaves behind: which authority, who you are there, and where your key is.

$XDG_CONFIG_HOME/smartagent/<profile>/profile.json     0600
                                      operator.key     0600, unless the key is in the OS keyring
                                      checkpoint       the newest checkpoint of the log that was seen
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from smartagent.cli.exits import REFUSED, USAGE, Exit

_PRIVATE_DIRECTORY: Final = 0o700
_PRIVATE_FILE: Final = 0o600


class Profile(msgspec.Struct, frozen=True):
    """One login.  `log_vkey` is the log's public key as it was at the first login: later ones must be it."""

    issuer: str
    operator: str
    name: str
    log_vkey: str = ""
    in_keyring: bool = False


class Profiles:
    """The logins of this user."""

    def __init__(self, config_home: Path) -> None:
        self._home = config_home / "smartagent"

    def load(self, name: str) -> Profile:
        """Return the login `name`.

        Raises:
            Exit: There is none, or it cannot be read.
        """
        path = self._path(name, "profile.json")
        try:
            return msgspec.json.decode(path.read_bytes(), type=Profile)
        except FileNotFoundError:
            raise Exit(USAGE, "You are not logged in. Run: smartagentctl login LINK") from None
        except (OSError, msgspec.MsgspecError) as error:
            raise Exit(REFUSED, f"{path} cannot be read ({type(error).__name__}); log in again.") from None

    def exists(self, name: str) -> bool:
        """Tell whether there is a login `name`."""
        return self._path(name, "profile.json").exists()

    def save(self, name: str, profile: Profile) -> None:
        """Keep a login."""
        write_private(self._path(name, "profile.json"), msgspec.json.encode(profile))

    def key_file(self, name: str) -> Path:
        """Return where the private key is, when it is in a file."""
        return self._path(name, "operator.key")

    def checkpoint(self, name: str) -> str | None:
        """Return the newest checkpoint of the log that was seen, if any was."""
        try:
            return self._path(name, "checkpoint").read_text(encoding="utf-8")
        except OSError:
            return None

    def save_checkpoint(self, name: str, note: str) -> None:
        """Keep a checkpoint: whatever the log says later has to continue it."""
        write_private(self._path(name, "checkpoint"), note.encode())

    def _path(self, name: str, file: str) -> Path:
        if not name or "/" in name or name.startswith("."):
            raise Exit(USAGE, f"{name!r} is no name for a login.")
        return self._home / name / file


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Raises:
        Exit: It cannot be written.
    """
    fresh = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise Exit(REFUSED, f"{path} cannot be written: {error.strerror}.") from None
