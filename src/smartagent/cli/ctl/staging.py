# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl role stage` and `policy stage`: from a draft into force, step by step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_fields, show_json, show_rows

_COLUMNS = ("calls", "role", "upstream", "method", "was", "becomes", "by")
_SHOWN = ("stage", "percent", "outdated", "base", "digest", "changed_at", "changed_by", "reason")


def add_to(app: typer.Typer, plural: str) -> None:
    """Add the commands to `app`, whose things are at `/v1/<plural>`."""

    @app.command()
    def stage(  # noqa: PLR0913 -- what there is to choose
        ctx: typer.Context,
        name: Annotated[str, typer.Argument(help="Its name.")],
        file: Annotated[
            Path | None, typer.Argument(help="Store this text as the draft; - reads standard input.")
        ] = None,
        *,
        to: Annotated[str, typer.Option(help="draft, shadow, canary or on.")] = "",
        percent: Annotated[int, typer.Option(help="How many percent of the agents a canary is for.")] = 0,
        drop: Annotated[
            bool, typer.Option("--drop", help="Have nothing staged; what is in force stays.")
        ] = False,
        allow_broad: Annotated[bool, typer.Option(help="Accept a text that grants everything.")] = False,
        reason: Annotated[str, typer.Option(help="Why; it stands in the log.")] = "",
        as_json: AsJson = False,
    ) -> None:
        """Store a draft, take it a step towards being in force, or show what it would change."""
        path = f"/v1/{plural}/{segment(name)}/staged"
        if (file is not None) + bool(to) + drop > 1:
            raise Exit(USAGE, "Store a file, or take a step with --to, or --drop: one at a time.")
        if drop:
            answer_of(ctx, "DELETE", path)
            done(f"Nothing is staged of {name}.", as_json=as_json)
            return
        if file is not None:
            body: dict[str, object] = {"text": _text(file), "allow_broad": allow_broad, "reason": reason}
            staged = answer_of(ctx, "PUT", path, body=body)
        elif to:
            body = {"to": to, "percent": percent, "reason": reason}
            staged = answer_of(ctx, "POST", f"{path}/stage", body=body)
        else:
            staged = answer_of(ctx, "GET", path)
        _tell(staged, as_json=as_json)

    @app.command()
    def staged(ctx: typer.Context, *, as_json: AsJson = False) -> None:
        """List what is staged."""
        rows = rows_of(answer_of(ctx, "GET", f"/v1/staged-{plural}"), "staged")
        columns = ("name", "stage", "percent", "outdated", "changed_at", "changed_by", "reason")
        show_rows(rows, columns, as_json=as_json, empty="Nothing is staged.")


def _tell(staged: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        show_json(staged)
        return
    show_fields({member: staged.get(member) for member in _SHOWN}, as_json=False)
    shifts = rows_of(staged, "shifts")
    if shifts:
        say("\nWhat it decides otherwise:")
        show_rows(shifts, _COLUMNS, as_json=False, empty="")
    elif staged.get("stage") in {"shadow", "canary"}:
        say("\nIt decided nothing otherwise, up to a minute ago.")


def _text(file: Path) -> str:
    try:
        return read_input(file, "the text").decode()
    except UnicodeDecodeError:
        raise Exit(USAGE, f"{file} is not UTF-8.") from None
