# SPDX-License-Identifier: Apache-2.0
"""The gateway: listens, keeps the connections, looks at the clock, and lets go in order.

One timer sweeps over all connections instead of one timer per request; its coarse time (`tick`) is what
idle times are measured against.
"""

import asyncio
import logging
import ssl
import traceback
from collections.abc import Sequence
from typing import Final

from smartagent import edge
from smartagent.gateway.admission import Admission
from smartagent.gateway.answer import whole_answer
from smartagent.gateway.connection import AgentConnection
from smartagent.gateway.dispatch import Dispatch
from smartagent.gateway.errors import CallAbandoned, GatewayFull
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.forward import ROUTE, Tunnel, TunnelHouse, opened, place_of, proxied, token_of
from smartagent.gateway.grpc import grpc_answer
from smartagent.gateway.head import ALLOWED, RequestHead
from smartagent.gateway.http2_agent import Http2Connection
from smartagent.gateway.http2_upstream import Http2Upstream
from smartagent.gateway.intercept import Interception
from smartagent.gateway.pin import Pinner
from smartagent.gateway.plan import Plan
from smartagent.gateway.ports import Doors
from smartagent.gateway.recheck import against_call, may_stay
from smartagent.gateway.settings import GatewaySettings
from smartagent.gateway.upstream import Pool, UpstreamConnection
from smartagent.kernel import SmartAgentError

_LOG: Final = logging.getLogger(__name__)
_BACKLOG: Final = 2048
_WELL_KNOWN: Final = "/.well-known/"
_READS: Final = frozenset(("GET", "HEAD"))


