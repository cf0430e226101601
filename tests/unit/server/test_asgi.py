# SPDX-License-Identifier: Apache-2.0
"""HTTP into an `Inbound`, a `Reply` back out."""

import json
import logging

import pytest

from smartagent.crypto import SystemClock
from smartagent.edge import Outcome, Proof, Reply, Route, Router
from smartagent.kernel import Ids
from smartagent.server.asgi import DISCARD_BYTES, Authority
from smartagent.server.metrics import Meter
from smartagent.server.pages import document_page, health_page, readiness_page
from tests.unit.edge.fakes import FakeHouse


class Wire:
    """A connection with a memory."""

    def __init__(self, *chunks: bytes, ends: bool = True):
        self.waiting = list(chunks) or [b""]
        self.ends = ends
        self.taken = 0
        self.sent: list[dict[str, object]] = []

    async def receive(self):
        if not self.waiting:
            return {"type": "http.disconnect"}
        chunk = self.waiting.pop(0)
        self.taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.waiting) or not self.ends}

    async def send(self, event):
        self.sent.append(event)

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return [(name.decode(), value.decode()) for name, value in self.sent[0]["headers"]]

    @property
    def body(self):
        return self.sent[1]["body"]


async def nothing():
    return None


def scope(method="POST", path=b"/v1/things", *headers, query=b"", version="1.1"):
    base = [(b"host", b"a"), (b"content-type", b"application/json")]
    return {
        "type": "http",
        "http_version": version,
        "method": method,
        "raw_path": path,
        "query_string": query,
        "headers": [*base, *headers],
        "client": ("192.0.2.7", 999),
    }


@pytest.fixture
def house():
    return FakeHouse()


@pytest.fixture
def app(house, tmp_path):
    async def act(caller, inbound):
        house.steps.append(("act", caller, inbound))
        if inbound.body == b"bug":
            raise ZeroDivisionError("s3cret")
        return Outcome(Reply(201, {"a": 1}))

    async def read(caller, inbound):
        return Outcome(Reply(200, b"text", "text/plain", (("cache-control", "max-age=5"),)))

    routes = [
        Route("POST", "/v1/things", Proof.NONE, "p", "e", act, max_body_bytes=10),
        Route("GET", "/v1/things/{id}", Proof.NONE, "p", "e", read),
    ]
    meter = Meter(routes, tmp_path, 0)
    clock = SystemClock()
    yield Authority(
        router=Router(routes),
        pages={
            "/healthz": health_page("1.2.3"),
            "/readyz": readiness_page({"store": lambda: house.verdict is not None}),
            "/doc": document_page(lambda: {"x": 1}, "max-age=60"),
        },
        house=house,
        ids=Ids(clock, bytes),
        clock=clock,
        meter=meter,
        start=nothing,
        stop=nothing,
    )
    meter.close()


async def test_a_request_reaches_its_room_as_it_was_sent(app, house):
    wire = Wire(b'{"x"', b":1}")

    await app(
        scope("POST", b"/v1/things", (b"x-a", b"1"), (b"x-a", b"2"), query=b"q=1"), wire.receive, wire.send
    )

    assert (wire.status, wire.body) == (201, b'{"a":1}')
    inbound = house.steps[0][1]
    assert (inbound.method, inbound.path, inbound.query, inbound.body) == (
        "POST",
        "/v1/things",
        "q=1",
        b'{"x":1}',
    )
    assert (inbound.headers["x-a"], inbound.client_ip) == ("1, 2", "192.0.2.7")
    headers = dict(wire.headers)
    assert headers["x-request-id"] == inbound.request_id
    assert headers["content-length"] == "7"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


async def test_what_a_pattern_captured_is_handed_on_and_head_is_answered_by_get(app, house):
    wire = Wire()

    await app(scope("HEAD", b"/v1/things/a%20b"), wire.receive, wire.send)

    assert wire.status == 200
    assert house.steps[0][1].params == {"id": "a b"}
    assert ("cache-control", "max-age=5") in wire.headers
    assert ("cache-control", "no-store") not in wire.headers


