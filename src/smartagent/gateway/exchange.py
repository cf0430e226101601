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
from collections.abc import Sequence
from typing import Final

from msgspec import structs

from smartagent.approvals import Obtained
from smartagent.edge import AuthenticationFailed, BodyTooLarge, MalformedRequest
from smartagent.gateway.answer import CONTINUE
from smartagent.gateway.errors import (
    AnswerTooLarge,
    CallTooLong,
    SecretLeaking,
    UpstreamMalformed,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from smartagent.gateway.forward import Tunnel
from smartagent.gateway.head import Kept, RequestHead
from smartagent.gateway.leaks import Watch
from smartagent.gateway.limits import Allowance
from smartagent.gateway.pacing import Pacer
from smartagent.gateway.plan import Plan
from smartagent.gateway.ports import Asked, Flowing
from smartagent.gateway.reply import ReplyStream
from smartagent.gateway.sides import AgentSide, Keeper
from smartagent.gateway.signing import Covered
from smartagent.gateway.upload import Upload
from smartagent.gateway.upstream import UpstreamConnection
from smartagent.kernel import Caller, NeedsApproval, SmartAgentError

_REPEATABLE: Final = frozenset(("GET", "HEAD", "OPTIONS"))


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_agent", "_answering", "_keeper", "_pacer", "_stream", "_touched", "_upload", "_upstream", "approved", "asked",
        "caller", "covered", "cut_at", "flow", "head", "held", "intended", "is_over", "leaking", "needs", "path", "plan",
        "received_bytes", "request_id", "rule", "started", "switched", "tunnel", "txn_token", "wire_head",
    )  # fmt: skip
    covered: Covered | None
    """What a signature says of the body."""
    needs: NeedsApproval | None
    """What the rules ask of people before it is made."""
    approved: Obtained | None
    held: asyncio.Task[Obtained] | None
    """Waits for people; ends with the call."""

    def __init__(
        self, agent: AgentSide, head: RequestHead, keeper: Keeper["Exchange"], tunnel: Tunnel | None = None
    ) -> None:
        self.head = head
        self.is_over = False
        self.switched = False
        """It became a WebSocket."""
        self.intended = False
        """The intent stands in the log, so an outcome must follow."""
        self.request_id = self.rule = self.path = ""
        """The path is the request's as the agent named it, the upstream's name included, without the query."""
        self.caller: Caller | None = None
        self.asked: Asked | None = None
        self.plan: Plan | None = None
        self.needs, self.approved, self.held = None, None, None
        self.tunnel = tunnel
        """The tunnel that it comes through."""
        self.wire_head = b""
        self.txn_token, self.covered, self.flow = "", None, Flowing()
        self.started = 0.0
        self.cut_at = float("inf")
        self._agent = agent
        self._pacer = Pacer(agent)
        self.leaking: SecretLeaking | None = None
        """What was found in the request's body, or in a WebSocket."""
        self._keeper = keeper
        self._upload = Upload(head, keeper.settings.buffer_bytes)
        self.received_bytes = 0
        self._upstream: UpstreamConnection | None = None
        self._stream: ReplyStream | None = None
        self._answering = False
        self._touched = keeper.tick

    @property
    def request_done(self) -> bool:
        """Whether all of the request has come."""
        return self._upload.done

    @property
    def client_ip(self) -> str:
        """Where the agent's connection comes from."""
        return self._agent.client_ip

    @property
    def has_left(self) -> bool:
        """Whether nobody can be told any more what becomes of the call."""
        return self.is_over or self._agent.half_closed

    @property
    def sent_bytes(self) -> int:
        """How much of the answer's body went to the agent."""
        return self._stream.sent_bytes if self._stream is not None else 0

    @property
    def trailers(self) -> bytes:
        """The field lines behind the answer's body, where the agent gets them."""
        return self._stream.trailers if self._stream is not None else b""

    def ask(self, asked: Asked) -> None:
        """Take note of what is asked about the call.

        Raises:
            BodyTooLarge: The body says that it will be.
        """
        self.asked = asked
        limit = self._keeper.settings.max_body_bytes
        if self.head.body > limit:
            raise BodyTooLarge(f"limit is {limit} bytes")

    def permitted(self, caller: Caller, rules: tuple[str, ...], offset: float) -> None:
        """Take note of who calls, and which rules permit it; `offset` is of the loop's time from Unix seconds."""
        self.caller, self.rule = caller, ",".join(rules)
        if caller.expires_at:
            self.cut_at = caller.expires_at + offset

    def bound(self, plan: Plan, watches: Sequence[Watch]) -> None:
        """Take note of how the upstream is called, and of what looks at the request before it goes on."""
        self.plan = plan
        self._upload.look(watches)

    def allow(self, allowance: Allowance) -> None:
        """Go by what this call may use."""
        if self.is_over:
            allowance.release()
        else:
            self._pacer.allowance = allowance

    # -- the agent's side ------------------------------------------------------------------------------------

    def request_body(self, payload: bytes, *, done: bool) -> None:
        """Take the next bytes of the request's body."""
        self._upload.done = done
        if self.is_over:
            return
        self._touched = self._keeper.tick
        self.received_bytes += len(payload)
        limit = min(self._keeper.settings.max_body_bytes, self._pacer.allowance.request_bytes)
        if self.received_bytes > limit:
            self.fail(BodyTooLarge(f"limit is {limit} bytes"))
            return
        self._pacer.moved(len(payload), self._upstream)
        if self._upstream is not None:
            self._send(self._upstream, payload)
        elif self._upload.hold(payload):
            self._agent.hold()

    def relay(self, data: bytes) -> None:
        """Pass on what the agent says in a WebSocket."""
        if self.is_over or self._upstream is None:
            return
        self._touched = self._keeper.tick
        self.received_bytes += len(data)
        self._pacer.moved(len(data), self._upstream)
        self._send(self._upstream, data)

    async def whole_body(self) -> bytes:
        """Return the request's body once all of it has come; nothing of it goes upstream before.

        Raises:
            BodyTooLarge: It is more than is held in memory.
            MalformedRequest: The agent left before its end.
        """
        if self.head.expects_continue and not self.request_done and not self._upload.has_begun:
            self._agent.write(CONTINUE)
        self._agent.release()
        return await self._upload.whole()

    def replace_body(self, body: bytes) -> None:
        """Send `body`, which is looked at no more, instead of the whole body that was read."""
        self.head = structs.replace(self.head, body=len(body), kept=Kept())
        self._upload.replace(body)

    def _send(self, upstream: UpstreamConnection, data: bytes, head: bytes = b"") -> None:
        try:
            passed = self._upload.passed(data)
        except SmartAgentError as error:
            self.fail(error)
        else:
            upstream.write(head + passed if head else passed)

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
        if self.head.body == 0:
            upstream.write(self.wire_head)
            return
        has_begun, held = self._upload.has_begun, self._upload.taken()
        if not self.request_done:
            if self.head.expects_continue and not has_begun:
                self._agent.write(CONTINUE)
            # Before the write, which may find the upstream full and hold the agent again.
            self._agent.release()
        if has_begun:
            # Also when nothing has come but the end: it may have to be said.
            self._send(upstream, held, self.wire_head)
        else:
            upstream.write(self.wire_head)

    def upstream_data(self, data: bytes) -> None:
        """Take the next bytes of the answer."""
        self._touched = self._keeper.tick
        self._pacer.moved(len(data), self._upstream)
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
        if isinstance(error, SecretLeaking):
            self.leaking = error
        if self._answering:
            self.cut(error.code)
        elif not self.is_over:
            close = not self.request_done or not self.head.keep_alive
            self.answer(self._keeper.explain(error, self, close=close), error.code, close=close)

    def stop(self, error: SmartAgentError) -> None:
        """End it because it may not be any more; also what of its answer the agent has not taken yet."""
        if self.is_over:
            self._agent.abort()
        else:
            self.fail(error)

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
        self._upload.end()
        if self.held is not None:
            self.held.cancel()
        self._pacer.allowance.release()
        self._keeper.ended(self, outcome)

    def sweep(self, now: float) -> None:
        """Look at the clock."""
        if self._pacer.sweep(now, self._upstream):
            self._touched = now
        if now >= self.cut_at:
            self.fail(AuthenticationFailed("the token expired during the call"))
        elif now >= self._pacer.allowance.ends_at:
            self.fail(CallTooLong("the call is over when its time is"))
        else:
            self._check_idle(now - self._touched)

    def _check_idle(self, idle_seconds: float) -> None:
        settings = self._keeper.settings
        if self._answering:
            if idle_seconds > settings.stream_idle_seconds:
                self.cut("stream-idle")
        elif not self.request_done:
            if idle_seconds > settings.upload_idle_seconds:
                self.fail(MalformedRequest("the request's body did not come in time"))
        elif self._upstream is not None and self.plan is not None:
            allowed = min(self.plan.entry.timeout_seconds, self._pacer.allowance.answer_seconds)
            if idle_seconds > allowed:
                self.fail(UpstreamTimeout(f"no answer within {allowed} seconds"))

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
        limit = self._pacer.allowance.response_bytes
        while True:
            if stream.sent_bytes > limit or (stream.reply is not None and stream.reply.body > limit):
                self.fail(AnswerTooLarge(f"limit is {limit} bytes"))
                return
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
