# SPDX-License-Identifier: Apache-2.0
"""The plain public pages: health, readiness, metrics and the API's description.

They are outside the pipeline: they say nothing about anyone, and are not recorded.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from smartagent.edge import Inbound, Reply
from smartagent.server.asgi import Page
from smartagent.server.metrics import Meter

Checks = Mapping[str, Callable[[], bool]]

METRICS_MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def health_page(version: str) -> Page:
    """Say that this process answers, and which version it is."""
    body = msgspec.json.encode({"service": "smartagent", "status": "ok", "version": version, "api": "v1"})

    async def show(_: Inbound) -> Reply:
        return Reply(200, body)

    return show


def readiness_page(checks: Checks) -> Page:
    """Say whether this node may be sent requests: 200 when every check holds, else 503 and which do not."""

    async def show(_: Inbound) -> Reply:
        failing = sorted(name for name, holds in checks.items() if not holds())
        if failing:
            return Reply(503, {"status": "not-ready", "failing": failing}, headers=(("retry-after", "1"),))
        return Reply(200, {"status": "ready", "failing": []})

    return show


def led_page(text: str, path: str) -> Page:
    """Lead a browser to a page, and show a text to whoever is none.  A browser keeps the fragment."""
    body = text.encode()

    async def show(inbound: Inbound) -> Reply:
        if "text/html" in inbound.headers.get("accept", ""):
            return Reply(303, b"", "text/html", (("location", path), ("cache-control", "no-store")))
        return Reply(200, body, "text/plain; charset=utf-8")

    return show


def certificate_page(pem: bytes) -> Page:
    """Show a certificate, for programs to trust."""

    async def show(_: Inbound) -> Reply:
        return Reply(200, pem, "application/x-pem-file")

    return show


def metrics_page(meter: Meter) -> Page:
    """Show the counters of all workers."""

    async def show(_: Inbound) -> Reply:
        return Reply(200, meter.render(), METRICS_MEDIA_TYPE)

    return show


def document_page(make: Callable[[], object], cache_control: str) -> Page:
    """Show a document that never changes while the process lives; it is made when first asked for."""
    made: list[bytes] = []

    async def show(_: Inbound) -> Reply:
        if not made:
            made.append(msgspec.json.encode(make()))
        return Reply(200, made[0], headers=(("cache-control", cache_control),))

    return show
