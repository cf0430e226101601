# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl mcp` and `access`: MCP servers behind the gateway, their tools, and what agents ask for."""

import difflib
import json
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.render import printable, say, show_fields, show_rows

app = typer.Typer(
    help="MCP servers behind the gateway, and which of their tools agents see.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The server's name: agents reach it at <issuer>/mcp/NAME.")]
Words = Annotated[list[str] | None, typer.Argument(help="The arguments of --command; put `--` before them.")]
Variables = Annotated[
    list[str] | None, typer.Option(help="NAME=VALUE for the program; may be said more than once.")
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        help="PATTERN=LABEL: reads-private, untrusted-content or sends-outside; may be said more than once."
    ),
]
Tool = Annotated[str, typer.Argument(help="One tool.  Default: all.")]


@app.command()
def put(  # noqa: PLR0913 -- what a server is
    ctx: typer.Context,
    name: Name,
    args: Words = None,
    *,
    url: Annotated[
        str, typer.Option(help="Where it is (streamable HTTP), e.g. https://mcp.example.com/mcp.")
    ] = "",
    command: Annotated[str, typer.Option(help="The program that starts it (stdio), by its whole path.")] = "",
    env: Variables = None,
    secret: Annotated[str, typer.Option(help="Which secret it is presented with.")] = "",
    place: Annotated[
        str, typer.Option(help="Where: bearer, header:<Name>, or env:<NAME> for a program.")
    ] = "",
    account: Annotated[
        str, typer.Option(help="An OAuth provider: each user's own account there is used.")
    ] = "",
    allow_private: Annotated[bool, typer.Option(help="It may live at a private address.")] = False,
    allow_plaintext: Annotated[bool, typer.Option(help="It may be reached without TLS.")] = False,
    timeout_seconds: Annotated[int, typer.Option(help="How long it may take to answer.")] = 60,
    people_role: Annotated[str, typer.Option(help="What people who sign in themselves may reach.")] = "",
    label: Labels = None,
    as_json: AsJson = False,
) -> None:
    """Describe an MCP server, or change it.  Its tools are hidden until they are approved."""
    if args and not command:
        raise Exit(USAGE, "Arguments belong to --command.")
    body: dict[str, object] = {
        "url": url,
        "command": [command, *(args or [])] if command else [],
        "env": _variables(env or []),
        "secret": secret,
        "account": account,
        "allow_private": allow_private,
        "allow_plaintext": allow_plaintext,
        "timeout_seconds": timeout_seconds,
        "people_role": people_role,
        "labels": _labels(label or []),
    }
    if place:
        body["place"] = place
    show_fields(answer_of(ctx, "PUT", _path(name), body=body), as_json=as_json)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the MCP servers."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/mcp-servers"), "servers")
    show_rows(rows, ("name", "url", "command", "secret", "account"), as_json=as_json, empty="There are none.")


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show an MCP server."""
    show_fields(answer_of(ctx, "GET", _path(name)), as_json=as_json)


@app.command()
def delete(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Delete an MCP server, with what was approved of it."""
    answer_of(ctx, "DELETE", _path(name))
    done(f"Deleted the MCP server {name}.", as_json=as_json)


@app.command()
def tools(
    ctx: typer.Context,
    name: Name,
    *,
    look: Annotated[bool, typer.Option(help="Ask the server what it offers now.")] = True,
    as_json: AsJson = False,
) -> None:
    """List a server's tools: pending, approved, or changed since they were approved."""
    rows = _tools(ctx, name, look=look)
    if not as_json:
        rows = [row | {"tool": printable(row.get("tool"))} for row in rows]
    show_rows(rows, ("tool", "state", "decided_by", "seen_at"), as_json=as_json, empty="It offers none.")


@app.command()
def diff(ctx: typer.Context, name: Name, tool: Tool = "", *, as_json: AsJson = False) -> None:
    """Show how what the server offers differs from what was approved."""
    rows = [row for row in _tools(ctx, name, look=True) if row.get("state") != "approved"]
    rows = [row for row in rows if not tool or row.get("tool") == tool]
    if as_json:
        show_rows(rows, ("tool", "state"), as_json=True, empty="")
        return
    _show_differences(rows)
    if not rows:
        say("Nothing differs from what was approved.")


@app.command()
def approve(
    ctx: typer.Context,
    name: Name,
    tool: Tool = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not show them, and do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the server offers and nobody approved, and approve exactly that."""
    rows = [row for row in _tools(ctx, name, look=not yes) if row.get("state") != "approved"]
    rows = [row for row in rows if not tool or row.get("tool") == tool]
    if tool and not rows:
        raise Exit(REFUSED, f"{tool} is approved already, or was never seen; see `mcp tools {name}`.")
    if rows and not yes:
        _show_differences(rows)
        if not typer.confirm("Approve this?"):
            raise Exit(REFUSED, "Nothing was approved.")
    # By their digests: what the server offers by now may be something else.
    offered = {str(row.get("tool")): str(row.get("offered")) for row in rows}
    if offered:
        answer_of(ctx, "POST", f"{_path(name)}/approvals", body={"tools": offered})
    done(f"Approved: {', '.join(sorted(offered)) or 'nothing, for nothing waits'}.", as_json=as_json)


@app.command()
def release(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Let an agent send outside again: forget which labels it has met."""
    answer_of(ctx, "DELETE", f"/v1/mcp-flows/{segment(agent)}")
    done(f"Released {agent}.", as_json=as_json)


def _tools(ctx: typer.Context, name: str, *, look: bool) -> list[dict[str, object]]:
    if look:
        return rows_of(answer_of(ctx, "POST", f"{_path(name)}/look"), "tools")
    return rows_of(answer_of(ctx, "GET", f"{_path(name)}/tools"), "tools")


def _show_differences(rows: list[dict[str, object]]) -> None:
    for row in rows:
        say(f"{json.dumps(row.get('tool'))}: {row.get('state')}")
        for line in _difference(row):
            say(line)


def _difference(row: dict[str, object]) -> list[str]:
    before, after = (
        _lines(str(row.get(member) or "")) for member in ("approved_definition", "offered_definition")
    )
    return list(difflib.unified_diff(before, after, "approved", "offered", lineterm=""))


def _lines(definition: str) -> list[str]:
    # What a server wrote goes to a terminal: JSON escapes whatever could steer one.
    return json.dumps(json.loads(definition), indent=2, sort_keys=True).splitlines() if definition else []


def _variables(words: list[str]) -> dict[str, str]:
    variables = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise Exit(USAGE, "Write --env NAME=VALUE.")
        variables[name] = value
    return variables


def _labels(words: list[str]) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = {}
    for word in words:
        pattern, equals, label = word.rpartition("=")
        if not equals:
            raise Exit(USAGE, "Write --label PATTERN=LABEL, as in 'read_*=reads-private'.")
        labels.setdefault(pattern, []).append(label)
    return labels


def _path(name: str) -> str:
    return f"/v1/mcp-servers/{segment(name)}"
