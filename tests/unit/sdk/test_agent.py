# SPDX-License-Identifier: Apache-2.0
"""The agent's and the operator's library, against a whole house in memory."""

import asyncio
import json
import os
import stat
from urllib.parse import urlsplit

import pytest

from smartagent.crypto import SigningKey
from smartagent.sdk.agent import Agent, Session, enrol
from smartagent.sdk.client import Means
from smartagent.sdk.exchange import Answer, AuthorityRefused, AuthorityUnreachable, good, read
from smartagent.sdk.keyfile import Holder, KeyFileUnusable, load_key_file, make_key_file, save_key_file
from smartagent.sdk.operator import MalformedLink, Operator, claim_house, parse_link
from tests.unit.identity.world import ISSUER, FakeEntropy, World, shown


class HouseExchange:
    """Sends to a house in memory, and remembers what was sent."""

    def __init__(self, world):
        self.world = world
        self.sent = []
        self.closed = False

    async def __call__(self, method, url, headers, body, /):
        self.sent.append((method, url, dict(headers), body))
        if url.startswith("https://gw.example"):
            return Answer(200, headers["authorization"].encode(), {})
        target = url.removeprefix(ISSUER)
        inbound = self.world.inbound(method, target, body or None, headers)
        reply = await self.world.send(inbound)
        await asyncio.sleep(0)
        return Answer(reply.status, json.dumps(shown(reply)).encode(), dict(reply.headers))

    async def close(self):
        self.closed = True

    def asked_for(self, path):
        return sum(urlsplit(url).path == path for _, url, _, _ in self.sent)


@pytest.fixture
async def world():
    world = await World().start()
    yield world
    world.store.close()


@pytest.fixture
def means(world):
    return Means(HouseExchange(world), world.clock, FakeEntropy("library"))


@pytest.fixture
async def operator(world, means):
    link = await world.identity.first_claim(world.store)
    holder = await claim_house(Holder(SigningKey.generate(means.entropy)), link.reveal(), "Ada", means=means)
    return Operator(holder, means=means)


@pytest.fixture
async def agent(operator, means):
    raw = await operator.request("POST", "/v1/enrolments", {"role": "order-reader", "name": "bot"})
    token = json.loads(raw)["enrolment_token"]
    holder = await enrol(Holder(SigningKey.generate(means.entropy)), ISSUER, token, means=means)
    return Agent(holder, gateway="https://gw.example/", means=means)


async def test_an_operator_claims_logs_in_and_administers(world, operator, means):
    agents = json.loads(await operator.request("GET", "/v1/agents?limit=5"))
    assert agents["agents"] == []
    await operator.request("GET", "/v1/operators")
    assert means.exchange.asked_for("/v1/operator-sessions") == 1
    assert world.store.records[-1].caller == operator.id


async def test_an_operator_logs_in_again_before_the_token_expires(world, operator, means):
    await operator.request("GET", "/v1/agents")
    world.clock.at += 841
    await operator.request("GET", "/v1/agents")
    assert means.exchange.asked_for("/v1/operator-sessions") == 2


async def test_an_agent_enrols_and_opens_a_session(world, agent):
    session = await agent.open_session("orders:read", "https://api.example")
    caller = world.tokens.access.verified(session.access_token)
    assert caller.caller.principal == agent.id
    assert caller.audience == "https://api.example"
    assert session.scope == "orders:read"
    assert world.identity.directory.agent(agent.id).name == "bot"


async def test_a_token_is_kept_until_shortly_before_it_expires(world, agent, means):
    first = await agent.token()
    world.clock.at += 839
    assert await agent.token() == first
    world.clock.at += 1
    second = await agent.token()
    assert second != first
    assert means.exchange.asked_for("/oauth/token") == 2


async def test_tokens_for_other_scopes_and_audiences_are_other_tokens(agent, means):
    tokens = {
        await agent.token(),
        await agent.token("orders:read"),
        await agent.token(audience="https://api.example"),
    }
    assert len(tokens) == 3
    assert means.exchange.asked_for("/oauth/token") == 3


