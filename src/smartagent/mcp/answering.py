# SPDX-License-Identifier: Apache-2.0
"""An answer that streams: notifications of progress, then one response; and the record of what came of it.

    pipeline: intent durable -> [ notification ]* -> outcome durable -> response

Nothing is sent to a server before the stream is asked for its first piece, which is after the intent's
record.  The response leaves after the outcome's.  Who leaves, or is revoked, ends what they asked for.
"""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec

from smartagent.edge import AuthenticationFailed
from smartagent.kernel import Caller, Record, SmartAgentError, Work
from smartagent.mcp.errors import REFUSED, McpRefusal, RpcId
from smartagent.mcp.means import Means
from smartagent.mcp.pins import digest_of

PING_SECONDS: Final = 15.0
MAX_WAITING: Final = 256
"""Notifications that wait to be sent; further ones are dropped, as what reports progress may be."""
INTERNAL: Final = -32603
EVENT_STREAM: Final = "text/event-stream"
_PING: Final = b": still here\n\n"

_log = logging.getLogger(__name__)
_encode: Final = msgspec.json.Encoder().encode

Progress = Callable[[float, float | None, str | None], Awaitable[None]]
Serve = Callable[[Progress], Awaitable[dict[str, object]]]
"""Does what was asked, and returns the result."""


class RemoteError(Exception):
    """A JSON-RPC error that a server answered with: a result like any other, and scrubbed like one."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.data = data


class Asked(msgspec.Struct, frozen=True):
    """What was asked, for the record of what came of it."""

    caller: Caller
    request_id: str
    target: str
    permission: str
    rpc_id: RpcId
    progress_token: str | int | None = None


class Answers:
    """The answers of this node that are under way."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._open: set[_Answer] = set()

    def stream(self, asked: Asked, serve: Serve) -> AsyncIterator[bytes]:
        """Return the stream that answers; nothing happens until it is read."""
        return self._stream(_Answer(self._means, asked, serve))

    def cut_revoked(self) -> None:
        """End every answer whose caller is no longer live."""
        for answer in tuple(self._open):
            if not self._means.live(answer.asked.caller):
                answer.cut()

    async def _stream(self, answer: "_Answer") -> AsyncIterator[bytes]:
        self._open.add(answer)
        answer.begin()
        try:
            while True:
                try:
                    async with asyncio.timeout(PING_SECONDS):
                        message, last = await answer.waiting.get()
                except TimeoutError:
                    yield _PING
                    continue
                yield b"event: message\ndata: " + _encode(message) + b"\n\n"
                if last:
                    return
        finally:
            self._open.discard(answer)
            await answer.end()


class _Answer:
    def __init__(self, means: Means, asked: Asked, serve: Serve) -> None:
        self.asked = asked
        self.waiting: asyncio.Queue[tuple[dict[str, object], bool]] = asyncio.Queue()
        self._means = means
        self._serve = serve
        self._began = 0.0
        self._work: asyncio.Task[None] | None = None
        self._done = False

    def begin(self) -> None:
        self._began = self._means.clock.monotonic()
        self._work = asyncio.get_running_loop().create_task(self._run())

    def cut(self) -> None:
        """The caller was revoked: nothing of the answer reaches them any more."""
        if self._work is not None and not self._done:
            self._done = True
            self._work.cancel()
            self._means.ledger.commit_later(Work((self._record("revoked"),)))
            error = AuthenticationFailed("revoked during the call")
            self.waiting.put_nowait((self._explained(error), True))

    async def end(self) -> None:
        """Let go of what is under way: whoever asked has left, or has the answer."""
        if self._work is None:
            return
        if not self._done:
            self._done = True
            self._means.ledger.commit_later(Work((self._record("abandoned"),)))
        self._work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._work

    async def _run(self) -> None:
        body, outcome, digest = await self._served()
        try:
            await self._means.commit(Work((self._record(outcome, digest),)), self.asked.caller)
        except SmartAgentError as error:
            # What could not be recorded, or is not theirs any more, is not answered.
            body = self._explained(error)
        if not self._done:
            self._done = True
            self.waiting.put_nowait((body, True))

    async def _served(self) -> tuple[dict[str, object], str, str]:
        rpc_id = self.asked.rpc_id
        try:
            result = await self._serve(self._progress)
            # What cannot be written is found here, and not when it is half sent.
            digest = digest_of(result)
        except RemoteError as error:
            shown = {"code": error.code, "message": error.message}
            body = shown if error.data is None else {**shown, "data": error.data}
            return {"jsonrpc": "2.0", "id": rpc_id, "error": body}, "rpc-error", digest_of(body)
        except SmartAgentError as error:
            return self._explained(error), error.code, ""
        except Exception as error:  # noqa: BLE001 -- whatever it is, the agent gets an answer and the log a trace
            # The trace without the error's text, which could hold what was being worked on.
            trace = "".join(traceback.format_tb(error.__traceback__))
            _log.error("request %s met a bug: %s\n%s", self.asked.request_id, type(error).__name__, trace)
            data = {"code": "internal", "request": self.asked.request_id}
            shown_error = {"code": INTERNAL, "message": "Something went wrong on our side.", "data": data}
            return {"jsonrpc": "2.0", "id": rpc_id, "error": shown_error}, "bug", ""
        return {"jsonrpc": "2.0", "id": rpc_id, "result": result}, _outcome(result), digest

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:
        token = self.asked.progress_token
        if token is None or self._done or self.waiting.qsize() >= MAX_WAITING:
            return
        params: dict[str, object] = {"progressToken": token, "progress": progress}
        params |= {} if total is None else {"total": total}
        params |= {} if message is None else {"message": message}
        note: dict[str, object] = {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": params,
        }
        self.waiting.put_nowait((note, False))

    def _explained(self, error: SmartAgentError) -> dict[str, object]:
        text = f"{error.title} {error}".strip()
        data: dict[str, object] = {"code": error.code, "request": self.asked.request_id}
        code = REFUSED
        if isinstance(error, McpRefusal):
            code = error.rpc_code
            data |= error.rpc_data if isinstance(error.rpc_data, dict) else {}
        return {
            "jsonrpc": "2.0",
            "id": self.asked.rpc_id,
            "error": {"code": code, "message": text, "data": data},
        }

    def _record(self, outcome: str, digest: str = "") -> Record:
        caller = self.asked.caller
        elapsed_ms = int((self._means.clock.monotonic() - self._began) * 1000)
        return Record(
            event="mcp.done",
            at_ms=int(self._means.clock.now() * 1000),
            request=self.asked.request_id,
            caller=caller.principal,
            session=caller.session,
            jti=caller.jti,
            permission=self.asked.permission,
            target=self.asked.target,
            outcome=outcome,
            detail={"ms": elapsed_ms, **({"result": digest} if digest else {})},
        )


def _outcome(result: dict[str, object]) -> str:
    if result.get("resultType") == "input_required":
        return "approval-pending"
    return "tool-error" if result.get("isError") is True else "ok"
