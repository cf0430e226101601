# SPDX-License-Identifier: Apache-2.0
"""Secrets: their names and versions, what uses them, and when they are rotated.  No page has a place for a value."""

import asyncio
from collections.abc import Iterable
from itertools import groupby
from typing import Final, NamedTuple
from urllib.parse import quote

from smartagent.console.api import Api
from smartagent.console.frame import Frame
from smartagent.console.model_secrets import (
    Due,
    McpServer,
    McpServerList,
    Plan,
    Provider,
    ProviderList,
    Rotation,
    RotationList,
    SecretEntries,
    SecretEntry,
)
from smartagent.edge import Inbound, Outcome, Proof, Route
from smartagent.kernel import Caller

LIVE: Final = "secrets upstreams rotations providers mcp-servers"
_MONTH_CHARS: Final = len("2026-11")


class SecretPages:
    """The pages of secrets and of rotations."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> tuple[Route, ...]:
        """Return the pages' routes."""
        return (
            Route(
                "GET",
                "/console/secrets",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_all,
                summary="List the secrets, what uses them, and when they are rotated",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/secrets/{name}",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="Show a secret without its value: versions, what uses it, its rotations",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/rotations",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_plan,
                summary="Show what is rotated when, by month",
                render=self._frame.refusal,
            ),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the secrets.

        Raises:
            VerbRefused: The operator may not see them.
        """
        api = self._frame.api(caller)
        found, users = await asyncio.gather(api.read("/v1/secrets", SecretEntries), _users(api))
        return self._frame.page(
            caller,
            inbound,
            "secrets.html",
            secrets=found.secrets,
            uses={each.name: uses_of(each, users) for each in found.secrets},
            rotations={rotation.secret: rotation for rotation in users.rotations},
            live=LIVE,
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a secret.

        Raises:
            VerbRefused: There is none of this name, or the operator may not see it.
        """
        api = self._frame.api(caller)
        path = f"/v1/secrets/{quote(inbound.params['name'], safe='')}"
        secret, users = await asyncio.gather(api.read(path, SecretEntry), _users(api))
        return self._frame.page(
            caller,
            inbound,
            "secret.html",
            secret=secret,
            uses=uses_of(secret, users),
            rotations=[each for each in users.rotations if each.secret == secret.name],
            names=self._frame.names(version.created_by for version in secret.versions),
            live=LIVE,
        )

    async def show_plan(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show what is rotated when.

        Raises:
            VerbRefused: The operator may not see it.
        """
        plan = await self._frame.api(caller).read("/v1/rotation-plan", Plan)
        return self._frame.page(
            caller,
            inbound,
            "rotations.html",
            section="/console/secrets",
            months=by_month(plan.due),
            idle=[due for due in plan.due if not due.due_at],
            live=LIVE,
        )


class Users(NamedTuple):
    """What may use secrets, besides upstreams, which their entries name."""

    rotations: list[Rotation]
    providers: list[Provider]
    servers: list[McpServer]


def uses_of(secret: SecretEntry, users: Users) -> list[tuple[str, str]]:
    """Return what uses a secret: of each its sort and its name."""
    return [
        *(("upstream", name) for name in secret.used_by),
        *(("provider", each.name) for each in users.providers if secret.name in each.secrets.values()),
        *(("rotation", each.name) for each in users.rotations if secret.name in each.secrets.values()),
        *(("MCP server", each.name) for each in users.servers if each.secret == secret.name),
    ]


async def _users(api: Api) -> Users:
    rotations, providers, servers = await asyncio.gather(
        api.read("/v1/rotations", RotationList),
        api.read("/v1/providers", ProviderList),
        api.read("/v1/mcp-servers", McpServerList),
    )
    return Users(rotations.rotations, providers.providers, servers.servers)


def by_month(due: Iterable[Due]) -> list[tuple[str, list[Due]]]:
    """Return what is due in each month (UTC) that has something, the nearest first."""
    dated = sorted((each for each in due if each.due_at), key=lambda each: each.due_at)
    return [
        (month, list(lines)) for month, lines in groupby(dated, key=lambda each: each.due_at[:_MONTH_CHARS])
    ]
