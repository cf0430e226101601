# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl delegation`: who may act for whom."""

from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.render import say, show_fields, show_json, show_rows

app = typer.Typer(help="Who may act for whom.", no_args_is_help=True)

_COLUMNS = ("id", "from", "to", "scope", "audience", "depth_allowed", "until", "live")


@app.command()
def add(  # noqa: PLR0913 -- one flag for each thing a delegation says
    ctx: typer.Context,
    delegator: Annotated[str, typer.Argument(help="For whom: an agent, an operator or a person.")],
    agent: Annotated[str, typer.Argument(help="The agent that may act.")],
    *,
    scope: Annotated[str, typer.Option(help="At most these scopes, with blanks between them.")] = "",
    audience: Annotated[str, typer.Option(help="Only for this audience.")] = "",
    ttl_seconds: Annotated[int, typer.Option(help="For how long.")] = 86_400,
    depth: Annotated[int, typer.Option(help="How many further agents may come behind it.")] = 0,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Record that an agent may act for somebody, with tokens that they hand to it."""
    body: dict[str, object] = {
        "from": delegator,
        "to": agent,
        "scope": scope,
        "audience": audience,
        "ttl_seconds": ttl_seconds,
        "depth_allowed": depth,
        "reason": reason,
    }
    show_fields(answer_of(ctx, "POST", "/v1/delegations", body=body), as_json=as_json)


@app.command("list")
def show_all(
    ctx: typer.Context,
    *,
    delegator: Annotated[str, typer.Option("--from", help="Only those from somebody.")] = "",
    agent: Annotated[str, typer.Option("--to", help="Only those to an agent.")] = "",
    live: Annotated[bool, typer.Option("--live", help="Only those that are not over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the delegations."""
    query = {name: value for name, value in (("from", delegator), ("to", agent)) if value}
    if live:
        query["live"] = "true"
    rows: list[dict[str, object]] = []
    while True:
        page = answer_of(ctx, "GET", "/v1/delegations", query=query)
        rows += rows_of(page, "delegations")
        cursor = page.get("next_cursor")
        if not isinstance(cursor, str) or not cursor:
            break
        query["cursor"] = cursor
    show_rows(rows, _COLUMNS, as_json=as_json, empty="There are no delegations.")


@app.command()
def show(
    ctx: typer.Context,
    delegation: Annotated[str, typer.Argument(help="The delegation's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a delegation."""
    show_fields(answer_of(ctx, "GET", f"/v1/delegations/{segment(delegation)}"), as_json=as_json)


@app.command()
def revoke(
    ctx: typer.Context,
    delegation: Annotated[str, typer.Argument(help="The delegation's id.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """Revoke a delegation: every token that derives from it is dead at once."""
    over = answer_of(ctx, "DELETE", f"/v1/delegations/{segment(delegation)}", body={"reason": reason})
    if as_json:
        show_json(over)
    else:
        say(f"Revoked the delegation {delegation}, and every token that derives from it.")
