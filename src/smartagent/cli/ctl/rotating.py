# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl rotation`: what is replaced when, and now."""

from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.leasing import File, Name, read_entry
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, Exit
from smartagent.cli.render import say, show_fields, show_rows

app = typer.Typer(help="Secrets that are replaced by themselves.", no_args_is_help=True)


@app.command()
def put(ctx: typer.Context, name: Name, *, file: File = None, as_json: AsJson = False) -> None:
    """Describe a rotation of a secret, or change it."""
    body = read_entry(file, "the rotation")
    show_fields(answer_of(ctx, "PUT", f"/v1/rotations/{segment(name)}", body=body), as_json=as_json)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the rotations, and how far each is."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/rotations"), "rotations")
    columns = ("name", "kind", "secret", "phase", "due_at", "rotated_at", "failure")
    show_rows(rows, columns, as_json=as_json, empty="There are none.")


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show a rotation."""
    show_fields(answer_of(ctx, "GET", f"/v1/rotations/{segment(name)}"), as_json=as_json)


@app.command()
def plan(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Say what is rotated when, the most urgent first: secrets, signing keys, agents' keys that are too old."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/rotation-plan"), "due")
    columns = ("what", "kind", "rotated_at", "due_at", "overdue", "phase", "failure")
    show_rows(rows, columns, as_json=as_json, empty="Nothing is rotated here.")


@app.command("run")
def run_now(
    ctx: typer.Context,
    name: Name,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say whether it could begin.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rotate now, whatever the schedule says."""
    found = answer_of(ctx, "POST", f"/v1/rotations/{segment(name)}/run", body={"dry_run": dry_run})
    if as_json:
        show_fields(found, as_json=True)
    elif found.get("result") == "failed":
        raise Exit(REFUSED, f"It could not begin: {found.get('reason')}.")
    else:
        say(f"{name}: {found.get('result')}.")


@app.command()
def delete(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Delete a rotation that is not running; the secret stays as it is."""
    answer_of(ctx, "DELETE", f"/v1/rotations/{segment(name)}")
    done(f"Deleted the rotation {name}.", as_json=as_json)
