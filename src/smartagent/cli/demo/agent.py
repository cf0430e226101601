# SPDX-License-Identifier: Apache-2.0
"""The agent of the demo, as its own process: its key is made here and never leaves.

Run as `python -m smartagent.cli.demo.agent KEY_FILE ISSUER GATEWAY`.  Reads one order as JSON
from each line of standard input, and writes what came of it as one line of JSON.
"""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from smartagent.cli.demo.recorder import Recorder, Shown
from smartagent.crypto import SigningKey, SystemClock, system_entropy
from smartagent.kernel import SmartAgentError
from smartagent.sdk import (
    Agent,
    Holder,
    Means,
    enrol,
    load_key_file,
    make_key_file,
    save_key_file,
    session_proof,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_EVENTS_BEFORE_REPORT: Final = 2


class Order(msgspec.Struct, frozen=True):
    """What the agent shall do."""

    do: str
    argument: str = ""
    method: str = "GET"
    path: str = ""


class Refund(msgspec.Struct, frozen=True):
    """What the agent asks the shop to pay back, and how it waits for people."""

    amount_minor: int
    prefer: str = ""
    approval: str = ""

    @property
    def told(self) -> str:
        """As an order's argument."""
        return msgspec.json.encode(self).decode()


class Report(msgspec.Struct, frozen=True):
    """What came of an order.  `result` is the order's own; `error` is the refusal's code and text."""

    shown: list[Shown] = []
    result: str = ""
    status: int = 0
    error: str = ""
    at: float = 0.0


class DemoAgent:
    """The agent."""

    def __init__(self, key_file: Path, issuer: str, gateway: str) -> None:
        self._key_file = key_file
        self._issuer = issuer
        self._gateway = gateway
        self._recorder = Recorder()
        self._clock = SystemClock()
        self._means = Means(self._recorder, self._clock, system_entropy)
        self._token = ""
        self._orders: dict[str, Callable[[Order], Awaitable[Report]]] = {
            "enrol": self._enrol,
            "enrol-again": self._enrol_again,
            "enrol-other-key": self._enrol_other_key,
            "session": self._session,
            "oauth": self._oauth,
            "replay": self._replay,
            "stranger": self._stranger,
            "call": self._call,
            "refund": self._refund,
        }

    async def obey(self, order: Order) -> "AsyncIterator[Report]":
        """Do one thing; a stream reports twice, when it flows and when it ended."""
        try:
            if order.do == "stream":
                async for report in self._stream(order):
                    yield report
                return
            report = await self._orders[order.do](order)
        except SmartAgentError as error:
            report = Report(error=f"{error}")
        yield msgspec.structs.replace(report, shown=self._recorder.take(), at=self._clock.now())

    async def close(self) -> None:
        """Let go of connections."""
        await self._recorder.close()

    async def _enrol(self, order: Order) -> Report:
        holder = make_key_file(self._key_file, system_entropy)
        enrolled = await enrol(holder, self._issuer, order.argument, "Otto", means=self._means)
        save_key_file(self._key_file, enrolled)
        return Report(result=enrolled.principal)

    async def _enrol_again(self, order: Order) -> Report:
        """Enrol the key that is enrolled already."""
        holder = load_key_file(self._key_file)
        return Report(
            result=(await enrol(holder, self._issuer, order.argument, "Otto", means=self._means)).principal
        )

    async def _enrol_other_key(self, order: Order) -> Report:
        """Enrol a fresh key with a token that may be used up."""
        holder = Holder(SigningKey.generate(system_entropy))
        return Report(
            result=(await enrol(holder, self._issuer, order.argument, "Eve", means=self._means)).principal
        )

    async def _session(self, order: Order) -> Report:
        session = await self._agent().open_session(audience=order.argument)
        self._token = session.access_token
        return Report(result=session.access_token)

    async def _oauth(self, order: Order) -> Report:
        self._token = await self._agent().token(audience=order.argument)
        return Report(result=self._token)

    async def _replay(self, _order: Order) -> Report:
        """Send one signed nonce twice."""
        holder = load_key_file(self._key_file)
        asked = msgspec.json.encode({"agent": holder.principal, "purpose": "session"})
        challenge = await self._post("/v1/challenges", asked)
        nonce = msgspec.json.decode(challenge)["nonce"]
        body = msgspec.json.encode(session_proof(holder.key, self._issuer, holder.principal, nonce))
        await self._post("/v1/sessions", body)
        await self._post("/v1/sessions", body)
        return Report()

    async def _stranger(self, _order: Order) -> Report:
        """Ask for a challenge for an agent that there is not."""
        await self._post("/v1/challenges", b'{"agent":"agt_00000000000000000000000000","purpose":"session"}')
        return Report()

    async def _call(self, order: Order) -> Report:
        headers = {"authorization": f"Bearer {self._token}"}
        answer = await self._recorder(order.method, self._gateway + order.path, headers, b"")
        # Everything that the agent can see of the answer, so that the story can search it.
        seen = repr(sorted(answer.headers.items())) + answer.body.decode(errors="replace")
        return Report(result=seen, status=answer.status)

    async def _refund(self, order: Order) -> Report:
        """Ask the shop to pay an order back."""
        wanted = msgspec.json.decode(order.argument, type=Refund)
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        headers |= {"prefer": wanted.prefer} if wanted.prefer else {}
        headers |= {"smartagent-approval": wanted.approval} if wanted.approval else {}
        body = msgspec.json.encode({"order": "7", "amount_minor": wanted.amount_minor})
        answer = await self._recorder("POST", f"{self._gateway}/shop/refunds", headers, body)
        return Report(result=answer.body.decode(errors="replace"), status=answer.status)

    async def _stream(self, order: Order) -> "AsyncIterator[Report]":
        import aiohttp  # noqa: PLC0415 -- only here the library's own exchange is not enough

        headers = {"authorization": f"Bearer {self._token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(self._gateway + order.path, headers=headers) as answer,
        ):
            events = 0
            try:
                async for line in answer.content:
                    events += line.startswith(b"data:")
                    if events == _EVENTS_BEFORE_REPORT and line.startswith(b"data:"):
                        yield Report(result=line.decode().strip(), status=answer.status, at=self._clock.now())
            except aiohttp.ClientError as error:
                yield Report(result=type(error).__name__, at=self._clock.now())
            else:
                yield Report(error="the stream ended as if it were whole", at=self._clock.now())

    async def _post(self, path: str, body: bytes) -> bytes:
        return (
            await self._recorder("POST", self._issuer + path, {"content-type": "application/json"}, body)
        ).body

    def _agent(self) -> Agent:
        return Agent(load_key_file(self._key_file), gateway=self._gateway, means=self._means)


async def main() -> None:
    """Obey until standard input ends."""
    _, key_file, issuer, gateway = sys.argv
    agent = DemoAgent(Path(key_file), issuer, gateway)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        async for report in agent.obey(msgspec.json.decode(line, type=Order)):
            sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
            sys.stdout.flush()
    await agent.close()


if __name__ == "__main__":
    asyncio.run(main())
