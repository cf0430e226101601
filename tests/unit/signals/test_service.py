# SPDX-License-Identifier: Apache-2.0
"""All of it running: from a commit to those who verify offline, and through the server's own ASGI."""

import asyncio
import contextlib

import pytest

from smartagent.crypto import SystemClock
from smartagent.edge import Outcome, Proof, Reply, Route, Router
from smartagent.kernel import Ids
from smartagent.sdk import EventFeedSource, Fetched, SetReceiver, StatusListSource, VerifiedToken
from smartagent.sdk.statuslist import MEDIA_TYPE
from smartagent.server.asgi import Authority, _flow
from smartagent.server.metrics import Meter
from tests.unit.edge.fakes import FakeHouse
from tests.unit.identity.world import ISSUER
from tests.unit.signals.world import payload_of, turns


def verified(session: dict, **changes) -> VerifiedToken:
    claims = payload_of(session["access_token"])
    values = {
        "issuer": ISSUER,
        "subject": claims["sub"],
        "audience": (claims["aud"],),
        "jti": claims["jti"],
        "expires_at": claims["exp"],
        "issued_at": claims["iat"],
        "scopes": frozenset(),
        "session_id": claims["sid"],
        **changes,
    }
    return VerifiedToken(**values)


@pytest.fixture
async def running(world):
    await world.signals.start()
    yield world
    await world.signals.stop()


class Wire:
    """The follower's connection, straight into the house."""

    def __init__(self, world, party):
        self.world = world
        self.party = party

    @contextlib.asynccontextmanager
    async def __call__(self, url, headers):
        inbound = self.world.inbound("GET", url.removeprefix(ISSUER), None, headers)
        reply = await self.world.send(inbound)
        self.status = reply.status
        self.chunks = reply.body
        try:
            yield self
        finally:
            await self.chunks.aclose()


async def test_a_follower_sees_a_revocation_within_a_tenth_of_a_second_of_its_commit(
    running, ada, bot, party
):
    session = await bot.session()
    wire = Wire(running, party)

    async def token():
        return party.headers["authorization"].removeprefix("Bearer ")

    async with EventFeedSource(ISSUER, token, clock=running.clock, connect=wire) as feed:
        assert await feed.is_revoked(verified(session), "") is False
        heard = asyncio.Event()
        feed.on_change(heard.set)
        loop = asyncio.get_running_loop()

        began = loop.time()
        body = {"kind": "agent", "id": bot.id, "reason": "x"}
        assert (await ada.call("POST", "/v1/revocations", body))[0] == 201
        while feed.known(verified(session)) is not True:
            heard.clear()
            await asyncio.wait_for(heard.wait(), 1)

        assert loop.time() - began < 0.1


async def test_an_agent_that_enrols_has_its_place_in_a_moment(running, ada):
    bot = await running.agent(ada)
    changed = asyncio.Event()
    running.store.register("status-entries", _ring(changed))
    if running.signals.lists.reference(bot.id) is None:
        await asyncio.wait_for(changed.wait(), 1)

    assert running.signals.lists.reference(bot.id) is not None


def _ring(bell):
    async def ring(_keys):
        bell.set()

    return ring


async def test_a_pushed_event_reaches_a_receiver_of_our_own(running, ada, bot, party):
    await party.pushed()
    session = await bot.session()
    receiver = SetReceiver(ISSUER, party.id, clock=running.clock, fetch=_documents(running))
    assert receiver.known(verified(session)) is False

    body = {"kind": "agent", "id": bot.id, "reason": "x"}
    assert (await ada.call("POST", "/v1/revocations", body))[0] == 201
    await turns(200)
    answers = [await receiver.receive(token.encode()) for _, _, token in running.receiver.sent]

    assert all(answer.taken for answer in answers)
    assert receiver.known(verified(session)) is True


async def test_a_verifier_of_our_own_reads_our_lists(world, ada, bot):
    status = world.signals.lists.status_of(bot.id).status_list
    session = await bot.session()
    token = verified(session, status=status)
    lists = StatusListSource(ISSUER, clock=world.clock, fetch=_documents(world), fetch_keys=_documents(world))
    assert await lists.is_revoked(token, "") is False

    await world.revoke(ada, "agent", bot.id)
    world.clock.at += 60

    assert await lists.is_revoked(token, "") is True


def _documents(world):
    async def fetch(url):
        path = url.removeprefix(ISSUER)
        if path == "/.well-known/jwks.json":
            return Fetched(200, world.tokens.documents.jwks().body)
        if path.startswith("/oauth/status/"):
            return Fetched(200, (await world.page(path, accept=MEDIA_TYPE)).body)
        return Fetched(404, b"")

    return fetch


async def test_stopping_twice_is_no_error_and_lets_the_lease_go(running):
    await running.signals.stop()
    await running.signals.stop()

    assert running.lease.mine is False


# --- streams through the server's ASGI -----------------------------------------------------------


