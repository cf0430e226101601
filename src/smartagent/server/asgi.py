# SPDX-License-Identifier: Apache-2.0
"""Port 8700: HTTP as uvicorn hands it over, into an `Inbound`; a `Reply`, back out.

Everything between those two is the pipeline's.  What could be understood in two ways (a
header that carries a proof and comes twice) is refused here.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, Literal, TypedDict

import msgspec

from smartagent.edge import (
    BodyTooLarge,
    House,
    Inbound,
    MalformedRequest,
    MethodNotAllowed,
    Proof,
    Reply,
    Route,
    Router,
    handle,
    oauth_error,
    problem,
)
from smartagent.edge.problem import bug
from smartagent.kernel import Clock, IdPrefix, Ids, SmartAgentError
from smartagent.server.cors import Cors
from smartagent.server.metrics import Meter

log: Final = logging.getLogger("smartagent.http")

SINGLE: Final = frozenset(
    {"authorization", "content-length", "content-type", "dpop", "host", "transfer-encoding"}
)
"""Headers that must not come twice: two readers could believe different ones."""

DISCARD_BYTES: Final = 1_048_576
"""How much of a body that is too long is read and thrown away, so that its sender sees the answer."""

STALLED_SECONDS: Final = 30.0
"""After this long without taking anything, the reader of a stream is let go: its place is wanted."""

_ENCODE: Final = msgspec.json.Encoder().encode
_CLOSE: Final = (b"connection", b"close")


class HttpScope(TypedDict):
    """What ASGI says about a request."""

    type: Literal["http", "lifespan", "websocket"]
    http_version: str
    method: str
    raw_path: bytes
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    client: tuple[str, int] | None


class ReceiveEvent(TypedDict, total=False):
    """What ASGI lets an application receive."""

    type: str
    body: bytes
    more_body: bool


class SendEvent(TypedDict, total=False):
    """What ASGI lets an application send."""

    type: str
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    more_body: bool
    message: str
    code: int


Receive = Callable[[], Awaitable[ReceiveEvent]]
Send = Callable[[SendEvent], Awaitable[None]]
Page = Callable[[Inbound], Awaitable[Reply]]
Step = Callable[[], Awaitable[None]]
Challenge = Callable[[Reply, bool], Reply]
"""Completes a refusal of the house's own API; it is told whether a token was sent."""


class Disconnected(Exception):
    """The caller went away in the middle of a body; nobody is left to answer."""