async def test_of_many_calls_at_once_one_renews(agent, means):
    tokens = await asyncio.gather(*(agent.token() for _ in range(20)))
    assert len(set(tokens)) == 1
    assert means.exchange.asked_for("/oauth/token") == 1


async def test_calls_go_through_the_gateway_with_the_token(agent, means):
    answer = await agent.call(
        "orders", "GET", "/orders/7?full=1", headers={"authorization": "mine", "accept": "x"}
    )
    method, url, headers, _ = means.exchange.sent[-1]
    assert (method, url) == ("GET", "https://gw.example/orders/orders/7?full=1")
    assert headers == {"authorization": f"Bearer {await agent.token()}", "accept": "x"}
    assert answer.status == 200


async def test_a_refusal_says_what_and_why(world, agent, operator):
    with pytest.raises(AuthorityRefused) as caught:
        await agent.open_session("orders:delete")
    assert (caught.value.status, caught.value.problem) == (400, "scope-not-granted")
    assert caught.value.request_id.startswith("req_")
    with pytest.raises(AuthorityRefused) as caught:
        await agent.token("orders:delete")
    assert (caught.value.status, caught.value.problem) == (400, "invalid_scope")
    await operator.request("POST", "/v1/revocations", {"kind": "agent", "id": agent.id, "reason": ""})
    with pytest.raises(AuthorityRefused) as caught:
        await agent.token()
    assert (caught.value.status, caught.value.problem) == (401, "invalid_client")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 7}'])
def test_an_answer_from_something_else_is_a_refusal_too(body):
    with pytest.raises(AuthorityRefused) as caught:
        good(Answer(502, body))
    assert (caught.value.status, caught.value.problem) == (502, "unknown")


async def test_leaving_lets_go_of_connections(agent, operator, means):
    async with agent as entered:
        assert entered is agent
    assert means.exchange.closed
    means.exchange.closed = False
    async with operator as entered_operator:
        assert entered_operator is operator
    assert means.exchange.closed


@pytest.mark.parametrize(
    "link", ["", "https://auth.example/claim", "https://auth.example/claim#", "ftp://x/claim#scl_x"]
)
def test_what_is_no_link_is_refused(link):
    with pytest.raises(MalformedLink):
        parse_link(link)


def test_a_link_names_the_house_and_the_code():
    assert parse_link(" https://auth.example/claim#scl_x\n") == ("https://auth.example", "scl_x")


def test_a_key_file_is_its_owners_alone_and_comes_back_as_it_was(tmp_path):
    path = tmp_path / "deep" / "agent.key"
    made = make_key_file(path, os.urandom)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    holder = Holder(made.key, ISSUER, "agt_1")
    save_key_file(path, holder)
    loaded = load_key_file(path)
    assert loaded.key.public == made.key.public
    assert (loaded.issuer, loaded.principal) == (ISSUER, "agt_1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["agent.key"]


def test_a_key_file_is_never_overwritten_by_a_new_key(tmp_path):
    path = tmp_path / "agent.key"
    first = make_key_file(path, os.urandom)
    with pytest.raises(KeyFileUnusable, match="File exists"):
        make_key_file(path, os.urandom)
    assert load_key_file(path).key.public == first.key.public


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_can_read_is_not_used(tmp_path, mode):
    path = tmp_path / "agent.key"
    make_key_file(path, os.urandom)
    path.chmod(mode)
    with pytest.raises(KeyFileUnusable, match="chmod 600"):
        load_key_file(path)


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"seed": "x"}', b'{"seed": 7}', b'{"seed": "AAAA"}'])
def test_what_is_no_key_file_is_refused(tmp_path, raw):
    path = tmp_path / "agent.key"
    path.touch(mode=0o600)
    path.write_bytes(raw)
    with pytest.raises(KeyFileUnusable, match="not a key file"):
        load_key_file(path)
    with pytest.raises(KeyFileUnusable, match="No such file"):
        load_key_file(tmp_path / "none")


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"id": "\xff"}', b"[" * 5000])
def test_a_yes_from_something_else_is_no_answer(body):
    with pytest.raises(AuthorityUnreachable, match="not an authority's"):
        read(Answer(200, body), Session)
