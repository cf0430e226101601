# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl elevate` and `elevations`: another role for a while, for a reason."""

import re
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.render import show_fields, show_rows

_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(elevate)
    app.command()(elevations)


def elevate(  # noqa: PLR0913 -- what an elevation says
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    *,
    role: Annotated[str, typer.Option(help="The role that it has meanwhile, instead of its own.")] = "",
    span: Annotated[str, typer.Option("--for", help="For how long, as in 30m or 2h; at most 24h.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")] = "",
    end: Annotated[bool, typer.Option("--end", help="End its elevation now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let an agent have another role for a while.  It ends by itself, with all that was given under it."""
    if end:
        _end(ctx, agent, as_json=as_json)
        return
    if not role or not reason or not span:
        raise Exit(USAGE, "Say --role, --for and --reason; or --end.")
    body = {"agent": agent, "role": role, "seconds": seconds_of(span, "--for"), "reason": reason}
    show_fields(answer_of(ctx, "POST", "/v1/elevations", body=body), as_json=as_json)


def elevations(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the elevations in force."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/elevations"), "elevations")
    columns = ("id", "agent", "role", "until", "created_by", "reason")
    show_rows(rows, columns, as_json=as_json, empty="No agent is elevated.")


def seconds_of(span: str, flag: str) -> int:
    """Return a span like `30m` in seconds.

    Raises:
        Exit: It is none.
    """
    found = _SPAN.fullmatch(span)
    if found is None:
        raise Exit(USAGE, f"{flag} is a number and s, m, h or d, as in 30m.")
    return int(found[1]) * _SECONDS[found[2]]


def _end(ctx: typer.Context, agent: str, *, as_json: bool) -> None:
    rows = rows_of(answer_of(ctx, "GET", "/v1/elevations"), "elevations")
    found = next((row for row in rows if row.get("agent") == agent), None)
    if found is None:
        raise Exit(REFUSED, f"The agent {agent} is not elevated.")
    desk = "break-glass" if str(found["id"]).startswith("bgl_") else "elevations"
    answer_of(ctx, "DELETE", f"/v1/{desk}/{segment(str(found['id']))}")
    done(f"The agent {agent} has its own role again.", as_json=as_json)
