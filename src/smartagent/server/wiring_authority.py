# SPDX-License-Identifier: Apache-2.0
"""The composition root's last part: the application, and the public pages beside its routes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from smartagent.edge import Route, Router
from smartagent.gateway import Gateway
from smartagent.leases import Leases
from smartagent.oauth import completed
from smartagent.oauth import metadata_url as resource_metadata_url
from smartagent.rotation import Rotations
from smartagent.server.asgi import Authority, Page
from smartagent.server.cors import Cors
from smartagent.server.foundation import Foundation
from smartagent.server.house import Rooms
from smartagent.server.metrics import Meter
from smartagent.server.node import Node
from smartagent.server.openapi import describe
from smartagent.server.pages import (
    Checks,
    certificate_page,
    document_page,
    health_page,
    led_page,
    metrics_page,
    readiness_page,
)
from smartagent.server.release import release
from smartagent.server.rootkeys import gateway_ca, log_signer
from smartagent.server.wiring_oauth import TokenService

IMMUTABLE: Final = "public, max-age=3600"
HOW_TO_CLAIM: Final = (
    "This is a claim link. It is used with a key of your own, on the command line:\n\n"
    "    smartagentctl login 'THE WHOLE LINK'\n\n"
    "or in a browser, which is led to the console.\n"
)


def wire_authority(  # noqa: PLR0913 -- the parts of the application
    base: Foundation,
    rooms: Rooms,
    node: Node,
    service: TokenService,
    shown: tuple[tuple[Route, ...], Mapping[str, Page], Sequence[Callable[[Meter], None]]],
    gateway: Gateway,
    *,
    worker: int,
) -> Authority:
    """Build the ASGI application: the routes, and the public pages beside them."""
    routes, documents, gauges = shown
    meter = _meter(base, routes, gateway, worker)
    for counted in gauges:
        counted(meter)
    checks = readiness(base, node)
    installed = release()
    pages: dict[str, Page] = {
        "/healthz": health_page(installed),
        "/claim": led_page(HOW_TO_CLAIM, "/console/claim"),
        "/gateway-ca.pem": certificate_page(gateway_ca(base.root, base.settings.gateway_ca_names).pem),
        "/readyz": readiness_page(checks),
        "/metrics": metrics_page(meter),
        "/openapi.json": document_page(
            lambda: describe(routes, version=installed, server_url=base.settings.issuer), IMMUTABLE
        ),
        "/.well-known/smartagent": document_page(lambda: _about(base, installed), IMMUTABLE),
        **documents,
    }
    metadata_url = resource_metadata_url(base.settings.issuer)
    return Authority(
        router=Router(routes),
        pages=pages,
        house=rooms,
        ids=base.ids,
        clock=base.clock,
        meter=meter,
        start=node.start,
        stop=node.stop,
        cors=Cors(service.metadata.paths),
        challenge=lambda reply, sent: completed(reply, metadata_url=metadata_url, token_was_sent=sent),
    )


def readiness(base: Foundation, node: Node) -> Checks:
    """Return what must hold for a node to be sent requests."""
    return {
        "store": lambda: base.store.healthy,
        "signing-key": lambda: node.keys_ready,
        "draining": lambda: not node.draining,
    }


def gauge_credentials(leases: Leases, rotations: Rotations, meter: Meter) -> None:
    """Have leases and rotations counted."""
    meter.gauge("smartagent_leases_live", "Leases that are not dead.", lambda: leases.number_live)
    meter.gauge(
        "smartagent_leases_failing",
        "Leases that could not be ended at the first attempt, and live on.",
        lambda: leases.number_failing,
    )
    meter.gauge(
        "smartagent_rotations_overdue",
        "Lines of the plan that are overdue.",
        lambda: rotations.number_overdue,
    )
    meter.gauge(
        "smartagent_rotations_failing", "Rotations that failed last time.", lambda: rotations.number_failing
    )


def _meter(base: Foundation, routes: tuple[Route, ...], gateway: Gateway, worker: int) -> Meter:
    store = base.store
    meter = Meter(routes, base.settings.run_path, worker)
    meter.gauge(
        "smartagent_feed_version", "The change that this worker's memory reached.", lambda: store.feed.applied
    )
    meter.gauge("smartagent_healthy", "Whether this worker's store is healthy.", lambda: float(store.healthy))
    meter.gauge(
        "smartagent_gateway_connections",
        "Agents' connections to this worker.",
        lambda: gateway.open_connections,
    )
    meter.gauge(
        "smartagent_gateway_upstreams_down",
        "Upstreams that could not be reached, and are left alone for a while.",
        lambda: gateway.upstreams_down,
    )
    return meter


def _about(base: Foundation, installed: str) -> dict[str, str]:
    """Say what a client must know to talk to this authority and to check its log."""
    return {
        "service": "smartagent",
        "version": installed,
        "api": "v1",
        "issuer": base.settings.issuer,
        "gateway_url": base.settings.gateway_url,
        "log_vkey": log_signer(base.root).vkey,
    }