class Connection:
    """A client that reads what is sent, and leaves when it is told to."""

    def __init__(self) -> None:
        self.sent: list[dict] = []
        self.left = asyncio.Event()
        self.changed = asyncio.Event()
        self.asked = 0

    async def receive(self):
        self.asked += 1
        if self.asked == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, event):
        self.sent.append(event)
        self.changed.set()

    async def has(self, count: int) -> None:
        while len(self.sent) < count:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 1)

    @property
    def bodies(self) -> list[bytes]:
        return [event["body"] for event in self.sent[1:]]


class Stream:
    """A stream that gives what the test puts into it, and says when it was closed."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue = asyncio.Queue()
        self.closed = False

    async def __call__(self):
        try:
            while (chunk := await self.queue.get()) is not None:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            self.closed = True


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def house():
    return FakeHouse()


@pytest.fixture
def app(house, stream, tmp_path):
    async def act(caller, inbound):
        return Outcome(Reply(200, stream(), "text/event-stream"))

    async def page(inbound):
        return Reply(200, inbound.path.encode())

    routes = [Route("GET", "/v1/stream", Proof.NONE, "p", "e", act)]
    meter = Meter(routes, tmp_path, 0)
    clock = SystemClock()
    authority = Authority(
        router=Router(routes),
        pages={"/lists/": page, "/whole": page},
        house=house,
        ids=Ids(clock, bytes),
        clock=clock,
        meter=meter,
        start=nothing,
        stop=nothing,
    )
    yield authority
    meter.close()


async def nothing():
    return None


def scope(path: bytes, method: str = "GET") -> dict:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "raw_path": path,
        "query_string": b"",
        "headers": [(b"host", b"a")],
        "client": ("192.0.2.7", 999),
    }


async def test_a_stream_is_sent_as_it_comes_and_has_no_length(app, house, stream):
    wire = Connection()
    serving = asyncio.create_task(app(scope(b"/v1/stream"), wire.receive, wire.send))
    await wire.has(1)
    headers = dict(wire.sent[0]["headers"])
    assert b"content-length" not in headers
    assert headers[b"content-type"] == b"text/event-stream"
    assert house.names[-1] == "commit"

    stream.queue.put_nowait(b"one")
    await wire.has(2)
    assert wire.sent[1] == {"type": "http.response.body", "body": b"one", "more_body": True}
    stream.queue.put_nowait(None)
    await asyncio.wait_for(serving, 1)

    assert wire.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert stream.closed


async def test_a_stream_is_closed_when_its_reader_leaves(app, stream):
    wire = Connection()
    serving = asyncio.create_task(app(scope(b"/v1/stream"), wire.receive, wire.send))
    stream.queue.put_nowait(b"one")
    await wire.has(2)

    wire.left.set()
    await asyncio.wait_for(serving, 1)

    assert stream.closed
    assert wire.bodies == [b"one"]


async def test_a_stream_is_closed_when_the_server_ends_it(app, stream):
    wire = Connection()
    serving = asyncio.create_task(app(scope(b"/v1/stream"), wire.receive, wire.send))
    stream.queue.put_nowait(b"one")
    await wire.has(2)

    serving.cancel()
    await asyncio.wait([serving])

    assert serving.cancelled()
    assert stream.closed


async def test_a_stream_that_breaks_is_cut_off_and_logged(app, stream, caplog):
    wire = Connection()
    stream.queue.put_nowait(b"one")
    stream.queue.put_nowait(ZeroDivisionError("s3cret"))

    await asyncio.wait_for(app(scope(b"/v1/stream"), wire.receive, wire.send), 1)

    assert wire.sent[-1]["more_body"] is True
    assert stream.closed
    assert [record.message for record in caplog.records] == ["a stream broke off"]


async def test_a_reader_who_takes_nothing_is_let_go(stream, caplog):
    wire = Connection()

    async def never(_event):
        await asyncio.Event().wait()

    stream.queue.put_nowait(b"one")

    await asyncio.wait_for(_flow(Reply(200, stream()), "GET", wire.receive, never, 0.01), 1)

    assert stream.closed
    assert [record.message for record in caplog.records] == ["a stream broke off"]


async def test_asking_only_for_the_head_starts_no_stream(app, stream):
    wire = Connection()

    await asyncio.wait_for(app(scope(b"/v1/stream", "HEAD"), wire.receive, wire.send), 1)

    assert wire.bodies == [b""]
    assert not stream.closed


async def test_what_was_refused_before_the_answer_streams_nothing(app, house, stream):
    from smartagent.edge import AuthenticationFailed

    house.lost = [AuthenticationFailed("revoked meanwhile")]
    wire = Connection()

    await app(scope(b"/v1/stream"), wire.receive, wire.send)

    assert wire.sent[0]["status"] == 401
    assert not stream.closed


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/lists/1", 200),
        (b"/lists/", 200),
        (b"/whole", 200),
        (b"/lists", 404),
        (b"/lists/1/2", 404),
        (b"/whole/1", 404),
    ],
)
async def test_a_page_that_ends_with_a_slash_shows_what_lies_right_beneath_it(app, path, status):
    wire = Connection()

    await app(scope(path), wire.receive, wire.send)

    assert wire.sent[0]["status"] == status
