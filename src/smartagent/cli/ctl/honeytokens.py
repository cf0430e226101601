# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl honeytoken`: keys that open nothing, and whose use is an alert."""

from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.render import show_fields, show_rows

app = typer.Typer(help="Keys that open nothing, and whose use is an alert.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What alerts call it, for example the place where it is laid out.")]


@app.command()
def make(
    ctx: typer.Context,
    name: Name,
    *,
    note: Annotated[str, typer.Option(help="Where it is laid out, and for whom.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a honeytoken; its value is shown this once."""
    made = answer_of(ctx, "POST", f"/v1/honeytokens/{segment(name)}", body={"note": note})
    show_fields(made, as_json=as_json)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the honeytokens, without their values."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/honeytokens"), "honeytokens")
    show_rows(rows, ("name", "note", "created_at", "created_by"), as_json=as_json, empty="There are none.")


@app.command()
def delete(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Delete a honeytoken: its use is no alert from then on."""
    answer_of(ctx, "DELETE", f"/v1/honeytokens/{segment(name)}")
    done(f"Deleted the honeytoken {name}.", as_json=as_json)
