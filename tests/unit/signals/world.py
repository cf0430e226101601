# SPDX-License-Identifier: Apache-2.0
"""A house whose revocations reach the outside: a store that numbers changes, receivers with a memory, a lease."""

import asyncio
import contextlib
import json
from collections.abc import Mapping

import msgspec

from smartagent.crypto import PublicKey, parse_compact
from smartagent.edge import AuthenticationFailed, Inbound, Reply
from smartagent.federation import FetchFailed, Posted
from smartagent.kernel import Algorithm, Secret, Work
from smartagent.keyset import Keyset
from smartagent.policy import Grants
from smartagent.signals import Bounds, Means, Signals, signals_routes
from tests.unit.identity.world import GATEWAY, ISSUER, FakeClock, MemoryStore, World

RECEIVER = Grants(("https://receiver.example",), 900, ("revocations.follow", "ssf.manage"))
ENDPOINT = "https://receiver.example/events"


class ChangingStore(MemoryStore):
    """Numbers its changes, and keeps them, as a real store does."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.version = 0
        self.refusing: Exception | None = None

    async def commit(self, work: Work):
        if self.refusing is not None:
            raise self.refusing
        first = self.version
        for change in work.changes:
            self.version += 1
            row = (self.version, change.topic, change.key, 0)
            self._connection.execute(
                'INSERT INTO change (version, topic, "key", at) VALUES (?, ?, ?, ?)', row
            )
        try:
            return await super().commit(work)
        except BaseException:
            self._connection.execute("DELETE FROM change WHERE version > ?", (first,))
            self.version = first
            raise

    def forget_changes(self, up_to: int) -> None:
        self._connection.execute("DELETE FROM change WHERE version <= ?", (up_to,))


class Dice:
    """Chance, after the throws that a test has loaded."""

    def __init__(self, entropy) -> None:
        self._entropy = entropy
        self.loaded: list[int] = []

    def __call__(self, size_bytes: int, /) -> bytes:
        return self.loaded.pop(0).to_bytes(size_bytes) if self.loaded else self._entropy(size_bytes)


class FakeLease:
    """Held by whoever the test says."""

    def __init__(self) -> None:
        self.mine = True

    async def acquire(self) -> bool:
        return self.mine

    async def release(self) -> None:
        self.mine = False


class Receiver:
    """The other end of a push: answers as it is told, and remembers what it was sent."""

    def __init__(self) -> None:
        self.answers: list[Posted | Exception] = []
        self.sent: list[tuple[str, dict[str, str], str]] = []
        self.gate: asyncio.Event | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, max_bytes: int) -> Posted:
        self.sent.append((url, dict(headers), body.decode()))
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else Posted(202, b"")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def fails(self, times: int = 1) -> None:
        self.answers += [FetchFailed("no answer")] * times

    def answers_with(self, *statuses: int, body: bytes = b"") -> None:
        self.answers += [Posted(status, body) for status in statuses]

    @property
    def claims(self) -> list[dict]:
        return [payload_of(body) for _, _, body in self.sent]

    @property
    def types(self) -> list[str]:
        return [next(iter(claims["events"])).rpartition("/")[2] for claims in self.claims]


class SignalsWorld(World):
    """One node of a house with signals."""

    def __init__(self, clock=None, store=None, name="one", bounds: Bounds | None = None) -> None:
        clock = clock or FakeClock()
        super().__init__(clock, store or ChangingStore(clock), name)
        self.roles["receiver"] = RECEIVER
        self.fresh = True
        self.lease = FakeLease()
        self.receiver = Receiver()
        self.dice = Dice(self.entropy)
        # The house's own is RS256, whose keys take long to make.
        self.bounds = bounds or Bounds(set_algorithm=Algorithm.EDDSA)
        self.signals = Signals(
            Means(
                clock=self.clock,
                entropy=self.dice,
                ids=self.ids,
                database=self.store,
                ledger=self.store,
                people=self.identity.directory,
                dead=self.tokens.revocations,
                sign=self.tokens.rings.sign,
                fresh=lambda: self.fresh,
                reached=self.reached,
                holds=lambda owner: not self.is_stopped(owner),
                lease=self.lease,
                post=self.receiver,
                issuer=ISSUER,
                sealing=Keyset(None, Secret(b"r" * 32), self.entropy),
                bounds=self.bounds,
            )
        )
        self.signals.follow(self.store)
        self.open(signals_routes(self.signals))

    async def reached(self, version: int) -> None:
        assert version <= self.store.version

    def is_stopped(self, owner: str) -> bool:
        agent = self.identity.directory.agent(owner)
        return agent is not None and agent.status.value != "active"

    async def start(self) -> "SignalsWorld":
        await super().start()
        if self.bounds.set_algorithm is not Algorithm.EDDSA:
            # Finding RSA's primes takes a tenth of a second.
            await self.tokens.rings.tend(self.store)
        await self.load()
        return self

    async def load(self) -> None:
        """Do what `Signals.start` does, without what runs in the background."""
        self.signals.events.begin(await self.signals.watch.load())
        self.signals.lists.look_again()

    def another_node(self, name: str) -> "SignalsWorld":
        return SignalsWorld(self.clock, self.store, name)

    async def settle(self) -> None:
        """Do all that the background would."""
        await self.signals.watch.catch_up()
        await self.signals.tend()
        await self.signals.watch.catch_up()
        await self.signals.transmitter.step()
        await self.signals.transmitter.settle()

    # What people do.

    async def party(self, operator, scope: str = "") -> "Party":
        agent = await self.agent(operator, "receiver")
        session = await agent.session(audience=GATEWAY, **({"scope": scope} if scope else {}))
        return Party(self, agent, session["access_token"])

    async def revoke(self, operator, kind: str, subject: str) -> None:
        body = {"kind": kind, "id": subject, "reason": "test"}
        status, view = await operator.call("POST", "/v1/revocations", body)
        assert status == 201, view
        await self.settle()

    async def set_status(self, operator, agent, status: str) -> None:
        body = {"status": status, "reason": "test"}
        answered, view = await operator.call("POST", f"/v1/agents/{agent.id}/status", body)
        assert answered == 200, view
        await self.settle()

    async def page(self, path: str, query: str = "", **headers: str) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        inbound = Inbound("req_1", "GET", path, query, sent)
        pages = self.signals.pages()
        page = pages.get(path) or pages[path[: path.rfind("/") + 1]]
        return await page(inbound)


class Party:
    """Somebody outside with a token: a receiver, a follower."""

    def __init__(self, world: SignalsWorld, agent, token: str) -> None:
        self.world = world
        self.agent = agent
        self.id = agent.id
        self.headers = {"authorization": f"Bearer {token}"}

    async def call(self, method: str, target: str, body: object = None) -> tuple[int, object]:
        reply = await self.world.send(self.world.inbound(method, target, body, self.headers))
        raw = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
        return reply.status, json.loads(raw) if raw else None

    async def stream(self, **body: object) -> dict:
        status, view = await self.call("POST", "/v1/ssf/streams", body)
        assert status == 201, view
        return view

    async def pushed(self, **more: object) -> dict:
        delivery = {"method": "urn:ietf:rfc:8935", "endpoint_url": ENDPOINT, **more}
        return await self.stream(delivery=delivery)

    async def poll(self, stream: dict, **body: object) -> dict:
        body = {"returnImmediately": True, **body}
        status, view = await self.call("POST", f"/v1/ssf/poll/{stream['stream_id']}", body)
        assert status == 200, view
        return view

    async def follow(self, last_event_id: str = "", query: str = "") -> "Following":
        more = {"last-event-id": last_event_id} if last_event_id else {}
        inbound = self.world.inbound("GET", f"/v1/revocations/events{query}", None, {**self.headers, **more})
        reply = await self.world.send(inbound)
        assert reply.status == 200, reply.body
        assert reply.media_type == "text/event-stream"
        return Following(reply.body)


class Following:
    """Reads a stream of events as they come, and remembers them."""

    def __init__(self, chunks) -> None:
        self.chunks = chunks
        self.raw = b""

    async def read(self) -> "Following":
        """Take what is there now."""
        async for chunk in self.chunks:
            self.raw += chunk
            break
        return self

    async def over(self) -> bool:
        with contextlib.suppress(StopAsyncIteration):
            while True:
                self.raw += await asyncio.wait_for(anext(self.chunks), 1)
        return True

    @property
    def events(self) -> list[dict]:
        """Every event so far: its type, its id when it has one, its data."""
        found = []
        for block in self.raw.decode().split("\n\n"):
            fields = dict(
                line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":")
            )
            if "event" in fields:
                found.append({**fields, "data": json.loads(fields["data"])})
        return found

    @property
    def types(self) -> list[str]:
        return [event["event"] for event in self.events]

    @property
    def comments(self) -> list[str]:
        return [line[2:] for line in self.raw.decode().split("\n") if line.startswith(":")]


async def turns(times: int = 50) -> None:
    """Let everybody else have some turns."""
    for _ in range(times):
        await asyncio.sleep(0)


def payload_of(token: str) -> dict:
    from smartagent.crypto import unb64u

    return json.loads(unb64u(token.split(".")[1]))


def header_of(token: str) -> dict:
    from smartagent.crypto import unb64u

    return json.loads(unb64u(token.split(".", maxsplit=1)[0]))


def verified(token: str, key: PublicKey) -> dict:
    return json.loads(parse_compact(token, max_bytes=1 << 20).verified_payload(key))


__all__ = [
    "ENDPOINT",
    "AuthenticationFailed",
    "ChangingStore",
    "Following",
    "Party",
    "Receiver",
    "SignalsWorld",
    "header_of",
    "payload_of",
    "turns",
]
