# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl`: controls things."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl import (
    access,
    accounts,
    agents,
    approvals,
    audit,
    breakglass,
    channels,
    clients,
    delegations,
    drill,
    elevating,
    explaining,
    history,
    honeytokens,
    inventory,
    issuers,
    keys,
    leasing,
    linting,
    login,
    mcp,
    operators,
    policies,
    prompting,
    proposing,
    proving,
    reach,
    requests,
    reviewing,
    roles,
    rotating,
    scim,
    sealing,
    secrets,
    signals,
    signin,
    status,
    upstreams,
)
from smartagent.cli.ctl.place import Place
from smartagent.cli.exits import guarded

app = typer.Typer(
    name="smartagentctl",
    help="Control a SmartAgent authority: secrets, upstreams, roles, agents, and what the log says of them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def place(
    ctx: typer.Context,
    *,
    profile: Annotated[
        str, typer.Option(envvar="SMARTAGENT_PROFILE", help="Which login to use.")
    ] = "default",
    server: Annotated[
        str, typer.Option(envvar="SMARTAGENT_SERVER", help="The authority's address, instead of the login's.")
    ] = "",
    config_home: Annotated[
        Path | None, typer.Option(envvar="XDG_CONFIG_HOME", hidden=True, help="Where logins are kept.")
    ] = None,
) -> None:
    """Control a SmartAgent authority: secrets, upstreams, roles, agents, and what the log says of them."""
    home = config_home if config_home is not None and config_home.is_absolute() else Path.home() / ".config"
    ctx.obj = Place(profile, server, home)


login.add_to(app)
status.add_to(app)
signin.add_to(app)
drill.add_to(app)
explaining.add_to(app)
reach.add_to(app)
elevating.add_to(app)
app.add_typer(breakglass.app, name="break-glass")
app.add_typer(secrets.app, name="secret")
app.add_typer(sealing.app, name="sealing-key")
app.add_typer(upstreams.app, name="upstream")
app.add_typer(honeytokens.app, name="honeytoken")
app.add_typer(leasing.provider_app, name="provider")
app.add_typer(leasing.credential_app, name="credential")
app.add_typer(leasing.lease_app, name="lease")
app.add_typer(rotating.app, name="rotation")
app.add_typer(accounts.app, name="account")
app.add_typer(mcp.app, name="mcp")
app.add_typer(access.app, name="access")
app.add_typer(roles.app, name="role")
roles.app.command("propose")(proposing.propose)
roles.app.command("from-prompt")(prompting.from_prompt)
roles.app.command("review")(prompting.review)
app.add_typer(policies.app, name="policy")
policies.app.command("replay")(history.replay)
policies.app.command("lint")(linting.lint)
policies.app.command("test")(proving.prove)
app.add_typer(agents.enrolments, name="enrolment")
app.add_typer(scim.app, name="scim")
app.add_typer(operators.app, name="operator")
app.add_typer(reviewing.app, name="review")
app.add_typer(agents.app, name="agent")
app.add_typer(delegations.app, name="delegation")
app.add_typer(issuers.app, name="issuer")
agents.app.command("attest")(issuers.attest)
inventory.add_to(agents.app)
app.add_typer(clients.app, name="client")
app.add_typer(clients.resources, name="resource")
app.add_typer(channels.app, name="channel")
app.add_typer(requests.app, name="request")
app.add_typer(approvals.app, name="approvals")
app.add_typer(signals.app, name="signals")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.revocations, name="revoke")
app.add_typer(keys.app, name="keys")


def main() -> None:
    """Run the command line."""
    guarded(lambda: app(standalone_mode=True))
