# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl channel`: where people hear of what needs them."""

from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.render import say, show_json, show_rows

app = typer.Typer(help="Where people hear of what needs them.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What the channel is called.")]
_COLUMNS = ("name", "to", "takes", "state", "failure", "waiting", "delivered_at")


@app.command()
def put(  # noqa: PLR0913 -- what is said of a channel
    ctx: typer.Context,
    name: Name,
    *,
    webhook: Annotated[str, typer.Option(help="The URL that notices are posted to, signed.")] = "",
    email: Annotated[str, typer.Option(help="The address that notices are mailed to.")] = "",
    takes: Annotated[
        str,
        typer.Option(
            "--for",
            help="Which notices: approvals, alarms, reviews, break-glass, agents, with commas between them; without it, all.",
        ),
    ] = "",
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="The webhook may be at an address that is not public.")
    ] = False,
    new_secret: Annotated[
        bool, typer.Option("--new-secret", help="Make a new secret for a webhook that has one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say where notices go, and which.  A new webhook's secret is shown once, here."""
    if bool(webhook) == bool(email):
        raise Exit(USAGE, "Say --webhook URL or --email ADDRESS, one of the two.")
    body = {
        "webhook": webhook,
        "email": email,
        "allow_private": allow_private,
        "takes": [kind.strip() for kind in takes.split(",") if kind.strip()],
        "new_secret": new_secret,
    }
    written = answer_of(ctx, "PUT", f"/v1/channels/{segment(name)}", body=body)
    if as_json:
        show_json(written)
        return
    say(f"Notices go to {webhook or email}.")
    if written.get("secret"):
        say(f"secret  {written['secret']}")


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the channels, and which fail."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/channels"), "channels")
    if not as_json:
        rows = [
            row | {"to": row.get("webhook") or row.get("email"), "takes": row.get("takes") or "all"}
            for row in rows
        ]
    show_rows(rows, _COLUMNS, as_json=as_json, empty="There are no channels: nobody is told of anything.")


@app.command()
def delete(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Delete a channel, and what waits for it."""
    answer_of(ctx, "DELETE", f"/v1/channels/{segment(name)}")
    done(f"Nothing goes to {name} any more.", as_json=as_json)


@app.command("test")
def try_out(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Send a test notice at once, and say what came of it."""
    came = answer_of(ctx, "POST", f"/v1/channels/{segment(name)}/test", body={})
    if as_json:
        show_json(came)
    elif came.get("result") == "delivered":
        say(f"The receiver of {name} took the notice {came.get('notice')}.")
    if came.get("result") != "delivered":
        raise Exit(REFUSED, f"The notice did not get through: {came.get('reason')}.")
