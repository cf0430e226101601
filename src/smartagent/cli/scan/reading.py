# SPDX-License-Identifier: Apache-2.0
"""Reading what lies below a folder, hidden files included, and saying what was left out.

Symbolic links are not followed: what they lead to inside the folder is read by its own name, and what is outside was
not asked for.  Nothing but files is opened.
"""

import codecs
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.scan.model import Text

MAX_BYTES: Final = 5_242_880
_LOOKED_AT: Final = 8192
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_INSTALLED: Final = frozenset(["node_modules", ".venv", "venv", "site-packages", "__pycache__", ".tox"])
"""What others wrote and a package manager put there."""
_OF_GIT: Final = frozenset(["objects", "refs", "logs", "hooks", "lfs", "index", "packed-refs", "modules"])
"""What `.git` has beside its configuration, whose remotes may have tokens in their addresses."""


class Notes(msgspec.Struct):
    """What was left out, in sentences; `incomplete` when it should not have been."""

    sentences: list[str] = []
    incomplete: bool = False

    def skipped(self, sentence: str) -> None:
        """Note what was left out on purpose."""
        self.sentences.append(sentence)

    def failed(self, sentence: str) -> None:
        """Note what could not be looked at."""
        self.sentences.append(sentence)
        self.incomplete = True


def texts_below(root: Path, notes: Notes) -> Iterator[Text]:
    """Read the files below `root`, or `root` itself when it is a file, in the order of their names.

    Raises:
        Exit: There is no such file or folder.
    """
    if root.is_file():
        yield from _text(root, root.name, notes)
    elif root.is_dir():
        yield from _folder(root, "", notes)
    else:
        raise Exit(USAGE, f"{root}: there is no such file or folder.")


def as_text(name: str, raw: bytes, notes: Notes, *, object_id: str = "") -> Iterator[Text]:
    """Return `raw` as what can be searched; nothing, with a note, when it is no text."""
    if raw.startswith(_WIDE):
        yield Text(name, raw.decode("utf-16", "replace").encode(), exact=False, object_id=object_id)
    elif b"\0" in raw[:_LOOKED_AT]:
        notes.skipped(f"{shown(name)} is binary.")
    else:
        yield Text(name, raw, object_id=object_id)


def too_large(name: str, notes: Notes) -> None:
    """Note that a file is not looked at for its size."""
    notes.skipped(f"{shown(name)} has more than {MAX_BYTES // 1_048_576} MiB.")


def shown(name: str) -> str:
    """Return a file's name as a terminal may show it, whatever bytes it has."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _folder(folder: Path, name: str, notes: Notes) -> Iterator[Text]:
    try:
        with os.scandir(folder) as opened:
            entries = sorted(opened, key=lambda each: each.name)
    except OSError as error:
        notes.failed(f"{shown(name) or '.'} cannot be read: {error.strerror}.")
        return
    for entry in entries:
        below = f"{name}/{entry.name}" if name else entry.name
        if entry.is_symlink() or (folder.name == ".git" and entry.name in _OF_GIT):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name in _INSTALLED:
                notes.skipped(f"{shown(below)} holds installed packages.")
            else:
                yield from _folder(Path(entry.path), below, notes)
        elif entry.is_file(follow_symlinks=False):
            yield from _text(Path(entry.path), below, notes)


def _text(path: Path, name: str, notes: Notes) -> Iterator[Text]:
    try:
        raw = _bytes_of(path)
    except OSError as error:
        notes.failed(f"{shown(name)} cannot be read: {error.strerror}.")
        return
    if len(raw) > MAX_BYTES:
        too_large(name, notes)
    else:
        yield from as_text(name, raw, notes)


def _bytes_of(path: Path) -> bytes:
    """Return a file's bytes, one more than may be looked at when it is too large.

    It may have become something else since it was listed: then it is neither followed nor waited for.
    """
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            return b""
        return file.read(MAX_BYTES + 1)
