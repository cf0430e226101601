# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl status`: whether the authority answers, is ready, and speaks our version."""

import typer

from smartagent.cli.ctl.place import AsJson, place_of
from smartagent.cli.exits import REFUSED, Exit
from smartagent.cli.render import show_fields


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show whether the authority answers and is ready, and which version it is."""
    from smartagent.cli.ctl.health import health_of  # noqa: PLC0415 -- loads the client

    fields = health_of(place_of(ctx))
    show_fields(fields, as_json=as_json)
    if fields["ready"] is not True:
        raise Exit(REFUSED, "")