class Authority:
    """The ASGI application: rooms' routes through the pipeline, and plain public pages beside them."""

    def __init__(  # noqa: PLR0913 -- the composition root's parts, each named
        self,
        *,
        router: Router,
        pages: Mapping[str, Page],
        house: House,
        ids: Ids,
        clock: Clock,
        meter: Meter,
        start: Step,
        stop: Step,
        cors: Cors | None = None,
        challenge: Challenge | None = None,
    ) -> None:
        self._router = router
        self._pages = pages
        self._house = house
        self._ids = ids
        self._clock = clock
        self._meter = meter
        self._start = start
        self._stop = stop
        self._cors = cors or Cors()
        self._challenge = challenge

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "lifespan":
                await self._lifespan(receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        began = self._clock.monotonic()
        request_id = shown_id = self._ids.new(IdPrefix.REQUEST)
        route: Route | None = None
        drained = False
        try:
            inbound = admit(scope, request_id)
            page = self._page(inbound.path)
            preflight = self._cors.preflight(inbound)
            if preflight is not None:
                drained, reply = True, preflight
            elif page is not None:
                drained, reply = True, await _show(page, inbound)
            else:
                found = self._router.match(inbound.method, inbound.path)
                route, inbound.params = found.route, found.params
                shown_id = _shown_id(inbound, route)
                inbound.body = await read_body(inbound, receive, route.max_body_bytes)
                drained = True
                reply = self._challenged(inbound, route, await handle(inbound, route, self._house))
        except Disconnected:
            return
        except SmartAgentError as error:
            # Refused on the way to the pipeline; the route's clients still read errors in one form only.
            reply = _refusal(error, route, request_id)
        except Exception:
            log.exception("a request failed in an unforeseen way", extra={"request": request_id})
            reply = bug(request_id)
        opened = self._cors.opened(scope["raw_path"].decode("latin-1"), reply)
        await _answer(opened, shown_id, send, close=not drained)
        self._meter.request(route, reply.status, self._clock.monotonic() - began)
        await _flow(opened, scope["method"], receive, send)

    def _page(self, path: str) -> Page | None:
        # A page whose path ends with a slash shows everything that lies right beneath it.
        return self._pages.get(path) or self._pages.get(path[: path.rfind("/") + 1])

    def _challenged(self, inbound: Inbound, route: Route, reply: Reply) -> Reply:
        if self._challenge is None or route.proof is not Proof.ACCESS_TOKEN:
            return reply
        return self._challenge(reply, "authorization" in inbound.headers)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except SmartAgentError as error:
            await send({"type": "lifespan.startup.failed", "message": f"{error.title} {error}"})
            return
        except Exception:
            log.exception("the start failed")
            await send({"type": "lifespan.startup.failed", "message": "see the log above"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})


def admit(scope: HttpScope, request_id: str) -> Inbound:
    """Turn a scope into an `Inbound` without its body.

    Raises:
        MalformedRequest: A header that must be single comes twice, or `Host` is missing.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1")
        value = raw_value.decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name in SINGLE:
            raise MalformedRequest(f"the header {name} comes more than once")
        else:
            headers[name] = f"{headers[name]}, {value}"
    if "host" not in headers and scope["http_version"] != "1.0":
        raise MalformedRequest("the header host is missing")
    client = scope["client"]
    return Inbound(
        request_id=request_id,
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        client_ip=client[0] if client else "",
    )


async def read_body(inbound: Inbound, receive: Receive, limit: int) -> bytes:
    """Read the body, and stop as soon as it is too long.

    Raises:
        BodyTooLarge: It announces or has more than `limit` bytes.
        Disconnected: The caller left before its end.
    """
    announced = inbound.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        if "expect" not in inbound.headers:
            await _discard(receive)
        raise BodyTooLarge(f"limit is {limit} bytes")
    chunks: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise Disconnected
        chunk = event.get("body", b"")
        size += len(chunk)
        if size > limit:
            if event.get("more_body", False):
                await _discard(receive)
            raise BodyTooLarge(f"limit is {limit} bytes")
        if not event.get("more_body", False):
            return chunk if not chunks else b"".join((*chunks, chunk))
        chunks.append(chunk)


async def _discard(receive: Receive) -> None:
    # Closing with bytes unread resets the connection, and the caller would never see why.
    budget = DISCARD_BYTES
    while budget > 0:
        event = await receive()
        budget -= len(event.get("body", b""))
        if not event.get("more_body", False):
            return


async def _show(page: Page, inbound: Inbound) -> Reply:
    if inbound.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed(("GET", "HEAD"))
    return await page(inbound)


def _shown_id(inbound: Inbound, route: Route) -> str:
    sent = inbound.headers.get("x-request-id", "") if route.echoes_request_id else ""
    return sent if sent.isascii() and sent.isprintable() and sent else inbound.request_id


def _refusal(error: SmartAgentError, route: Route | None, request_id: str) -> Reply:
    is_oauth = route is not None and route.oauth
    return oauth_error(error) if is_oauth else problem(error, instance=request_id)


async def _answer(reply: Reply, request_id: str, send: Send, *, close: bool) -> None:
    """Send an answer; of one whose body is a stream, only what comes before it."""
    flows = isinstance(reply.body, AsyncIterator)
    body = reply.body if isinstance(reply.body, bytes) else b"" if flows else _ENCODE(reply.body)
    headers = [
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    if not flows:
        headers.append((b"content-length", b"%d" % len(body)))
    if body or flows:
        headers.append((b"content-type", reply.media_type.encode()))
    kept = False
    for name, value in reply.headers:
        kept = kept or name.lower() == "cache-control"
        headers.append((name.encode(), value.encode("latin-1")))
    if not kept:
        headers.append((b"cache-control", b"no-store"))
    if close:
        # The body was not read to its end: what follows on this connection is not a request.
        headers.append(_CLOSE)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if not flows:
        await send({"type": "http.response.body", "body": body})


async def _flow(
    reply: Reply, method: str, receive: Receive, send: Send, patience_seconds: float = STALLED_SECONDS
) -> None:
    """Send a stream as it comes: until it ends, or its reader leaves, or takes nothing any more."""
    if not isinstance(reply.body, AsyncIterator):
        return
    if method == "HEAD":
        await send({"type": "http.response.body", "body": b""})
        return
    sending = asyncio.ensure_future(_send_all(reply.body, send, patience_seconds))
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        # However this ends, the stream's own clean-up has run when it has.
        sending.cancel()
        leaving.cancel()
        await asyncio.wait((sending, leaving))
    if not sending.cancelled() and sending.exception() is not None:
        # The answer has begun: all that can be done is to break it off, which its reader can see.
        log.error("a stream broke off", exc_info=sending.exception())


async def _send_all(chunks: AsyncIterator[bytes], send: Send, patience_seconds: float) -> None:
    try:
        async for chunk in chunks:
            async with asyncio.timeout(patience_seconds):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


__all__ = ["Authority", "HttpScope", "Page", "Receive", "Send", "admit", "read_body"]
