# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl agent` and `enrolment`: who the agents are, and how one comes to be known."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, rows_of, segment
from smartagent.cli.ctl.place import AsJson, place_of, read_input
from smartagent.cli.render import say, show_fields, show_json, show_rows

app = typer.Typer(help="The agents.", no_args_is_help=True)
enrolments = typer.Typer(help="One-time tokens with which agents enrol.", no_args_is_help=True)

Agent = Annotated[str, typer.Argument(help="The agent's id.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]
KeyFile = Annotated[Path, typer.Option("--key-file", help="The agent's key; made when it does not exist.")]
_COLUMNS = ("id", "name", "role", "status", "owner", "created_at")


@enrolments.command()
def create(
    ctx: typer.Context,
    role: Annotated[str, typer.Argument(help="The role that the agent gets.")],
    *,
    name: Annotated[str, typer.Option(help="The agent's name.")] = "",
    ttl_seconds: Annotated[int, typer.Option(help="How long the token works, at most 3600.")] = 3600,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write the token and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a token with which one agent can enrol, once."""
    body = {"role": role, "name": name, "ttl_seconds": ttl_seconds}
    made = answer_of(ctx, "POST", "/v1/enrolments", body=body)
    if quiet:
        say(str(made.get("enrolment_token", "")))
    else:
        show_fields(made, as_json=as_json)


@app.command("list")
def show_all(
    ctx: typer.Context,
    *,
    status: Annotated[str, typer.Option(help="Only active, suspended or retired ones.")] = "",
    role: Annotated[str, typer.Option(help="Only those of a role.")] = "",
    owner: Annotated[str, typer.Option(help="Only those of an owner.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the agents."""
    query = {name: value for name, value in (("status", status), ("role", role), ("owner", owner)) if value}
    rows: list[dict[str, object]] = []
    while True:
        page = answer_of(ctx, "GET", "/v1/agents", query=query)
        rows += rows_of(page, "agents")
        cursor = page.get("next_cursor")
        if not isinstance(cursor, str) or not cursor:
            break
        query["cursor"] = cursor
    show_rows(rows, _COLUMNS, as_json=as_json, empty="There are no agents.")


@app.command()
def show(ctx: typer.Context, agent: Agent, *, as_json: AsJson = False) -> None:
    """Show an agent."""
    show_fields(answer_of(ctx, "GET", f"/v1/agents/{segment(agent)}"), as_json=as_json)


@app.command()
def suspend(ctx: typer.Context, agent: Agent, *, reason: Reason = "by hand", as_json: AsJson = False) -> None:
    """Suspend an agent: nothing of it works until it is activated again."""
    _change(ctx, agent, "suspended", reason, as_json=as_json)


@app.command()
def activate(
    ctx: typer.Context, agent: Agent, *, reason: Reason = "by hand", as_json: AsJson = False
) -> None:
    """Let a suspended agent work again."""
    _change(ctx, agent, "active", reason, as_json=as_json)


@app.command()
def retire(ctx: typer.Context, agent: Agent, *, reason: Reason = "by hand", as_json: AsJson = False) -> None:
    """End an agent for good."""
    _change(ctx, agent, "retired", reason, as_json=as_json)


@app.command()
def enrol(
    ctx: typer.Context,
    *,
    key_file: KeyFile,
    server: Annotated[str, typer.Option(help="The authority's address.")] = "",
    name: Annotated[str, typer.Option(help="The agent's name.")] = "",
    from_file: Annotated[Path | None, typer.Option(help="Read the enrolment token from a file.")] = None,
    as_json: AsJson = False,
) -> None:
    """On the agent's machine: make its key and enrol it.  The token comes from standard input or a file."""
    from smartagent.cli.ctl.agentside import enrol_agent  # noqa: PLC0415 -- loads the client

    token = read_input(from_file, "the enrolment token").decode("ascii", "replace").strip()
    show_fields(enrol_agent(place_of(ctx), server, token, key_file, name), as_json=as_json)


@app.command()
def token(
    ctx: typer.Context,
    *,
    key_file: KeyFile,
    server: Annotated[str, typer.Option(help="The authority's address.")] = "",
    scope: Annotated[str, typer.Option(help="Only these scopes of the role's.")] = "",
    audience: Annotated[str, typer.Option(help="For whom; without it, the gateway.")] = "",
    as_json: AsJson = False,
) -> None:
    """On the agent's machine: get a token, and write it to standard output."""
    from smartagent.cli.ctl.agentside import get_token  # noqa: PLC0415 -- loads the client

    got = get_token(place_of(ctx), server, key_file, (scope, audience))
    if as_json:
        show_json(got)
    else:
        say(str(got["access_token"]))


@app.command("rotate-key")
def rotate_key(
    ctx: typer.Context,
    *,
    key_file: KeyFile,
    older_than: Annotated[int, typer.Option(help="Days; do nothing when the key is younger.", min=0)] = 0,
    server: Annotated[str, typer.Option(help="The authority's address.")] = "",
    as_json: AsJson = False,
) -> None:
    """On the agent's machine: make its next key, and have the authority take it.  Safe to repeat."""
    from smartagent.cli.ctl.agentside import rotate_own_key  # noqa: PLC0415 -- loads the client

    done_ = rotate_own_key(place_of(ctx), server, key_file, older_than)
    text = "The agent signs with its new key now." if done_ else "The key is young enough."
    if as_json:
        show_json({"rotated": done_})
    else:
        say(text)


@app.command()
def assertion(*, key_file: KeyFile) -> None:
    """On the agent's machine: sign what it authenticates with at OAuth endpoints, and write it to standard output.

    It works once, for about a minute.
    """
    from smartagent.cli.ctl.agentside import sign_assertion  # noqa: PLC0415 -- loads the client

    say(sign_assertion(key_file))


def _change(ctx: typer.Context, agent: str, status: str, reason: str, *, as_json: bool) -> None:
    body = {"status": status, "reason": reason}
    changed = answer_of(ctx, "POST", f"/v1/agents/{segment(agent)}/status", body=body)
    if as_json:
        show_json(changed)
    else:
        say(f"The agent {agent} is {status}.")
