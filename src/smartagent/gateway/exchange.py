# SPDX-License-Identifier: Apache-2.0
"""One call on its way through: the agent's connection on one side, an upstream's on the other.

::

    opening --start--> waiting --head--> streaming --end--> over
       |                  |                  |
       +----- answer -----+---- fail ------ cut

Until the answer's head has left, a failure is an answer; afterwards it cuts the agent's connection, so
that half an answer never looks like a whole one.  Bytes are handed over as they come, in the reader's own
callback; whichever side is full stops the other.
"""

import asyncio
from typing import Final, Protocol

from msgspec import structs

from smartagent.edge import AuthenticationFailed, BodyTooLarge, MalformedRequest
from smartagent.gateway.answer import CONTINUE
from smartagent.gateway.body import LAST_CHUNK, chunk
from smartagent.gateway.errors import UpstreamMalformed, UpstreamTimeout, UpstreamUnreachable
from smartagent.gateway.forward import Tunnel
from smartagent.gateway.head import CHUNKED, Kept, RequestHead
from smartagent.gateway.plan import Plan
from smartagent.gateway.reply import ReplyStream
from smartagent.gateway.settings import GatewaySettings
from smartagent.gateway.signing import Covered
from smartagent.gateway.upstream import UpstreamConnection
from smartagent.kernel import Caller, SmartAgentError

_REPEATABLE: Final = frozenset(("GET", "HEAD", "OPTIONS"))


class AgentSide(Protocol):
    """The agent's connection."""

    client_ip: str
    full: bool

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def hold(self) -> None:
        """Stop reading."""
        ...

    def release(self) -> None:
        """Read again."""
        ...

    def switched(self) -> None:
        """It is a WebSocket from here on: what comes is passed on as it is."""
        ...

    def over(self, *, keep_alive: bool) -> None:
        """The call is over and its answer is out."""
        ...

    def abort(self) -> None:
        """Cut the connection, visibly."""
        ...


