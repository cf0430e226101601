# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl policy`: Cedar that holds for every role, and why something is decided as it is."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl import staging, versions
from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment, show_explanation
from smartagent.cli.ctl.explaining import Circumstances, ContentType, Operations, circumstances_of
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_json, show_rows

app = typer.Typer(help="Cedar policies that hold for every role.", no_args_is_help=True)
versions.add_to(app, "/v1/policies")
staging.add_to(app, "policies")

Name = Annotated[str, typer.Argument(help="The policy's name.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the history.")]
_HOUSE = "house"


@app.command()
def put(
    ctx: typer.Context,
    name: Name,
    file: Annotated[Path, typer.Argument(help="The Cedar text; - reads standard input.")],
    *,
    allow_broad: Annotated[bool, typer.Option(help="Accept a policy that grants everything.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Write a policy."""
    try:
        cedar = read_input(file, "the policy").decode()
    except UnicodeDecodeError:
        raise Exit(USAGE, "The policy is not UTF-8.") from None
    body = {"cedar": cedar, "allow_broad": allow_broad, "reason": reason}
    written = answer_of(ctx, "PUT", f"/v1/policies/{segment(name)}", body=body)
    if as_json:
        show_json(written)
    else:
        say(f"Wrote the policy {name}, version {written.get('version', '?')}.")


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the policies."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/policies"), "policies")
    columns = ("name", "version", "changed_at", "changed_by")
    show_rows(
        rows, columns, as_json=as_json, empty="There are none beside the house's own (policy show house)."
    )


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show a policy; `house` shows the one that is built in."""
    if name == _HOUSE:
        policy: dict[str, object] = {
            "name": _HOUSE,
            "cedar": answer_of(ctx, "GET", "/v1/policies").get("house", ""),
        }
    else:
        policy = answer_of(ctx, "GET", f"/v1/policies/{segment(name)}")
    if as_json:
        show_json(policy)
    else:
        say(str(policy.get("cedar", "")))


@app.command()
def delete(ctx: typer.Context, name: Name, *, reason: Reason = "", as_json: AsJson = False) -> None:
    """Delete a policy."""
    answer_of(ctx, "DELETE", f"/v1/policies/{segment(name)}", query={"reason": reason} if reason else None)
    done(f"Deleted the policy {name}.", as_json=as_json)


@app.command()
def explain(  # noqa: PLR0913 -- one for each thing a decision looks at
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    upstream: Annotated[str, typer.Argument(help="The upstream's name.")],
    method: Annotated[str, typer.Argument(help="GET, POST, ...")],
    path: Annotated[str, typer.Argument(help="The path at the upstream.")],
    *,
    client_ip: Annotated[str, typer.Option(help="The address the call would come from.")] = "",
    content_type: ContentType = "",
    operation: Operations = None,
    given: Circumstances = None,
    as_json: AsJson = False,
) -> None:
    """Say what would be decided about a call, and which rule would decide it."""
    body: dict[str, object] = {"agent": agent, "upstream": upstream, "method": method.upper(), "path": path}
    body |= {"client_ip": client_ip, "content_type": content_type, "operations": operation or []}
    body["circumstances"] = circumstances_of(given or [])
    explanation = answer_of(ctx, "POST", "/v1/policies/explain", body=body)
    if as_json:
        show_json(explanation)
        return
    show_explanation(explanation)
