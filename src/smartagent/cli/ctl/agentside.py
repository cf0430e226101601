# SPDX-License-Identifier: Apache-2.0
"""What an agent's own machine does: make its key, enrol it, get a token."""

from pathlib import Path

import msgspec

from smartagent.cli.ctl.desk import finished, means_for
from smartagent.cli.ctl.place import Place
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.profile import Profiles
from smartagent.sdk import Agent, enrol, load_key_file, make_key_file, save_key_file


def enrol_agent(place: Place, server: str, token: str, key_file: Path, name: str) -> dict[str, object]:
    """Enrol the key in `key_file`, which is made when there is none.

    Raises:
        Exit: The token or the key was not taken.
    """
    if not token:
        raise Exit(USAGE, "The enrolment token is empty.")
    issuer = _issuer(place, server)
    means = means_for(issuer, "")
    holder = load_key_file(key_file) if key_file.exists() else make_key_file(key_file, means.entropy)
    if holder.principal:
        raise Exit(USAGE, f"The key in {key_file} is {holder.principal}'s already.")

    async def run() -> dict[str, object]:
        try:
            enrolled = await enrol(holder, issuer, token, name, means=means)
            save_key_file(key_file, enrolled)
            return {"agent": enrolled.principal, "issuer": issuer, "key_file": str(key_file)}
        finally:
            await means.exchange.close()

    return finished(run())


def get_token(place: Place, server: str, key_file: Path, wanted: tuple[str, str]) -> dict[str, object]:
    """Open a session, and return it with its token.

    Raises:
        Exit: The key is not enrolled, or the authority refused.
    """
    holder = load_key_file(key_file)
    if not holder.principal:
        raise Exit(USAGE, f"The key in {key_file} is not enrolled yet. Run: smartagentctl agent enrol")
    scope, audience = wanted

    async def run() -> dict[str, object]:
        async with Agent(holder, means=means_for(holder.issuer, server or place.server)) as own:
            session = await own.open_session(scope, audience)
            return dict(msgspec.structs.asdict(session))

    return finished(run())


def _issuer(place: Place, server: str) -> str:
    named = server or place.server
    if named:
        return named.rstrip("/")
    return Profiles(place.config_home).load(place.profile).issuer
