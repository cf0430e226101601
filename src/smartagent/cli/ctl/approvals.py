# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl approvals`: what agents wait for people to agree to, and your answer."""

import time
from typing import Annotated, Final

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.elevating import seconds_of
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.render import Json, printable, say, show_json, show_rows

app = typer.Typer(
    help="List calls that somebody has to approve; with a verb, decide about them.",
    invoke_without_command=True,
)

Which = Annotated[str, typer.Argument(help="The approval's id.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask again.")]
_PATH: Final = "/v1/approvals"
_GRANTS: Final = "/v1/approval-grants"
_COLUMNS: Final = ("id", "state", "agent", "acts_for", "what", "asks", "ends_at")
_GRANT_COLUMNS: Final = (
    "id", "agent", "acts_for", "session", "upstream", "methods", "paths", "approved_by", "uses", "ends_at",
)  # fmt: skip
_LOOK_AGAIN_SECONDS: Final = 1.0
_KEYS: Final = "a approves it once, d denies it, s leaves it, q ends: "


@app.callback()
def show_all(
    ctx: typer.Context,
    *,
    state: Annotated[str, typer.Option(help="Those in this state; empty for all.")] = "pending",
    stats: Annotated[
        bool, typer.Option("--stats", help="Who decided how often, and how often within three seconds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits for people, newest first."""
    if ctx.invoked_subcommand is not None:
        return
    if stats:
        rows = rows_of(answer_of(ctx, "GET", "/v1/approvers"), "approvers")
        show_rows(
            rows, ("person", "decided", "hasty"), as_json=as_json, empty="Nobody decided anything lately."
        )
        return
    rows = _listed(ctx, state)
    shown = rows if as_json else [_short(row) for row in rows]
    show_rows(shown, _COLUMNS, as_json=as_json, empty="Nothing waits.")


@app.command()
def show(ctx: typer.Context, which: Which, *, as_json: AsJson = False) -> None:
    """Show what will happen, who asks, and who has said what."""
    approval = answer_of(ctx, "GET", f"{_PATH}/{segment(which)}")
    if as_json:
        show_json(approval)
    else:
        _show(approval)


@app.command()
def approve(  # noqa: PLR0913 -- how far a yes can go
    ctx: typer.Context,
    which: Which,
    *,
    session: Annotated[
        bool, typer.Option("--session", help="Also for the same path until the agent's session ends.")
    ] = False,
    pattern: Annotated[
        list[str] | None, typer.Option(help="Also for paths like this at the same upstream, for a while.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="With --pattern: these methods, not only the call's.")
    ] = None,
    span: Annotated[str, typer.Option("--for", help="With --pattern: for how long; at most 8h.")] = "1h",
    reason: Reason = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show a call, ask, and approve it: once, unless you say more."""
    if session and pattern:
        raise Exit(USAGE, "Say --session or --pattern, not both.")
    if as_json and not yes:
        raise Exit(USAGE, "With --json nothing is asked: say --yes, after you have looked.")
    approval = answer_of(ctx, "GET", f"{_PATH}/{segment(which)}")
    if not as_json:
        _show(approval)
    if not yes and not typer.confirm("Approve this?"):
        raise Exit(REFUSED, "Not approved. It waits until its time is over; `approvals deny` ends it now.")
    body: dict[str, object] = {"grant": "session" if session else "once"}
    if pattern:
        wanted = {"paths": pattern, "methods": method or []}
        body = {"grant": "pattern", "pattern": wanted, "seconds": seconds_of(span, "--for")}
    _decide(ctx, approval, {"decision": "approve", "reason": reason, **body}, as_json=as_json)


@app.command()
def deny(ctx: typer.Context, which: Which, *, reason: Reason = "", as_json: AsJson = False) -> None:
    """Deny a call; until its time is over nobody is asked about the same again."""
    approval: Json = {"id": which}
    _decide(ctx, approval, {"decision": "deny", "reason": reason}, as_json=as_json)


@app.command()
def watch(ctx: typer.Context) -> None:
    """Show what waits as it comes, and take one key for each."""
    left: set[str] = set()
    while True:
        waiting = [row for row in _listed(ctx, "pending") if str(row.get("id")) not in left]
        if not waiting:
            time.sleep(_LOOK_AGAIN_SECONDS)
            continue
        approval = waiting[-1]
        left.add(str(approval.get("id")))
        _show(approval)
        typer.echo(_KEYS, nl=False)
        key = typer.getchar().lower()
        say(key if key.isalpha() else "s")
        if key == "q":
            return
        if key in {"a", "d"}:
            body: dict[str, object] = {"decision": "approve" if key == "a" else "deny"}
            try:
                _decide(ctx, approval, body, as_json=False)
            except Exit as refused:
                say(str(refused))


@app.command()
def grants(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List what was approved for more than one call."""
    rows = rows_of(answer_of(ctx, "GET", _GRANTS), "grants")
    show_rows(rows, _GRANT_COLUMNS, as_json=as_json, empty="There are no grants.")


@app.command()
def revoke(
    ctx: typer.Context,
    grant: Annotated[str, typer.Argument(help="The grant's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """End a grant: from then on each call is asked about again."""
    answer_of(ctx, "DELETE", f"{_GRANTS}/{segment(grant)}")
    done(f"Ended {grant}.", as_json=as_json)


def _listed(ctx: typer.Context, state: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    query = {"state": state} if state else {}
    while True:
        page = answer_of(ctx, "GET", _PATH, query=query)
        rows += rows_of(page, "approvals")
        cursor = page.get("next_cursor")
        if not isinstance(cursor, str) or not cursor:
            return rows
        query["cursor"] = cursor


def _decide(ctx: typer.Context, approval: Json, body: dict[str, object], *, as_json: bool) -> None:
    named = str(approval.get("id", ""))
    sent = {**body, "version": approval.get("version", 0)}
    answer = answer_of(ctx, "POST", f"{_PATH}/{segment(named)}/decide", body=sent)
    if as_json:
        show_json(answer)
        return
    state = _part(answer, "approval").get("state", "?")
    say(f"{named} is {state}." if state != "pending" else f"You approved {named}; it waits for more.")
    for cut in _texts(answer, "clamped"):
        say(f"Less than you said: {cut}.")
    if answer.get("grant"):
        say(f"Until it is revoked: {_part(answer, 'grant').get('id')}, see `approvals grants`.")


def _show(approval: Json) -> None:
    card = _part(approval, "card")
    say(f"{approval.get('id')}: {approval.get('state')}, {_asks(approval)}, until {approval.get('ends_at')}")
    say(printable(card.get("title")))
    lines = [(printable(line.get("name")), printable(line.get("value"))) for line in rows_of(card, "lines")]
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        say(f"  {name:<{width}}  {value}")
    for note in _texts(card, "notes"):
        say(f"  ! {printable(note)}")
    whom = f", for {approval.get('acts_for')}" if approval.get("acts_for") else ""
    say(f"asked by {approval.get('agent')}{whom}, because of {', '.join(_texts(approval, 'rules'))}")
    for vote in rows_of(approval, "votes"):
        told = f": {printable(vote.get('reason'))}" if vote.get("reason") else ""
        say(f"{vote.get('by')} has said so as {vote.get('seat')}{told}")


def _short(row: Json) -> dict[str, object]:
    return {**row, "what": printable(_part(row, "card").get("title")), "asks": _asks(row)}


def _asks(row: Json) -> str:
    people = row.get("people", 0)
    wanted = [f"{people} approver" + ("s" if people != 1 else "")] if people else []
    return " and ".join(
        [f"confirmation by {row.get('confirmer')}", *wanted] if row.get("confirm") else wanted
    )


def _part(row: Json, member: str) -> Json:
    value = row.get(member)
    return value if isinstance(value, dict) else {}


def _texts(row: Json, member: str) -> list[str]:
    value = row.get(member)
    return [str(each) for each in value] if isinstance(value, list) else []
