# SPDX-License-Identifier: Apache-2.0
"""Claiming: the key is made and kept first, then the link is used, so that a crash never loses a used link's key."""

import getpass

import msgspec

from smartagent.cli.ctl.desk import as_operator, finished, means_for, refusal
from smartagent.cli.ctl.place import Place
from smartagent.cli.exits import REFUSED, USAGE, Exit, complain
from smartagent.cli.profile import Profile, Profiles
from smartagent.sdk import (
    Holder,
    Means,
    Operator,
    claim_house,
    load_key_file,
    make_key_file,
    parse_link,
    save_key_file,
)


class About(msgspec.Struct, frozen=True):
    """What an authority says of itself."""

    service: str
    version: str
    issuer: str
    gateway_url: str
    log_vkey: str
    api: str = "v1"


def claim_with(place: Place, link: str, name: str, *, keyring: bool) -> Profile:
    """Use `link`, and keep the login.

    Raises:
        Exit: There is a login of that name already, or the link was not taken.
    """
    profiles = Profiles(place.config_home)
    if profiles.exists(place.profile):
        raise Exit(
            USAGE,
            f"There is a login {place.profile!r} already; use another: smartagentctl --profile NAME login LINK",
        )
    issuer, _ = parse_link(link)
    means = means_for(issuer, place.server)
    shown = name or getpass.getuser()

    async def run() -> Profile:
        try:
            about = await read_about(means, issuer)
            if about.issuer != issuer:
                raise Exit(REFUSED, f"The link is for {issuer}, but {about.issuer} answers there.")
            path = profiles.key_file(place.profile)
            # A key that is left from a login that failed is taken again: the link may have been used.
            blank = load_key_file(path) if path.exists() else make_key_file(path, means.entropy)
            holder = await claim_house(blank, link, shown, means=means)
            profile = Profile(issuer, holder.principal, shown, about.log_vkey, keyring)
            if keyring:
                _move_to_keyring(holder)
                path.unlink()
            else:
                save_key_file(path, holder)
            profiles.save(place.profile, profile)
            return profile
        finally:
            await means.exchange.close()

    return finished(run())


def try_login(place: Place) -> Profile:
    """Log in with the key that is kept, compare versions, and return the login.

    Raises:
        Exit: It does not work.
    """
    profile = Profiles(place.config_home).load(place.profile)

    async def ask(operator: Operator) -> None:
        await operator.login()

    as_operator(place, ask)
    about_of(place, profile)
    return profile


def about_of(place: Place, profile: Profile) -> About:
    """Ask the authority about itself, and warn when its log is signed by another key than at first.

    Raises:
        Exit: It does not answer.
    """
    means = means_for(profile.issuer, place.server)

    async def run() -> About:
        try:
            return await read_about(means, profile.issuer)
        finally:
            await means.exchange.close()

    about = finished(run())
    if profile.log_vkey and about.log_vkey != profile.log_vkey:
        complain("WARNING: the log's public key is not the one of your first login.")
    return about


async def read_about(means: Means, issuer: str) -> About:
    """Read what the authority says of itself.

    Raises:
        Exit: Nothing that is an authority of this API answers.
    """
    answer = await means.exchange("GET", f"{issuer}/.well-known/smartagent", {}, b"")
    if answer.status != 200:  # noqa: PLR2004 -- HTTP's OK
        raise refusal(answer.status, answer.body)
    try:
        about = msgspec.json.decode(answer.body, type=About)
    except msgspec.MsgspecError:
        raise Exit(REFUSED, f"What answers at {issuer} is no SmartAgent authority.") from None
    if about.api != "v1":
        raise Exit(REFUSED, f"The authority speaks {about.api}, this command v1: update smartagent here.")
    return about


def _move_to_keyring(holder: Holder) -> None:
    from smartagent.cli.ctl.keyring import keep_seed, system_ring  # noqa: PLC0415 -- an optional extra

    keep_seed(system_ring(), holder.principal, holder.key.seed().reveal())
