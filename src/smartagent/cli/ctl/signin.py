# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl signin`: a code with which an operator signs in to a browser."""

import typer

from smartagent.cli.ctl.desk import answer_of
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.render import say, show_fields


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("signin")(signin)


def signin(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Make a code for the sign-in page; it works once, within two minutes."""
    answer = answer_of(ctx, "POST", "/v1/sign-in-codes")
    if as_json:
        show_fields(answer, as_json=True)
        return
    say(f"Enter this code at {answer['sign_in_url']}\n\n    {answer['code']}\n")
