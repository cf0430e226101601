# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl drill`: whether revoking ends everything, tried for real."""

from typing import Annotated

import msgspec
import typer

from smartagent.cli.ctl.desk import as_operator, means_for
from smartagent.cli.ctl.place import AsJson, place_of
from smartagent.cli.exits import REFUSED, Exit
from smartagent.cli.profile import Profiles
from smartagent.cli.render import say, show_json, show_rows


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(drill)


def drill(
    ctx: typer.Context,
    *,
    role: Annotated[str, typer.Option(help="The role whose credentials are drilled.")],
    timeout_seconds: Annotated[float, typer.Option(help="How long anything may take to be refused.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Make a canary agent with one of everything, revoke it, and try each thing until it is refused."""
    from smartagent.cli.ctl.drilling import Drill, Outcome  # noqa: PLC0415 -- loads the client and the drivers
    from smartagent.sdk import Operator  # noqa: PLC0415 -- as above

    place = place_of(ctx)
    issuer = Profiles(place.config_home).load(place.profile).issuer

    async def run(operator: Operator) -> Outcome:
        means = means_for(issuer, place.server)
        try:
            found = await means.exchange("GET", f"{issuer}/.well-known/smartagent", {}, b"")
            gateway = str(msgspec.json.decode(found.body)["gateway_url"])
            return await Drill(operator, role, gateway, means, timeout_seconds).run()
        finally:
            await means.exchange.close()

    outcome = as_operator(place, run)
    if as_json:
        show_json(msgspec.to_builtins(outcome))
    else:
        rows = [
            {
                "what": each.what,
                "refused after": "" if each.refused_after_ms is None else f"{each.refused_after_ms} ms",
                "note": each.note,
            }
            for each in outcome.tried
        ]
        show_rows(rows, ("what", "refused after", "note"), as_json=False, empty="Nothing was tried.")
        lines = msgspec.convert(outcome.report.get("lines", []), list[dict[str, object]])
        columns = ("fate", "what", "id", "died_at", "deadline")
        show_rows(lines, columns, as_json=False, empty="It held nothing.")
    if not outcome.passed:
        raise Exit(REFUSED, "The drill failed: something that was revoked was still taken.")
    if not as_json:
        say("The drill passed.")