class Gateway:
    """The data plane of one process."""

    def __init__(
        self,
        doors: Doors,
        settings: GatewaySettings,
        pinner: Pinner | None = None,
        interception: Interception | None = None,
        node: str = "",
    ) -> None:
        self.settings = settings
        self.draining = False
        self.tick = 0.0
        self._doors = doors
        self._interception = interception
        self._pool = Pool(pinner or Pinner(settings.own_ports), settings, Http2Upstream)
        self._admission = Admission(doors, node)
        self._dispatch = Dispatch(doors, self._pool, self._admission, settings.approval_wait_seconds)
        self._connections: set[AgentConnection | Http2Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._resending: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        doors.on_revoked(self.cut_revoked)
        doors.on_changed(self.cut_forbidden)

    # -- life ------------------------------------------------------------------------------------------------

    def protocol_factory(self) -> AgentConnection:
        """Return the protocol of a new connection."""
        return AgentConnection(self)

    async def serve(
        self, host: str, port: int, *, reuse_port: bool = False, tls: ssl.SSLContext | None = None
    ) -> asyncio.Server:
        """Listen.

        Args:
            host: The address to bind.
            port: 0 for any.
            reuse_port: Other processes listen on it too.
            tls: Speak TLS with this context.
        """
        loop = asyncio.get_running_loop()
        self.tick = loop.time()
        server = await loop.create_server(
            self.protocol_factory, host, port, reuse_port=reuse_port, ssl=tls, backlog=_BACKLOG
        )
        self._servers.append(server)
        if self._sweeper is None:
            self._sweeper = loop.call_later(self.settings.sweep_seconds, self._sweep)
        return server

    async def drain(self) -> None:
        """Accept nothing more, let what is in flight and waits for nobody finish within `drain_seconds`, and close."""
        self.draining = True
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            for exchange in connection.in_flight():
                if exchange.held is not None:
                    exchange.fail(CallAbandoned("this node stops; make the call again"))
            connection.close_if_idle()
        if self._connections:
            self._empty.clear()
            try:
                async with asyncio.timeout(self.settings.drain_seconds):
                    await self._empty.wait()
            except TimeoutError:
                self._cut_all()
        self._pool.close()
        self._admission.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def cut_revoked(self) -> None:
        """End every call whose caller is no longer live."""
        for connection in tuple(self._connections):
            for exchange in connection.in_flight():
                if exchange.caller is not None and not self._doors.live(exchange.caller):
                    exchange.stop(edge.AuthenticationFailed("revoked during the call"))
            tunnel = connection.tunnel
            if tunnel is not None and not self._doors.live(tunnel.caller):
                connection.close()

    def holds_secret(self, text: str) -> bool:
        """Tell whether a text holds a secret of an upstream."""
        return bool(self._dispatch.leaks.find(text.encode()))

    async def hear(self, texts: Sequence[str]) -> None:
        """Take in what the gateways of other processes have let through."""
        self._admission.hear(texts, asyncio.get_running_loop().time())

    def cut_forbidden(self) -> None:
        """End every call and tunnel that would not be allowed now, and look for the secrets that there are now."""
        self._dispatch.leaks.forget()
        for connection in tuple(self._connections):
            for exchange in connection.in_flight():
                refusal = against_call(exchange, self._doors)
                if refusal is not None:
                    exchange.stop(refusal)
            tunnel = connection.tunnel
            if tunnel is not None and not may_stay(tunnel, self._doors):
                connection.close()

    @property
    def open_connections(self) -> int:
        """How many agents' connections are open."""
        return len(self._connections)

    @property
    def upstreams_down(self) -> int:
        """How many origins are left alone because they could not be reached."""
        return self._pool.breakers.number_open

    # -- for the connections ---------------------------------------------------------------------------------

    def admit(self, connection: AgentConnection) -> SmartAgentError | None:
        """Take note of a new connection."""
        self._connections.add(connection)
        if len(self._connections) > self.settings.max_connections or self.draining:
            return GatewayFull("try again later")
        return None

    def replaced(self, connection: AgentConnection, by: Http2Connection) -> None:
        """Look after a connection in its new form."""
        self._connections.discard(connection)
        self._connections.add(by)

    def lost(self, connection: AgentConnection | Http2Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def start(self, exchange: Exchange) -> asyncio.Task[None]:
        """Take a request through the house."""
        return asyncio.get_running_loop().create_task(self._forward(exchange))

    def open_tunnel(self, connection: AgentConnection, head: RequestHead) -> asyncio.Task[None]:
        """Open a tunnel, or refuse it."""
        return asyncio.get_running_loop().create_task(self._open(connection, head))

    def explain_broken(self, error: SmartAgentError) -> bytes:
        """Return the answer to bytes that are no request."""
        return whole_answer(
            edge.problem(error, instance=self._doors.new_request_id()), head_only=False, close=True
        )

    # -- for the exchanges -----------------------------------------------------------------------------------

    def ended(self, exchange: Exchange, outcome: str) -> None:
        """Record what came of a call."""
        if exchange.intended:
            elapsed = asyncio.get_running_loop().time() - exchange.started
            self._dispatch.outcome(exchange, outcome, elapsed)

    def resend(self, exchange: Exchange) -> None:
        """Send again on a fresh connection."""
        if exchange.plan is not None:
            task = asyncio.get_running_loop().create_task(self._resend(exchange, exchange.plan))
            self._resending.add(task)
            task.add_done_callback(self._resending.discard)

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep the connection for another exchange."""
        self._pool.put(connection, self.tick)

    def explain(self, error: SmartAgentError, exchange: Exchange, *, close: bool) -> bytes:
        """Return the answer that says what went wrong."""
        reply = self._doors.challenged(
            edge.problem(error, instance=exchange.request_id),
            token_was_sent="authorization" in exchange.head.fields,
        )
        return _said(reply, exchange.head, close=close)

    # -- inside ----------------------------------------------------------------------------------------------

    async def _open(self, connection: AgentConnection, head: RequestHead) -> None:
        request_id = self._doors.new_request_id()
        try:
            interception = self._interceptor()
            place = place_of(head)
            token = _token_or_none(head)
            headers = {"authorization": f"Bearer {token}"} if token else {}
            inbound = edge.Inbound(
                request_id, "CONNECT", f"/{place.host}", headers=headers, client_ip=connection.client_ip
            )
            entered = await edge.enter(inbound, ROUTE, TunnelHouse(self._doors, interception, place))
            work = opened(self._doors, entered.caller, entered.verdict, place, request_id)
            await self._doors.commit(work, entered.caller)
            context = interception.context_for(place.host)
            await connection.become(Tunnel(entered.caller, token, place), context)
        except SmartAgentError as error:
            reply = proxied(edge.problem(error, instance=request_id))
            connection.refuse_tunnel(whole_answer(reply, head_only=False, close=True))
        except Exception as error:  # noqa: BLE001 -- as below
            trace = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("request %s met a bug: %s\n%s", request_id, type(error).__name__, trace)
            connection.refuse_tunnel(whole_answer(edge.bug(request_id), head_only=False, close=True))

    def _interceptor(self) -> Interception:
        if self._interception is None:
            raise edge.MethodNotAllowed(ALLOWED)
        return self._interception

    async def _forward(self, exchange: Exchange) -> None:
        exchange.request_id = self._doors.new_request_id()
        exchange.started = asyncio.get_running_loop().time()
        try:
            if exchange.head.target.startswith(_WELL_KNOWN) and self._show(exchange):
                return
            await self._dispatch.forward(exchange, exchange.started)
        except SmartAgentError as error:
            exchange.fail(error)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the agent gets an answer and the log a trace
            self._bug(error, exchange)

    def _show(self, exchange: Exchange) -> bool:
        # No upstream's name begins with a dot, so nothing that could be called is hidden by this.
        path, _, query = exchange.head.target.partition("?")
        page = self._doors.page(path, query) if exchange.head.method in _READS else None
        if page is None:
            return False
        close = not exchange.request_done or not exchange.head.keep_alive
        answer = whole_answer(page, head_only=exchange.head.method == "HEAD", close=close)
        exchange.answer(answer, "shown", close=close)
        return True

    async def _resend(self, exchange: Exchange, plan: Plan) -> None:
        try:
            await self._dispatch.send(exchange, plan, fresh=True)
        except SmartAgentError as error:
            exchange.fail(error)
        except Exception as error:  # noqa: BLE001 -- as above
            self._bug(error, exchange)

    def _bug(self, error: Exception, exchange: Exchange) -> None:
        # The trace without the error's text, which could hold what was being worked on.
        trace = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("request %s met a bug: %s\n%s", exchange.request_id, type(error).__name__, trace)
        exchange.answer(
            _said(edge.bug(exchange.request_id), exchange.head, close=True), "internal", close=True
        )

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self.tick = loop.time()
        self._sweeper = loop.call_later(self.settings.sweep_seconds, self._sweep)
        for connection in tuple(self._connections):
            connection.sweep(self.tick)
        self._pool.sweep(self.tick)
        self._admission.sweep(self.tick)

    def _cut_all(self) -> None:
        for connection in tuple(self._connections):
            for exchange in connection.in_flight():
                exchange.cut("shutdown")
            connection.close()


def _said(reply: edge.Reply, head: RequestHead, *, close: bool) -> bytes:
    if head.grpc:
        return grpc_answer(reply)
    return whole_answer(reply, head_only=head.method == "HEAD", close=close)


def _token_or_none(head: RequestHead) -> str:
    try:
        return token_of(head)
    except edge.AuthenticationFailed:
        # It is refused where refusals are recorded.
        return ""