class Keeper(Protocol):
    """Who started the exchange and looks after what outlives it."""

    settings: GatewaySettings
    tick: float
    """The loop's time, as of the last sweep."""

    def ended(self, exchange: "Exchange", outcome: str) -> None:
        """Record what came of it."""
        ...

    def resend(self, exchange: "Exchange") -> None:
        """Find it a fresh connection: the pooled one had died."""
        ...

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep the connection for another exchange."""
        ...

    def explain(self, error: SmartAgentError, exchange: "Exchange", *, close: bool) -> bytes:
        """Return the answer that says what went wrong."""
        ...


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_agent", "_answering", "_keeper", "_pending", "_pending_bytes", "_stream", "_touched", "_upstream", "_whole",
        "caller", "covered", "cut_at", "head", "intended", "is_over", "path", "plan", "received_bytes", "request_done",
        "request_id", "rule", "started", "switched", "tunnel", "txn_token", "wire_head",
    )  # fmt: skip
    covered: Covered | None
    """What a signature says of the body."""

    def __init__(
        self, agent: AgentSide, head: RequestHead, keeper: Keeper, tunnel: Tunnel | None = None
    ) -> None:
        self.head = head
        self.request_done = head.body == 0
        self.is_over = False
        self.switched = False
        """It became a WebSocket."""
        self.intended = False
        """The intent stands in the log, so an outcome must follow."""
        self.request_id = ""
        self.path = ""
        """Of the request as the agent named it, the upstream's name included, without the query."""
        self.rule = ""
        self.caller: Caller | None = None
        self.plan: Plan | None = None
        self.tunnel = tunnel
        """The tunnel that it comes through."""
        self.wire_head = b""
        self.txn_token, self.covered = "", None
        self.received_bytes = 0
        self.started = 0.0
        self.cut_at = float("inf")
        self._agent = agent
        self._keeper = keeper
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._upstream: UpstreamConnection | None = None
        self._stream: ReplyStream | None = None
        self._answering = False
        self._whole: asyncio.Future[bytes] | None = None
        self._touched = keeper.tick

    @property
    def client_ip(self) -> str:
        """Where the agent's connection comes from."""
        return self._agent.client_ip

    @property
    def sent_bytes(self) -> int:
        """How much of the answer's body went to the agent."""
        return self._stream.sent_bytes if self._stream is not None else 0

    @property
    def trailers(self) -> bytes:
        """The field lines behind the answer's body, where the agent gets them."""
        return self._stream.trailers if self._stream is not None else b""

    # -- the agent's side ------------------------------------------------------------------------------------

    def request_body(self, payload: bytes, *, done: bool) -> None:
        """Take the next bytes of the request's body."""
        self.request_done = done
        if self.is_over:
            return
        self._touched = self._keeper.tick
        self.received_bytes += len(payload)
        limit = self._keeper.settings.max_body_bytes
        if self.received_bytes > limit:
            self.fail(BodyTooLarge(f"limit is {limit} bytes"))
            return
        if self._upstream is not None:
            self._upstream.write(self._framed(payload))
            return
        self._pending.append(payload)
        self._pending_bytes += len(payload)
        if self._whole is not None:
            self._gather()
        elif self._pending_bytes > self._keeper.settings.buffer_bytes:
            self._agent.hold()

    def relay(self, data: bytes) -> None:
        """Pass on what the agent says in a WebSocket."""
        if self.is_over or self._upstream is None:
            return
        self._touched = self._keeper.tick
        self.received_bytes += len(data)
        self._upstream.write(data)

    async def whole_body(self) -> bytes:
        """Return the request's body once all of it has come; nothing of it goes upstream before.

        Raises:
            BodyTooLarge: It is more than is held in memory.
            MalformedRequest: The agent left before its end.
        """
        self._whole = asyncio.get_running_loop().create_future()
        if self.head.expects_continue and not self.request_done and not self._pending:
            self._agent.write(CONTINUE)
        self._agent.release()
        self._gather()
        return await self._whole

    def replace_body(self, body: bytes) -> None:
        """Send `body` instead of the whole body that was read."""
        self._pending, self._pending_bytes = [body], len(body)
        self.head = structs.replace(self.head, body=len(body), kept=Kept())

    def _gather(self) -> None:
        whole, limit = self._whole, self._keeper.settings.buffer_bytes
        if whole is None or whole.done():
            return
        if self._pending_bytes > limit:
            whole.set_exception(
                BodyTooLarge(f"limit for a body that must be known beforehand is {limit} bytes")
            )
        elif self.request_done:
            whole.set_result(b"".join(self._pending))

    def _framed(self, payload: bytes) -> bytes:
        if self.head.body != CHUNKED:
            return payload
        return (chunk(payload) if payload else b"") + (LAST_CHUNK if self.request_done else b"")

    def agent_full(self) -> None:
        """The agent's connection takes no more for now."""
        if self._upstream is not None:
            self._upstream.hold()

    def agent_drained(self) -> None:
        """It takes more again."""
        if self.is_over:
            return
        self._touched = self._keeper.tick
        if self._stream is not None and self._stream.waiting:
            self._take(b"", more=True)
        if self._upstream is not None and not self._agent.full:
            self._upstream.release()

    # -- the upstream's side ---------------------------------------------------------------------------------

    def start(self, upstream: UpstreamConnection, plan: Plan) -> None:
        """Send the request, as far as it has come."""
        self._upstream = upstream
        self._stream = ReplyStream(
            self.head, plan.variants if plan.entry.scrub else None, self._keeper.settings.max_head_bytes
        )
        upstream.listener = self
        self._touched = self._keeper.tick
        pending, self._pending = self._pending, []
        if not self.request_done:
            if self.head.expects_continue and not pending and self._whole is None:
                self._agent.write(CONTINUE)
            # Before the write, which may find the upstream full and hold the agent again.
            self._agent.release()
        upstream.write(self.wire_head + self._framed(b"".join(pending)) if pending else self.wire_head)

    def upstream_data(self, data: bytes) -> None:
        """Take the next bytes of the answer."""
        self._touched = self._keeper.tick
        self._take(data)

    def upstream_ended(self, *, clean: bool) -> None:
        """Nothing more comes from the upstream."""
        upstream, self._upstream = self._upstream, None
        stream = self._stream
        if self.is_over or stream is None or upstream is None:
            return
        if stream.reply is None:
            self._broke_before_answer(upstream, stream)
            return
        if stream.came:
            # All of it is here; the agent is still taking it.
            return
        try:
            rest = stream.end() if clean else None
            if rest is None:
                self.cut("upstream-broke")
            else:
                self._pass_on(rest, stream)
        except UpstreamMalformed as error:
            self.fail(error)

    def upstream_full(self) -> None:
        """The upstream takes no more for now."""
        self._agent.hold()

    def upstream_drained(self) -> None:
        """It takes more again."""
        self._agent.release()

    # -- endings ---------------------------------------------------------------------------------------------

    def answer(self, reply: bytes, outcome: str, *, close: bool) -> None:
        """End it with an answer of the gateway's own."""
        if not self.is_over:
            self.end(outcome)
            self._agent.write(reply)
            self._agent.over(keep_alive=not close)

    def fail(self, error: SmartAgentError) -> None:
        """End it because of `error`: with an answer while that is possible, else visibly cut."""
        if self._answering:
            self.cut(error.code)
        elif not self.is_over:
            close = not self.request_done or not self.head.keep_alive
            self.answer(self._keeper.explain(error, self, close=close), error.code, close=close)

    def revoked(self) -> None:
        """End it because its caller is no longer live; also what of its answer the agent has not taken yet."""
        if self.is_over:
            self._agent.abort()
        else:
            self.fail(AuthenticationFailed("revoked during the call"))

    def cut(self, outcome: str) -> None:
        """End it in the middle of the answer."""
        if not self.is_over:
            self.end(outcome)
            self._agent.abort()

    def end(self, outcome: str) -> None:
        """End it without a word to the agent, who has the answer or is gone."""
        if self.is_over:
            return
        self.is_over = True
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.close()
        self._pending.clear()
        if self._whole is not None and not self._whole.done():
            self._whole.set_exception(MalformedRequest("the request's body did not come to its end"))
        self._keeper.ended(self, outcome)

    def sweep(self, now: float) -> None:
        """Look at the clock."""
        settings = self._keeper.settings
        idle = now - self._touched
        if now >= self.cut_at:
            self.fail(AuthenticationFailed("the token expired during the call"))
        elif self._answering:
            if idle > settings.stream_idle_seconds:
                self.cut("stream-idle")
        elif not self.request_done:
            if idle > settings.upload_idle_seconds:
                self.fail(MalformedRequest("the request's body did not come in time"))
        elif self._upstream is not None and self.plan is not None and idle > self.plan.entry.timeout_seconds:
            self.fail(UpstreamTimeout(f"no answer within {self.plan.entry.timeout_seconds} seconds"))

    def _broke_before_answer(self, upstream: UpstreamConnection, stream: ReplyStream) -> None:
        # A pooled connection may have died unnoticed; what changes nothing may then be asked again, once.
        if upstream.used and stream.untouched and self.head.method in _REPEATABLE and self.head.body == 0:
            self._keeper.resend(self)
        else:
            self.fail(UpstreamUnreachable("the connection broke before the answer began"))

    def _take(self, data: bytes, *, more: bool = False) -> None:
        stream = self._stream
        if stream is None:
            return
        try:
            self._pass_on(
                stream.more() if more else stream.feed(data, request_done=self.request_done), stream
            )
        except UpstreamMalformed as error:
            self.fail(error)

    def _pass_on(self, data: bytes, stream: ReplyStream) -> None:
        while True:
            if data:
                self._answering = True
                self._agent.write(data)
            if stream.switched and not self.switched:
                self.switched = True
                self._agent.switched()
            if stream.over:
                self._finish(stream)
                return
            if not stream.waiting or self._agent.full or self.is_over:
                return
            data = stream.more()

    def _finish(self, stream: ReplyStream) -> None:
        if self.is_over:
            return
        upstream, reply = self._upstream, stream.reply
        if upstream is not None and stream.reusable and self.request_done:
            self._upstream = upstream.listener = None
            # It may have been held while the agent was slow.
            upstream.release()
            self._keeper.give_back(upstream)
        self.end(str(reply.status) if reply is not None else "")
        self._agent.over(keep_alive=not stream.close)
