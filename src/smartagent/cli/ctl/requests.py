# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl request`: what devices and agents ask of you, and your answer."""

import re
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.render import Json, printable, say, show_fields, show_json, show_rows

app = typer.Typer(help="What devices and agents ask of you.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(help="The request's id, or the code that a device shows.")]
_COLUMNS = (
    "id",
    "channel",
    "client_name",
    "client_id",
    "scopes",
    "binding_message",
    "call",
    "client_ip",
    "expires_at",
)
_SHOWN = (
    "id", "channel", "client_name", "client_id", "scopes", "resource", "binding_message", "call", "client_ip",
    "created_at", "expires_at",
)  # fmt: skip
# An id has an underscore; a code is eight consonants, with or without its dash.
_CODE = re.compile(r"(?i)[b-df-hj-np-tv-xz]{4}-?[b-df-hj-np-tv-xz]{4}")
_PATH = "/v1/consent-requests"


@app.command("list")
def show_all(
    ctx: typer.Context,
    *,
    given: Annotated[bool, typer.Option("--given", help="What you allowed lately instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits for you to decide."""
    query = {"show": "given"} if given else None
    rows = [_readable(row) for row in rows_of(answer_of(ctx, "GET", _PATH, query=query), "requests")]
    empty = "You allowed nothing lately." if given else "Nothing waits for you."
    show_rows(rows, _COLUMNS, as_json=as_json, empty=empty)


@app.command()
def allow(
    ctx: typer.Context,
    which: Which,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a request, ask, and allow it: whoever asked then acts in your name."""
    if as_json and not yes:
        raise Exit(
            USAGE, "With --json nothing is asked: say --yes, after you have looked with `request list`."
        )
    request = _found(ctx, which)
    if not as_json:
        show_fields({name: _readable(request).get(name) for name in _SHOWN}, as_json=False)
    if not yes and not typer.confirm("Did you start this yourself, and do you allow it?"):
        raise Exit(REFUSED, "Not allowed. It waits until it is over; `request deny` ends it now.")
    _decide(ctx, request, "allow", as_json=as_json)


@app.command()
def deny(ctx: typer.Context, which: Which, *, as_json: AsJson = False) -> None:
    """Deny a request."""
    _decide(ctx, _found(ctx, which), "deny", as_json=as_json)


@app.command()
def end(
    ctx: typer.Context,
    which: Annotated[str, typer.Argument(help="The id of what you allowed.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take back what you allowed: its tokens are dead at once, on every node."""
    ended = answer_of(ctx, "DELETE", f"{_PATH}/{segment(which)}")
    if as_json:
        show_json(ended)
    else:
        say(f"Ended {which}.")


def _found(ctx: typer.Context, which: str) -> Json:
    if _CODE.fullmatch(which):
        return answer_of(ctx, "POST", _PATH, body={"user_code": which})
    for row in rows_of(answer_of(ctx, "GET", _PATH), "requests"):
        if row.get("id") == which:
            return row
    raise Exit(REFUSED, "Nothing under this id waits for you; see `request list`.")


def _decide(ctx: typer.Context, request: Json, decision: str, *, as_json: bool) -> None:
    named = str(request.get("id", ""))
    decided = answer_of(ctx, "POST", f"{_PATH}/{segment(named)}", body={"decision": decision})
    if as_json:
        show_json(decided)
    else:
        say(f"The request {named} is {decided.get('state', '?')}.")


def _readable(row: Json) -> dict[str, object]:
    """Return a row whose texts cannot steer a terminal: a client chose its name, and its message."""
    told = {name: printable(value) if isinstance(value, str) else value for name, value in row.items()}
    return {**told, "call": _call(row.get("card"))}


def _call(card: object) -> str:
    """Write what a call will do that is approved with a request; empty when there is none."""
    if not isinstance(card, dict):
        return ""
    lines = [f"{name}: {value}" for name, value in card["lines"]]
    return printable("; ".join([card["title"], *lines, *card["notes"]]))
