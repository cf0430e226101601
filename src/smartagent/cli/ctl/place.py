# SPDX-License-Identifier: Apache-2.0
"""Where a command acts: which login, which authority, and where this user's files are."""

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from smartagent.cli.exits import REFUSED, USAGE, Exit

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]
MOST_BYTES = 1_048_576


class Place(NamedTuple):
    """What the flags before the verb said."""

    profile: str
    server: str
    config_home: Path


def place_of(ctx: typer.Context) -> Place:
    """Return where the command acts."""
    place = ctx.find_object(Place)
    if place is None:
        raise Exit(USAGE, "smartagentctl was not started as a command.")
    return place


def read_input(file: Path | None, what: str) -> bytes:
    """Read from `file`, or from standard input: never from the command line, which others can see.

    Raises:
        Exit: There is nothing to read, or a terminal is all there is.
    """
    import sys  # noqa: PLC0415 -- `--help` does without

    if file is not None and str(file) != "-":
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise Exit(USAGE, f"{file} cannot be read: {error.strerror}.") from None
    elif sys.stdin.isatty():
        raise Exit(USAGE, f"Give {what} on standard input, or with --from-file.")
    else:
        raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise Exit(REFUSED, f"{what} is longer than {MOST_BYTES} bytes.")
    return raw
