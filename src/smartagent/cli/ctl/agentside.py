# SPDX-License-Identifier: Apache-2.0
"""What an agent's own machine does: make its key, enrol it, get a token."""

from pathlib import Path
from typing import Protocol

import msgspec

from smartagent.cli.ctl.desk import finished, means_for
from smartagent.cli.ctl.place import Place, read_input
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.profile import Profiles
from smartagent.sdk import (
    Agent,
    Holder,
    Means,
    attest,
    client_assertion,
    enrol,
    load_key_file,
    make_key_file,
    rotate_key_file,
    save_key_file,
    system_means,
)


class Enrols(Protocol):
    """Has the authority take a key, for a ticket of some kind."""

    async def __call__(
        self, holder: Holder, issuer: str, ticket: str, name: str, /, *, means: Means | None
    ) -> Holder:
        """Return the holder with its new id."""
        ...


def enrol_agent(place: Place, server: str, token: str, key_file: Path, name: str) -> dict[str, object]:
    """Enrol the key in `key_file`, which is made when there is none.

    Raises:
        Exit: The token or the key was not taken.
    """
    if not token:
        raise Exit(USAGE, "The enrolment token is empty.")
    return _taken(place, server, key_file, (enrol, token, name))


def attest_agent(place: Place, server: str, attestation: str, key_file: Path, name: str) -> dict[str, object]:
    """Enrol the key in `key_file`, which is made when there is none, by a token of the platform.

    Raises:
        Exit: The token or the key was not taken.
    """
    if not attestation:
        raise Exit(USAGE, "The platform's token is empty.")
    return _taken(place, server, key_file, (attest, attestation, name))


def get_token(
    place: Place, server: str, key_file: Path, wanted: tuple[str, str], prompt_file: Path | None
) -> dict[str, object]:
    """Open a session, and return it with its token; `prompt_file` is what the agent runs with.

    Raises:
        Exit: The key is not enrolled, or the authority refused.
    """
    holder = _enrolled(key_file)
    scope, audience = wanted
    means = means_for(holder.issuer, server or place.server)
    prompt = None if prompt_file is None else read_input(prompt_file, "the prompt file")

    async def run() -> dict[str, object]:
        async with Agent(holder, means=means, prompt=prompt) as own:
            session = await own.open_session(scope, audience)
            return dict(msgspec.structs.asdict(session))

    return finished(run())


def rotate_own_key(place: Place, server: str, key_file: Path, older_than_days: int) -> bool:
    """Replace the key in `key_file`; say whether that was done.

    Raises:
        Exit: The key is not enrolled, or the authority refused.
    """
    holder = _enrolled(key_file)

    async def run() -> bool:
        means = means_for(holder.issuer, server or place.server)
        try:
            return await rotate_key_file(key_file, older_than_days=older_than_days, means=means)
        finally:
            await means.exchange.close()

    return finished(run())


def sign_assertion(key_file: Path) -> str:
    """Return a client assertion of the agent whose key is in `key_file`; it works once, for about a minute.

    Raises:
        Exit: The key is not enrolled.

    Spec: RFC 7523 section 2.2.
    """
    holder, means = _enrolled(key_file), system_means()
    return client_assertion(
        holder.key, holder.issuer, holder.principal, now=means.clock.now(), entropy=means.entropy
    )


def _enrolled(key_file: Path) -> Holder:
    holder = load_key_file(key_file)
    if not holder.principal:
        raise Exit(USAGE, f"The key in {key_file} is not enrolled yet. Run: smartagentctl agent enrol")
    return holder


def _taken(place: Place, server: str, key_file: Path, how: tuple[Enrols, str, str]) -> dict[str, object]:
    enrols, ticket, name = how
    issuer = _issuer(place, server)
    means = means_for(issuer, "")
    holder = load_key_file(key_file) if key_file.exists() else make_key_file(key_file, means.entropy)
    if holder.principal:
        raise Exit(USAGE, f"The key in {key_file} is {holder.principal}'s already.")

    async def run() -> dict[str, object]:
        try:
            enrolled = await enrols(holder, issuer, ticket, name, means=means)
            save_key_file(key_file, enrolled)
            return {"agent": enrolled.principal, "issuer": issuer, "key_file": str(key_file)}
        finally:
            await means.exchange.close()

    return finished(run())


def _issuer(place: Place, server: str) -> str:
    named = server or place.server
    if named:
        return named.rstrip("/")
    return Profiles(place.config_home).load(place.profile).issuer
