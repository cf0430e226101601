# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl scim`: directories that tell of people, who answer for agents."""

from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.render import say, show_fields, show_json, show_rows

app = typer.Typer(help="Directories that tell of people by SCIM.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What the directory is called here.")]


@app.command()
def token(  # noqa: PLR0913 -- what is said of a directory
    ctx: typer.Context,
    name: Name,
    *,
    on_leave: Annotated[
        str, typer.Option(help="What becomes of leavers' agents: suspend, reassign or retire.")
    ] = "suspend",
    to: Annotated[str, typer.Option(help="Whom they are reassigned to: an operator or a person.")] = "",
    issuer: Annotated[
        str, typer.Option(help="The outside issuer of the same people, whose `sub` is their externalId.")
    ] = "",
    days: Annotated[int, typer.Option(help="How long the token works.", min=1, max=730)] = 365,
    as_json: AsJson = False,
) -> None:
    """Let a directory tell of people, and make its token.  A token from before ends."""
    body = {"on_leave": on_leave, "heir": to, "issuer": issuer, "days": days}
    made = answer_of(ctx, "PUT", f"/v1/scim-sources/{segment(name)}", body=body)
    if as_json:
        show_json(made)
        return
    say(f"base URL  {made.get('base_url')}")
    say(f"token     {made.get('token')}")


@app.command()
def groups(  # noqa: PLR0913 -- what a group source says
    ctx: typer.Context,
    name: Name,
    *,
    issuer: Annotated[str, typer.Option(help="The issuer; it must be trusted for people.")],
    group: Annotated[list[str], typer.Option(help="A group whose people can answer for agents; repeat it.")],
    claim: Annotated[str, typer.Option(help="Where its ID tokens name groups.")] = "groups",
    on_leave: Annotated[
        str, typer.Option(help="What becomes of leavers' agents: suspend, reassign or retire.")
    ] = "suspend",
    to: Annotated[str, typer.Option(help="Whom they are reassigned to: an operator or a person.")] = "",
    fresh_days: Annotated[
        int, typer.Option(help="Who did not sign in for so long has left.", min=1, max=366)
    ] = 30,
    as_json: AsJson = False,
) -> None:
    """Let an OIDC issuer's groups say who can answer for agents."""
    body = {
        "issuer": issuer,
        "groups": group,
        "claim": claim,
        "on_leave": on_leave,
        "heir": to,
        "fresh_days": fresh_days,
    }
    show_fields(answer_of(ctx, "PUT", f"/v1/group-sources/{segment(name)}", body=body), as_json=as_json)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the directories."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/scim-sources"), "sources")
    columns = ("name", "on_leave", "heir", "issuer", "groups", "expires_at", "changed_by")
    show_rows(rows, columns, as_json=as_json, empty="There are no directories.")


@app.command()
def people(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the people who can answer for agents, and those who left."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/people"), "people")
    columns = ("id", "name", "source", "active", "external_id")
    show_rows(rows, columns, as_json=as_json, empty="No directory told of anybody yet.")


@app.command()
def forget(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Take no more word from a directory.  The people it told of stay."""
    answer_of(ctx, "DELETE", f"/v1/scim-sources/{segment(name)}")
    done(f"Nothing is taken from {name} any more.", as_json=as_json)
