# SPDX-License-Identifier: Apache-2.0
"""Reading a .env file, and getting rid of it."""

import os
import re
from pathlib import Path
from typing import Final

import msgspec

from smartagent.cli.exits import USAGE, Exit

_MAX_BYTES: Final = 1_048_576
_LINE: Final = re.compile(
    r"""
    \s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
    (?: '(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<bare>[^'"\n]*?) )
    \s*(?:(?<=\s)\#.*)?
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_MEANT: Final = {"n": "\n", "r": "\r", "t": "\t"}
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_PASSES: Final = 1


class Variable(msgspec.Struct, frozen=True):
    """A variable of the file, and the name of the secret it becomes."""

    variable: str
    name: str
    value: str

    def __repr__(self) -> str:
        return f"Variable({self.variable}, ********)"


def read_dotenv(file: Path, prefix: str) -> list[Variable]:
    """Read what `file` sets.  Quoted values may have several lines; `$` means nothing special.

    Raises:
        Exit: The file cannot be read, a line is not understood (it is named, never shown), or two variables
            would become one secret.
    """
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise Exit(USAGE, f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Exit(USAGE, f"{file} is no text") from None
    if len(raw) > _MAX_BYTES:
        raise Exit(USAGE, f"{file} is too large to be a .env file")
    found: dict[str, Variable] = {}
    for number, line in _lines(text):
        match = _LINE.fullmatch(line)
        if match is None:
            raise Exit(USAGE, f"{file}, line {number}: expected NAME=value")
        name = _NOT_IN_NAMES.sub("-", f"{prefix}{match['name']}".lower()).strip("-")
        value = _value(match)
        clash = found.get(name)
        if clash is not None and clash.variable != match["name"]:
            raise Exit(USAGE, f"{file}: {clash.variable} and {match['name']} would both be the secret {name}")
        if value:
            found[name] = Variable(match["name"], name, value)
    return list(found.values())


def shredded(file: Path) -> bool:
    """Overwrite `file` and delete it.

    On a file system that copies on write, or on flash, the old bytes may stay somewhere: rotate what was in it.
    """
    with file.open("r+b", buffering=0) as opened:
        size = opened.seek(0, os.SEEK_END)
        for _ in range(_PASSES):
            opened.seek(0)
            opened.write(b"\0" * size)
            os.fsync(opened.fileno())
    file.unlink()
    return True


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that say something, those together that one quoted value spans."""
    lines: list[tuple[int, str]] = []
    open_line = ""
    for number, line in enumerate(text.splitlines(), 1):
        joined = f"{open_line}\n{line}" if open_line else line
        if not open_line and (not line.strip() or line.lstrip().startswith("#")):
            continue
        if _is_open(joined):
            open_line = joined
            continue
        lines.append((number, joined))
        open_line = ""
    if open_line:
        lines.append((len(text.splitlines()), open_line))
    return lines


def _is_open(line: str) -> bool:
    """Say whether a quoted value began and did not end."""
    _, _, value = line.partition("=")
    value = value.lstrip()
    if value.startswith("'"):
        return "'" not in value[1:]
    return value.startswith('"') and re.match(r'"(?:[^"\\]|\\.)*"', value, re.DOTALL) is None


def _value(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[1]), match["double"])
    return re.sub(r"\s+#.*", "", match["bare"] or "").strip()