@pytest.mark.parametrize("name", [b"authorization", b"dpop", b"content-length", b"host", b"content-type"])
async def test_a_header_that_proves_something_comes_once(app, house, name):
    wire = Wire()

    await app(scope("POST", b"/v1/things", (name, b"1"), (name, b"1")), wire.receive, wire.send)

    assert wire.status == 400
    assert name.decode() in json.loads(wire.body)["detail"]
    assert house.steps == []


async def test_a_request_without_a_host_is_refused(app):
    wire = Wire()
    asked = scope()
    asked["headers"] = []

    await app(asked, wire.receive, wire.send)

    assert wire.status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", b"/v1/nothing", 404),
        ("GET", b"/v1/things", 405),
        ("POST", b"/healthz", 405),
        ("GET", b"/v1/things/..", 400),
        ("GET", b"/v1/things/%2e%2e", 400),
    ],
)
async def test_what_no_route_takes_is_answered_as_a_problem(app, method, path, status):
    wire = Wire()

    await app(scope(method, path), wire.receive, wire.send)

    assert wire.status == status
    assert ("content-type", "application/problem+json") in wire.headers
    assert json.loads(wire.body)["status"] == status


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_long_is_not_read_to_its_end_and_its_sender_is_told(app, house, announced):
    wire = Wire(*[b"x" * 65_536] * 100)
    headers = [(b"content-length", b"6553600")] if announced else []

    await app(scope("POST", b"/v1/things", *headers), wire.receive, wire.send)

    assert wire.status == 413
    assert wire.taken <= DISCARD_BYTES + 131_072
    assert ("connection", "close") in wire.headers
    assert house.steps == []


async def test_a_body_announced_as_too_long_is_not_asked_for(app):
    wire = Wire(b"x" * 100)

    await app(
        scope("POST", b"/v1/things", (b"content-length", b"100"), (b"expect", b"100-continue")),
        wire.receive,
        wire.send,
    )

    assert (wire.status, wire.taken) == (413, 0)


async def test_a_caller_who_leaves_in_the_middle_of_a_body_is_not_answered(app, house):
    wire = Wire(b"{", ends=False)

    await app(scope(), wire.receive, wire.send)

    assert wire.sent == []
    assert house.steps == []


async def test_a_bug_is_answered_with_the_request_id_only_and_logged_without_its_text(app, caplog):
    from smartagent.server.logs import JsonLines, TextLines

    wire = Wire(b"bug")
    with caplog.at_level(logging.ERROR):
        await app(scope(), wire.receive, wire.send)

    assert wire.status == 500
    assert "s3cret" not in wire.body.decode()
    (record,) = [record for record in caplog.records if record.name == "smartagent.http"]
    for form in (JsonLines(), TextLines()):
        line = form.format(record)
        assert "ZeroDivisionError" in line
        assert "s3cret" not in line
        assert dict(wire.headers)["x-request-id"] in line


async def test_the_public_pages_are_not_the_pipelines(app, house):
    for path, status in ((b"/healthz", 200), (b"/readyz", 200), (b"/doc", 200)):
        wire = Wire()
        await app(scope("GET", path), wire.receive, wire.send)
        assert wire.status == status
    assert house.steps == []


async def test_a_node_that_is_not_ready_says_which_check_fails(app, house):
    house.verdict = None
    wire = Wire()

    await app(scope("GET", b"/readyz"), wire.receive, wire.send)

    assert wire.status == 503
    assert json.loads(wire.body) == {"status": "not-ready", "failing": ["store"]}


async def test_a_websocket_is_closed(app):
    wire = Wire()

    await app({"type": "websocket"}, wire.receive, wire.send)

    assert wire.sent == [{"type": "websocket.close", "code": 1000}]


async def test_the_lifespan_starts_and_stops_the_house(app):
    wire = Wire(b"", b"")

    await app({"type": "lifespan"}, wire.receive, wire.send)

    assert [event["type"] for event in wire.sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
