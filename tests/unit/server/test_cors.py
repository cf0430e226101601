# SPDX-License-Identifier: Apache-2.0
"""CORS: open exactly where it should be, and nowhere else."""

import json

import pytest

from smartagent.crypto import SystemClock
from smartagent.edge import AuthenticationFailed, Inbound, Outcome, Proof, Reply, Route, Router
from smartagent.kernel import Ids
from smartagent.oauth.challenge import completed
from smartagent.server.asgi import Authority
from smartagent.server.cors import ANY_ORIGIN, EXPOSED, Cors
from smartagent.server.metrics import Meter
from tests.unit.edge.fakes import FakeHouse
from tests.unit.server.test_asgi import Wire, nothing, scope

METADATA = "/.well-known/openid-configuration"
OPEN = {
    METADATA: "GET, HEAD",
    "/.well-known/jwks.json": "GET, HEAD",
    "/.well-known/oauth-protected-resource": "GET, HEAD",
    "/.well-known/oauth-protected-resource/mcp": "GET, HEAD",
    "/oauth/token": "POST",
    "/oauth/register": "POST",
    "/oauth/revoke": "POST",
    "/oauth/userinfo": "GET, HEAD, POST",
    "/oauth/status-lists": "GET, HEAD",
    "/oauth/status/1": "GET, HEAD",
}
CLOSED = [
    "/oauth/authorize",
    "/oauth/consent",
    "/oauth/par",
    "/oauth/introspect",
    "/oauth/device",
    "/oauth/device_authorization",
    "/oauth/register/clt_1",
    "/oauth/token/",
    "/oauth/status-listsx",
    "/.well-known/oauth-protected-resourcex",
    "/v1/agents",
    "/v1/revocations",
    "/metrics",
    "/",
]
ASKS = (
    (b"origin", b"https://app.example"),
    (b"access-control-request-method", b"POST"),
    (b"access-control-request-headers", b"authorization, dpop"),
)


@pytest.fixture
def house():
    return FakeHouse()


@pytest.fixture
def app(house, tmp_path):
    async def act(caller, inbound):
        return Outcome(Reply(200, {"a": 1}, headers=(("dpop-nonce", "n"),)))

    async def page(inbound):
        return Reply(200, {"issuer": "https://a"})

    paths = [path for path in (*OPEN, *CLOSED) if path not in {METADATA, "/"}]
    routes = [Route("POST", path, Proof.ACCESS_TOKEN, "p", "e", act, max_body_bytes=10) for path in paths]
    meter = Meter(routes, tmp_path, 0)
    clock = SystemClock()

    def challenge(reply, token_was_sent):
        return completed(reply, metadata_url="https://a/m", token_was_sent=token_was_sent)

    yield Authority(
        router=Router(routes),
        pages={METADATA: page},
        house=house,
        ids=Ids(clock, bytes),
        clock=clock,
        meter=meter,
        start=nothing,
        stop=nothing,
        cors=Cors([METADATA]),
        challenge=challenge,
    )
    meter.close()


async def ask(app, method, path, *headers):
    wire = Wire(b"")
    await app(scope(method, path.encode(), *headers), wire.receive, wire.send)
    return wire


def cors_headers(wire):
    return {name: value for name, value in wire.headers if name.startswith("access-control-")}


@pytest.mark.parametrize("path", OPEN)
async def test_a_preflight_of_an_open_address_is_answered(app, house, path):
    wire = await ask(app, "OPTIONS", path, *ASKS)

    assert (wire.status, wire.body) == (204, b"")
    assert cors_headers(wire) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": OPEN[path],
        "access-control-allow-headers": "accept, authorization, content-type, dpop, mcp-protocol-version",
        "access-control-max-age": "7200",
        "access-control-expose-headers": "DPoP-Nonce, WWW-Authenticate",
    }
    assert house.steps == []


@pytest.mark.parametrize("path", OPEN)
async def test_an_open_address_can_be_read_from_any_site_but_without_credentials(app, path):
    wire = await ask(app, "GET" if path == METADATA else "POST", path, *ASKS[:1])

    assert wire.status == 200
    assert cors_headers(wire) == dict((ANY_ORIGIN, EXPOSED))
    assert "access-control-allow-credentials" not in dict(wire.headers)


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
async def test_a_closed_address_says_nothing_to_other_sites(app, path, method):
    wire = await ask(app, method, path, *ASKS)

    assert cors_headers(wire) == {}
    assert wire.status != 204


async def test_an_error_of_an_open_address_can_be_read_too(app, house):
    house.refuse = AuthenticationFailed("no")
    wire = await ask(app, "POST", "/oauth/userinfo", *ASKS[:1])

    assert wire.status == 401
    assert cors_headers(wire) == dict((ANY_ORIGIN, EXPOSED))
    wire = Wire(b"x" * 11)
    await app(scope("POST", b"/oauth/token"), wire.receive, wire.send)
    assert (wire.status, cors_headers(wire)) == (413, dict((ANY_ORIGIN, EXPOSED)))


@pytest.mark.parametrize("headers", [(), ASKS[:1], ASKS[1:]])
async def test_what_is_no_preflight_is_a_wrong_method(app, headers):
    wire = await ask(app, "OPTIONS", "/oauth/token", *headers)

    assert wire.status == 405
    assert json.loads(wire.body)["allowed"] == ["POST"]


def test_a_reply_that_says_so_itself_does_not_say_it_twice():
    reply = Cors().opened("/oauth/token", Reply(200, b"", headers=(ANY_ORIGIN, ("a", "b"))))

    assert reply.headers == (("a", "b"), ANY_ORIGIN, EXPOSED)


def test_a_reply_of_a_closed_address_is_left_as_it_is():
    reply = Reply(200, b"", headers=(("a", "b"),))

    assert Cors().opened("/oauth/authorize", reply) is reply


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "options"])
def test_only_options_is_a_preflight(method):
    headers = {"origin": "https://app.example", "access-control-request-method": "POST"}

    assert Cors().preflight(Inbound("req_1", method, "/oauth/token", headers=headers)) is None


async def test_a_refusal_of_the_house_says_where_its_metadata_are(app, house):
    house.refuse = AuthenticationFailed("no")

    without = dict(reversed((await ask(app, "POST", "/v1/agents")).headers))["www-authenticate"]
    assert without == 'Bearer resource_metadata="https://a/m"'
    sent = await ask(app, "POST", "/v1/agents", (b"authorization", b"Bearer x"))
    assert dict(reversed(sent.headers))["www-authenticate"] == (
        'Bearer error="invalid_token", resource_metadata="https://a/m"'
    )
