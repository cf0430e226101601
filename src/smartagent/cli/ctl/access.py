# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl access`: what agents ask for, and what becomes of it."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.elevating import seconds_of
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.render import printable, say, show_fields, show_json, show_rows

app = typer.Typer(help="What agents ask operators for.", no_args_is_help=True)

Request = Annotated[str, typer.Argument(help="The request's id.")]
Path_ = Annotated[str, typer.Option("--path", help="A pattern instead of the denied path, as in /orders/*.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]
_WORDS = ("wanted", "reason")


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List what agents ask for, the oldest first."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/access-requests"), "requests")
    columns = ("id", "agent", "role", "wanted", "reason", "times", "created_at")
    if not as_json:
        rows = [row | {name: printable(row.get(name)) for name in _WORDS} for row in rows]
    show_rows(rows, columns, as_json=as_json, empty="Nobody asks for anything.")


@app.command()
def show(ctx: typer.Context, request: Request, *, path: Path_ = "", as_json: AsJson = False) -> None:
    """Show a request: what the role would grant with it, the change of the role file, and whom it reaches."""
    query = {"path": path} if path else None
    detail = answer_of(ctx, "GET", f"/v1/access-requests/{segment(request)}", query=query)
    if as_json:
        show_json(detail)
        return
    asked = detail.pop("request")
    fields = asked if isinstance(asked, dict) else {}
    show_fields(fields | {name: printable(fields.get(name)) for name in _WORDS}, as_json=False)
    for title, member in (
        ("It would grant", "comes"),
        ("It would not grant any more", "goes"),
        ("To", "reach"),
    ):
        lines = detail.get(member)
        if isinstance(lines, list) and lines:
            say(f"\n{title}:")
            for line in lines:
                say(f"  {printable(line)}")
    for text in (detail.get("diff"), detail.get("no_draft")):
        if text:
            say(f"\n{text}")
    if detail.get("still_denied"):
        say(f"\nIt would be denied all the same: {detail['still_denied']}")


@app.command()
def accept(  # noqa: PLR0913 -- what an acceptance says
    ctx: typer.Context,
    request: Request,
    *,
    span: Annotated[
        str,
        typer.Option("--for", help="For a while and for this agent alone, as in 2h; without it for good."),
    ] = "",
    path: Path_ = "",
    role_file: Annotated[
        Path | None, typer.Option(help="The role file instead of the draft; `-` for standard input.")
    ] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Give what an agent asks for: as a new version of its role, or as an elevation."""
    text = read_input(role_file, "the role file").decode("utf-8", "replace") if role_file is not None else ""
    body = {
        "reason": reason,
        "path": path,
        "role_file": text,
        "seconds": seconds_of(span, "--for") if span else 0,
    }
    accepted = answer_of(ctx, "POST", f"/v1/access-requests/{segment(request)}/acceptance", body=body)
    show_fields(accepted | {name: printable(accepted.get(name)) for name in _WORDS}, as_json=as_json)


@app.command()
def refuse(ctx: typer.Context, request: Request, *, reason: Reason = "", as_json: AsJson = False) -> None:
    """Give nothing."""
    answer_of(ctx, "POST", f"/v1/access-requests/{segment(request)}/refusal", body={"reason": reason})
    done(f"Refused {request}.", as_json=as_json)
