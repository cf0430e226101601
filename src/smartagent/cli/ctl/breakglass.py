# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl break-glass`: another role in an emergency, opened by two people, or one and a recovery key."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.elevating import seconds_of
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.render import Json, say, show_fields, show_json, show_rows

app = typer.Typer(help="Another role for an agent in an emergency.", no_args_is_help=True)
key_app = typer.Typer(help="Recovery keys: each stands for a second person, once.", no_args_is_help=True)
app.add_typer(key_app, name="key")

BreakGlass = Annotated[str, typer.Argument(help="The break-glass's id.")]


@app.command("open")
def begin(  # noqa: PLR0913 -- what a break-glass says
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    *,
    role: Annotated[str, typer.Option(help="The role that it has meanwhile, instead of its own.")],
    span: Annotated[str, typer.Option("--for", help="For how long, as in 15m; at most 1h.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; it is reviewed.")],
    recovery_key: Annotated[
        Path | None, typer.Option(help="A file with a recovery key, or `-` for standard input.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open a break-glass.  Another operator confirms it within ten minutes, or a recovery key stands for one."""
    body = {"agent": agent, "role": role, "seconds": seconds_of(span, "--for"), "reason": reason}
    if recovery_key is not None:
        body["recovery_key"] = read_input(recovery_key, "the recovery key").decode("utf-8", "replace").strip()
    opened = answer_of(ctx, "POST", "/v1/break-glass", body=body)
    show_fields(opened, as_json=as_json)
    if not as_json and opened.get("state") == "waiting":
        say(
            f"\nAnother operator confirms within ten minutes: smartagentctl break-glass confirm {opened['id']}"
        )


@app.command()
def confirm(ctx: typer.Context, break_glass: BreakGlass, *, as_json: AsJson = False) -> None:
    """Put a break-glass in force that another operator opened."""
    path = f"/v1/break-glass/{segment(break_glass)}/confirmation"
    show_fields(answer_of(ctx, "POST", path), as_json=as_json)


@app.command()
def end(ctx: typer.Context, break_glass: BreakGlass, *, as_json: AsJson = False) -> None:
    """End a break-glass early with all that was given under it, or give one up that waits."""
    show_fields(answer_of(ctx, "DELETE", f"/v1/break-glass/{segment(break_glass)}"), as_json=as_json)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the newest break-glasses, also those that are over."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/break-glass"), "break_glass")
    columns = ("id", "state", "agent", "role", "until", "opened_by", "confirmed_by", "key", "reason")
    show_rows(rows, columns, as_json=as_json, empty="There was no break-glass.")


@key_app.command("create")
def create_key(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Make a recovery key.  It is shown once; somebody else than you can open with it."""
    made = answer_of(ctx, "POST", "/v1/recovery-keys")
    if as_json:
        show_json(made)
        return
    key = made.get("key")
    say(f"id   {key.get('id') if isinstance(key, dict) else ''}\nkey  {made.get('recovery_key')}")
    say("It is not shown again. Keep it where another operator finds it when nobody else is there.")


@key_app.command("list")
def show_keys(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the recovery keys, also those that were used or revoked."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/recovery-keys"), "keys")
    columns = ("id", "created_by", "created_at", "ended_at", "ended_by", "used_for")
    show_rows(rows, columns, as_json=as_json, empty="There are no recovery keys.")


@key_app.command("revoke")
def revoke_key(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(help="The key's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Let a recovery key open nothing any more."""
    answer_of(ctx, "DELETE", f"/v1/recovery-keys/{segment(key)}")
    done(f"The recovery key {key} opens nothing any more.", as_json=as_json)


def warn_of(emergencies: Sequence[Json]) -> None:
    """Say above everything else which break-glasses wait or are in force."""
    for each in emergencies:
        end = f" until {each.get('until')}" if each.get("until") else ""
        say(
            f"BREAK-GLASS {each.get('state')}: agent {each.get('agent')}, role {each.get('role')}{end}; "
            f"opened by {each.get('opened_by')}: {each.get('reason')}"
        )
