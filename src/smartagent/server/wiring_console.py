# SPDX-License-Identifier: Apache-2.0
"""The composition root's part that operators see: the console over all the verbs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from smartagent.console import Console, Doorkeeper, Means, Passkeys, console_routes, passkey_routes
from smartagent.crypto import system_entropy
from smartagent.edge import Route, Router
from smartagent.identity import Identity
from smartagent.leases import Leases
from smartagent.rotation import Rotations
from smartagent.server.asgi import Page
from smartagent.server.foundation import Foundation
from smartagent.server.house import Rooms
from smartagent.server.metrics import Meter
from smartagent.server.node import Node
from smartagent.server.rootkeys import form_key, log_signer
from smartagent.server.wiring_authority import gauge_credentials, readiness
from smartagent.server.wiring_oauth import TokenService


class WiredConsole(NamedTuple):
    """The console's routes, its verbs among them, its plain pages, and what is counted of it."""

    routes: tuple[Route, ...]
    files: Mapping[str, Page]
    gauge: Callable[[Meter], None]

    def beside(
        self, routes: tuple[Route, ...], pages: Mapping[str, Page], leases: Leases, rotations: Rotations
    ) -> tuple[tuple[Route, ...], Mapping[str, Page], tuple[Callable[[Meter], None], ...]]:
        """Return the routes, pages and gauges of the other rooms, and the console's."""
        gauges = partial(gauge_credentials, leases, rotations), self.gauge
        return (*routes, *self.routes), {**pages, **self.files}, gauges


def _gauge(console: Console, meter: Meter) -> None:
    meter.gauge("smartagent_console_views", "Live views of the console.", lambda: console.live.number)
    meter.gauge(
        "smartagent_console_csp_reports",
        "How often browsers said that a page of the console broke its policy.",
        lambda: console.violations,
    )


def wire_doorkeeper(base: Foundation, identity: Identity, service: TokenService) -> Doorkeeper:
    """Build what knows who is at the console."""
    return Doorkeeper(service.people, identity.directory, base.clock)


def wire_console(
    base: Foundation,
    rooms: Rooms,
    identity: Identity,
    service: TokenService,
    node: Node,
    verbs: tuple[Route, ...],
) -> WiredConsole:
    """Build the console over the house's verbs, and have its live views told what changed."""
    issuer, key = base.settings.issuer, form_key(base.root)
    passkeys = Passkeys(
        clock=base.clock, entropy=system_entropy, database=base.store.database, issuer=issuer, form_key=key
    )
    own = passkey_routes(passkeys)
    checks = readiness(base, node)
    console = Console(
        Means(
            clock=base.clock,
            entropy=system_entropy,
            ids=base.ids,
            database=base.store.database,
            directory=identity.directory,
            people=service.people,
            api=Router((*verbs, *own)),
            house=rooms,
            issuer=issuer,
            form_key=key,
            log_vkey=log_signer(base.root).vkey,
            health=lambda: {name: holds() for name, holds in checks.items()},
        ),
        passkeys,
    )
    base.store.feed.watch(console.live.heard)
    node.on_leaving(console.live.close)
    return WiredConsole((*own, *console_routes(console)), console.files(), partial(_gauge, console))
