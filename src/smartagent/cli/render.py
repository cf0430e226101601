# SPDX-License-Identifier: Apache-2.0
"""Answers on the terminal: a table or a list of fields for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

Json = Mapping[str, object]

_TIMES: Final = ("_at", "at")


def show_json(value: object) -> None:
    """Write `value` as JSON, and nothing else."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def show_rows(rows: Sequence[Json], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Show `rows`, one a line.

    Args:
        rows: What the authority answered.
        columns: The members to show, in their order; all of them are in the JSON.
        as_json: Whether a program reads.
        empty: The sentence for no rows.
    """
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    from rich.console import Console  # noqa: PLC0415 -- `--help` does without
    from rich.table import Table  # noqa: PLC0415 -- `--help` does without

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(
            column.replace("_", " "), overflow="fold", no_wrap=column in {"id", "name", "status"}
        )
    for row in rows:
        table.add_row(*(_escaped(readable(column, row.get(column))) for column in columns))
    # A pipe has no width of its own: then lines are not broken.
    width = None if sys.stdout.isatty() else 400
    Console(soft_wrap=False, width=width, highlight=False).print(table)


def show_fields(fields: Json, *, as_json: bool) -> None:
    """Show the members of one thing."""
    if as_json:
        show_json(fields)
        return
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        say(f"{name.replace('_', ' '):<{width}}  {readable(name, value)}")


def say(text: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(text + "\n")


def readable(name: str, value: object) -> str:
    """Return `value` as people read it: times in UTC, lists with commas, nothing as a dash."""
    if value is None or (isinstance(value, str | list) and not value):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith(_TIMES) and value > 1_000_000_000:  # noqa: PLR2004 -- Unix seconds
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, list):
        return ", ".join(str(item) if not isinstance(item, dict) else json.dumps(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def printable(value: object) -> str:
    """Return a text that others chose so that it cannot steer a terminal."""
    return "".join(letter if letter.isprintable() else f"[U+{ord(letter):04X}]" for letter in str(value))


def _escaped(text: str) -> str:
    from rich.markup import escape  # noqa: PLC0415 -- `--help` does without

    return escape(text)
