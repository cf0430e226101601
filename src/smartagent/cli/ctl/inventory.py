# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl agent`: who the agents are, who answers for them, and what becomes of them."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.breakglass import warn_of
from smartagent.cli.ctl.desk import answer_of, rows_of, segment
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_fields, show_json, show_rows

Agent = Annotated[str, typer.Argument(help="The agent's id.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]
_COLUMNS = ("id", "name", "status", "owner_name", "orphan", "role", "last_used_at", "expires_at")
_AT_ONCE = 500


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(show_all)
    app.command("import")(take_in)
    for command in (show, suspend, resume, retire, assign, terms, standing):
        app.command()(command)


def show_all(  # noqa: PLR0913 -- each is a filter
    ctx: typer.Context,
    *,
    status: Annotated[
        str, typer.Option("--status", "--state", help="discovered, pending, active, suspended or retired.")
    ] = "",
    role: Annotated[str, typer.Option(help="Only those of a role.")] = "",
    owner: Annotated[str, typer.Option(help="Only those of an owner, by their id.")] = "",
    orphans: Annotated[bool, typer.Option("--orphans", help="Only those for whom nobody answers.")] = False,
    unused_days: Annotated[
        int, typer.Option(help="Only those that did nothing for so many days.", min=0)
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """List the agents, with who answers for them and when they were used last."""
    asked = {
        "status": status,
        "role": role,
        "owner": owner,
        "orphan": "true" if orphans else "",
        "unused_days": str(unused_days or ""),
    }
    query = {name: value for name, value in asked.items() if value} | {"limit": "200"}
    rows: list[dict[str, object]] = []
    emergencies: list[dict[str, object]] = []
    while True:
        page = answer_of(ctx, "GET", "/v1/inventory", query=query)
        emergencies = rows_of(page, "break_glass")
        rows += rows_of(page, "agents")
        cursor = page.get("next_cursor")
        if not isinstance(cursor, str) or not cursor:
            break
        query["cursor"] = cursor
    if not as_json:
        warn_of(emergencies)
    show_rows(rows, _COLUMNS, as_json=as_json, empty="There are no agents.")


def show(
    ctx: typer.Context,
    agent: Agent,
    *,
    credentials: Annotated[
        bool, typer.Option("--credentials", help="Show all that it could use at this instant, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show an agent."""
    if not credentials:
        show_fields(answer_of(ctx, "GET", f"/v1/agents/{segment(agent)}"), as_json=as_json)
        return
    found = answer_of(ctx, "GET", f"/v1/inventory/{segment(agent)}")
    if as_json:
        show_json(found)
        return
    line = found.get("agent")
    show_fields(line if isinstance(line, dict) else {}, as_json=False)
    say(f"\nlive tokens: {found.get('tokens')}")
    for name, columns in _CREDENTIALS.items():
        say(f"\n{name}")
        show_rows(rows_of(found, name), columns, as_json=False, empty="none")


_CREDENTIALS = {
    "keys": ("thumbprint", "since"),
    "sessions": ("id", "tokens", "expires_at"),
    "leases": ("id", "credential", "state", "expires_at"),
    "delegations": ("id", "from_id", "to_agent", "scope", "until", "last_used_at"),
}


def suspend(ctx: typer.Context, agent: Agent, *, reason: Reason = "by hand", as_json: AsJson = False) -> None:
    """Suspend an agent: all that it was given ends, and it gets nothing until it is resumed."""
    _change(ctx, agent, "suspended", reason, as_json=as_json)


def resume(ctx: typer.Context, agent: Agent, *, reason: Reason = "by hand", as_json: AsJson = False) -> None:
    """Let a suspended agent get tokens again; those from before stay dead."""
    _change(ctx, agent, "active", reason, as_json=as_json)


def retire(ctx: typer.Context, agent: Agent, *, reason: Reason = "by hand", as_json: AsJson = False) -> None:
    """End an agent for good."""
    _change(ctx, agent, "retired", reason, as_json=as_json)


def assign(
    ctx: typer.Context,
    agent: Agent,
    owner: Annotated[str, typer.Argument(help="An operator's or a person's id.")],
    *,
    reason: Reason = "by hand",
    as_json: AsJson = False,
) -> None:
    """Say who answers for an agent from now on."""
    _set_terms(ctx, agent, {"owner": owner, "reason": reason}, as_json=as_json)


def standing(
    ctx: typer.Context,
    agent: Agent,
    level: Annotated[str, typer.Argument(help="trusted, normal, watched or restricted.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")],
    as_json: AsJson = False,
) -> None:
    """Say how far an agent is trusted; policies may ask for it."""
    body = {"standing": level, "reason": reason}
    changed = answer_of(ctx, "POST", f"/v1/agents/{segment(agent)}/standing", body=body)
    if as_json:
        show_json(changed)
    else:
        say(f"The standing of {agent} is {changed.get('standing')}.")


def terms(  # noqa: PLR0913 -- what terms say
    ctx: typer.Context,
    agent: Agent,
    *,
    expires_at: Annotated[
        str, typer.Option(help="From when on it is suspended, as in 2027-01-31T00:00:00Z; or `never`.")
    ] = "",
    idle_days: Annotated[
        int | None, typer.Option(help="Suspend it when it did nothing for so many days; 0: never.", min=0)
    ] = None,
    default: Annotated[
        list[str] | None, typer.Option(help="expires_at or idle_days: the house's own holds again.")
    ] = None,
    reason: Reason = "by hand",
    as_json: AsJson = False,
) -> None:
    """Say until when an agent may act, and how long it may do nothing."""
    body: dict[str, object] = {"expires_at": expires_at, "default": default or [], "reason": reason}
    if idle_days is not None:
        body["idle_days"] = idle_days
    _set_terms(ctx, agent, body, as_json=as_json)


def take_in(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A JSON list of objects with reference, name and owner.")],
    *,
    source: Annotated[str, typer.Option(help="Where they are known.")],
    as_json: AsJson = False,
) -> None:
    """Take in a list of agents that are known elsewhere.  They can do nothing until they enrol."""
    import msgspec  # noqa: PLC0415 -- `--help` does without

    try:
        listed = msgspec.json.decode(read_input(file, "the list"), type=list[dict[str, str]])
    except msgspec.MsgspecError as error:
        raise Exit(USAGE, f"The list is none: {error}.") from None
    found: list[object] = []
    known = 0
    for start in range(0, len(listed), _AT_ONCE):
        body = {"source": source, "agents": listed[start : start + _AT_ONCE]}
        answer = answer_of(ctx, "POST", "/v1/discoveries", body=body)
        more, before = answer.get("discovered"), answer.get("known")
        found += more if isinstance(more, list) else []
        known += before if isinstance(before, int) else 0
    if as_json:
        show_json({"discovered": found, "known": known})
    else:
        say(f"{len(found)} agents are discovered; {known} were known before.")


def _change(ctx: typer.Context, agent: str, status: str, reason: str, *, as_json: bool) -> None:
    body = {"status": status, "reason": reason}
    changed = answer_of(ctx, "POST", f"/v1/agents/{segment(agent)}/status", body=body)
    if as_json:
        show_json(changed)
    else:
        say(f"The agent {agent} is {status}.")


def _set_terms(ctx: typer.Context, agent: str, body: dict[str, object], *, as_json: bool) -> None:
    path = f"/v1/agents/{segment(agent)}/terms"
    show_fields(answer_of(ctx, "POST", path, body=body), as_json=as_json)
