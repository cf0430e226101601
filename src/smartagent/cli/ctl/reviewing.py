# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl review`: what each agent may use, looked at by a due date."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, bytes_of, done, rows_of, segment
from smartagent.cli.ctl.elevating import seconds_of
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, Exit
from smartagent.cli.render import say, show_fields, show_json, show_rows

app = typer.Typer(help="Access reviews.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The review's name.")]
_COLUMNS = ("number", "agent", "owner", "what", "last_used_at", "decision", "to_role", "decided_by")


@app.command()
def start(  # noqa: PLR0913 -- what a review says
    ctx: typer.Context,
    name: Name,
    *,
    due: Annotated[str, typer.Option(help="By when it is answered, as in 14d.")],
    unanswered: Annotated[str, typer.Option(help="What becomes of the rest then: keep or remove.")],
    owner: Annotated[str, typer.Option(help="Only agents of this owner.")] = "",
    role: Annotated[str, typer.Option(help="Only agents of this role.")] = "",
    as_json: AsJson = False,
) -> None:
    """Begin a review of what agents may use, as it stands now."""
    body = {
        "name": name,
        "due_seconds": seconds_of(due, "--due"),
        "unanswered": unanswered,
        "owner": owner,
        "role": role,
    }
    show_fields(answer_of(ctx, "POST", "/v1/reviews", body=body), as_json=as_json)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the reviews."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/reviews"), "reviews")
    columns = ("name", "due_at", "closed_at", "open_items", "unanswered", "owner", "role")
    show_rows(rows, columns, as_json=as_json, empty="There are no reviews.")


@app.command()
def show(
    ctx: typer.Context,
    name: Name,
    *,
    owner: Annotated[str, typer.Option(help="Only items of this owner's agents.")] = "",
    unanswered: Annotated[bool, typer.Option("--unanswered", help="Only what nobody decided.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a review's items: each grant of each agent, with when it was used last."""
    rows: list[dict[str, object]] = []
    cursor = "0"
    while True:
        page = answer_of(ctx, "GET", f"/v1/reviews/{segment(name)}", query={"cursor": cursor})
        rows += rows_of(page, "items")
        following = page.get("next_cursor")
        if not isinstance(following, int) or not following:
            break
        cursor = str(following)
    wanted = [
        row
        for row in rows
        if (not owner or row.get("owner") == owner) and not (unanswered and row.get("decision"))
    ]
    show_rows(wanted, _COLUMNS, as_json=as_json, empty="There is nothing to look at.")


@app.command()
def decide(  # noqa: PLR0913 -- what a decision says
    ctx: typer.Context,
    name: Name,
    number: Annotated[int, typer.Argument(help="The item's number.")],
    decision: Annotated[str, typer.Argument(help="keep, shrink or remove.")],
    *,
    to_role: Annotated[str, typer.Option(help="With shrink: the smaller role.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Decide about one grant, once.  What is taken away ends at once."""
    body = {"decision": decision, "to_role": to_role, "reason": reason}
    path = f"/v1/reviews/{segment(name)}/items/{number}"
    answer = answer_of(ctx, "POST", path, body=body)
    if as_json:
        show_json(answer)
    else:
        say(f"{answer.get('what')} of {answer.get('agent')}: {decision}.")


@app.command()
def export(
    ctx: typer.Context,
    name: Name,
    out: Annotated[Path, typer.Argument(help="The file to write.")],
) -> None:
    """Write all of a review as JSON lines, with the log's receipts."""
    raw = bytes_of(ctx, "GET", f"/v1/reviews/{segment(name)}/evidence")
    try:
        out.write_bytes(raw)
    except OSError as error:
        raise Exit(REFUSED, f"{out} cannot be written: {error.strerror}.") from None
    newline = b"\n"
    say(f"Wrote {raw.count(newline)} lines to {out}.")


@app.command("give-back")
def give_back(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    credential: Annotated[str, typer.Argument(help="The credential's name.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Give a credential back that a review took from an agent."""
    answer_of(ctx, "DELETE", f"/v1/agents/{segment(agent)}/withdrawals/{segment(credential)}")
    done(f"The role of {agent} says again whether it may lease {credential}.", as_json=as_json)
