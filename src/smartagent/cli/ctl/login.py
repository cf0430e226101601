# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl login` and `whoami`: becoming an operator, with a key that never leaves this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from smartagent.cli.ctl.place import AsJson, Place, place_of
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_fields

if TYPE_CHECKING:
    from smartagent.cli.profile import Profile

LinkText = Annotated[
    str,
    typer.Argument(
        help="The claim link; without it, the login that exists is tried, and - reads standard input."
    ),
]
MyName = Annotated[str, typer.Option("--name", help="How people shall see you.")]
InKeyring = Annotated[
    bool, typer.Option("--keyring", help="Keep the key in the OS keyring instead of a file.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(login)
    app.command()(whoami)
    app.command()(invite)


def login(
    ctx: typer.Context,
    link: LinkText = "",
    *,
    name: MyName = "",
    keyring: InKeyring = False,
    as_json: AsJson = False,
) -> None:
    """Claim an authority by a one-time link: makes your key, and keeps it here."""
    from smartagent.cli.ctl.claiming import claim_with, try_login  # noqa: PLC0415 -- loads the client

    place = place_of(ctx)
    if not link:
        profile = try_login(place)
        _show(place, profile, "You are logged in.", as_json=as_json)
        return
    if link == "-":
        import sys  # noqa: PLC0415 -- only here

        link = sys.stdin.readline().strip()
    if not link:
        raise Exit(USAGE, "Give the claim link.")
    profile = claim_with(place, link, name, keyring=keyring)
    _show(place, profile, "You are an operator now.", as_json=as_json)


def whoami(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show who you are, and where."""
    from smartagent.cli.profile import Profiles  # noqa: PLC0415 -- `--help` does without

    place = place_of(ctx)
    _show(place, Profiles(place.config_home).load(place.profile), "", as_json=as_json)


def invite(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Make a claim link for another operator."""
    from smartagent.cli.ctl.desk import answer_of  # noqa: PLC0415 -- loads the client

    show_fields(answer_of(ctx, "POST", "/v1/claim-links", body={}), as_json=as_json)


def _show(place: Place, profile: "Profile", words: str, *, as_json: bool) -> None:
    if words and not as_json:
        say(words)
    show_fields(
        {
            "operator": profile.operator,
            "name": profile.name,
            "issuer": profile.issuer,
            "key": "OS keyring" if profile.in_keyring else "file",
            "profile": place.profile,
            "log_vkey": profile.log_vkey,
        },
        as_json=as_json,
    )
