# SPDX-License-Identifier: Apache-2.0
"""A workload becomes an agent by its platform's token and a key of its own, through the pipeline."""

import asyncio
import json

import pytest

from smartagent.crypto import SigningKey, attest_message, b64u, enrol_message
from smartagent.identity.model import AgentStatus
from smartagent.sdk import Answer, AuthorityRefused, Holder, attest
from smartagent.sdk import Means as ClientMeans
from tests.unit.federation.fakes import OutsideIssuer
from tests.unit.federation.world import FederatedWorld
from tests.unit.identity.world import ISSUER, AgentActor, World, shown

SERVICE_ACCOUNT = {
    "claims": {"kubernetes.io.namespace": "agents", "kubernetes.io.serviceaccount.name": "billing"},
    "role": "order-reader",
}


@pytest.fixture
async def world():
    world = await FederatedWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def cluster(world, ada):
    await world.trust(ada, "cluster", kind="kubernetes", rules=[SERVICE_ACCOUNT])
    return OutsideIssuer(world.web)


def last(world):
    return world.store.records[-1]


async def test_a_workload_becomes_an_agent_of_the_rules_role_owned_by_who_vouches(world, ada, cluster):
    key = SigningKey.generate(world.entropy)
    status, view = await world.attest(cluster.kubernetes_token(), key)
    assert status == 201, view
    assert (view["role"], view["owner"], view["status"]) == ("order-reader", ada.id, "active")
    assert view["name"] == "system:serviceaccount:agents:billing"
    assert view["key_thumbprint"] == key.public.thumbprint
    agent = world.identity.directory.agent(view["id"])
    assert agent is not None
    assert agent.status is AgentStatus.ACTIVE
    record = last(world)
    assert (record.event, record.subject) == ("agent.attested", view["id"])
    assert record.caller == "cluster/system:serviceaccount:agents:billing"
    assert record.detail == {
        "issuer": "cluster",
        "workload": "system:serviceaccount:agents:billing",
        "rule": 1,
        "attestation": "jti-1",
        "owner": ada.id,
        "role": "order-reader",
        "key": key.public.thumbprint,
    }


async def test_what_it_became_can_open_a_session(world, ada, cluster):
    bot = AgentActor(world, SigningKey.generate(world.entropy))
    status, view = await world.attest(cluster.kubernetes_token(), bot.key, name="billing one")
    assert (status, view["name"]) == (201, "billing one")
    bot.id = view["id"]
    assert (await bot.session())["access_token"]


async def test_each_instance_is_an_agent_of_its_own(world, cluster):
    views = [(await world.attest(cluster.kubernetes_token()))[1] for _ in range(3)]
    assert len({view["id"] for view in views}) == 3
    assert len({view["key_thumbprint"] for view in views}) == 3


async def test_a_token_works_once_on_all_nodes(world, cluster):
    other = world.another_node("two")
    await other.store.start()
    token = cluster.kubernetes_token()
    answers = await asyncio.gather(world.attest(token), other.attest(token), world.attest(token))
    assert sorted(status for status, _ in answers) == [201, 401, 401]
    world.clock.at += 30
    assert (await other.attest(token))[0] == 401
    assert last(world).reason == "the outside token was used"


async def test_a_token_without_jti_works_once_too(world, cluster):
    token = cluster.kubernetes_token(jti=None)
    assert [(await world.attest(token))[0] for _ in range(2)] == [201, 401]


async def test_a_token_that_may_be_forgotten_is_dead_by_then(world, cluster):
    token = cluster.kubernetes_token()
    assert (await world.attest(token))[0] == 201
    world.clock.at += 659
    world.store.forget_claims()
    assert (await world.attest(token))[0] == 401
    world.clock.at += 1
    world.store.forget_claims()
    assert (await world.attest(token))[0] == 401
    assert last(world).reason == "the outside token has expired"


async def test_a_token_is_used_up_also_when_the_key_was_refused(world, cluster):
    key = SigningKey.generate(world.entropy)
    assert (await world.attest(cluster.kubernetes_token(), key))[0] == 201
    token = cluster.kubernetes_token()
    status, problem = await world.attest(token, key)
    assert (status, problem["type"].rpartition(":")[2]) == (409, "key-already-known")
    assert (await world.attest(token))[0] == 401


async def test_whoever_saw_a_request_cannot_enrol_another_key_with_it(world, cluster):
    token, mine, theirs = cluster.kubernetes_token(), *(SigningKey.generate(world.entropy) for _ in range(2))
    seen = world.attestation(token, mine)
    for body in (
        seen | {"public_key": b64u(theirs.public.raw)},
        world.attestation(cluster.kubernetes_token(), mine) | {"attestation": token},
        seen | {"signature": ""},
        seen | {"signature": "A" * 86},
        seen
        | {"signature": b64u(mine.sign(attest_message("https://other.example", token, mine.public.raw)))},
        seen | {"signature": b64u(mine.sign(enrol_message(ISSUER, token, mine.public.raw)))},
    ):
        assert (await world.call("POST", "/v1/agents/attest", body))[0] == 401
    # None of that used the token up: its workload still can.
    assert (await world.call("POST", "/v1/agents/attest", seen))[0] == 201


async def test_nobody_outside_is_asked_for_those_who_have_no_key(world, cluster):
    body = world.attestation(cluster.kubernetes_token()) | {"signature": "A" * 86}
    await world.call("POST", "/v1/agents/attest", body)
    assert world.web.asked == []


@pytest.mark.parametrize("public_key", ["", "AA", b64u(bytes([1]) + bytes(31)), "A" * 43])
async def test_a_key_that_is_none_is_refused(world, cluster, public_key):
    body = world.attestation(cluster.kubernetes_token()) | {"public_key": public_key}
    assert (await world.call("POST", "/v1/agents/attest", body))[0] == 400


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": ["https://kubernetes.default.svc"]}, "the outside token is for another audience"),
        ({"iss": "https://evil.example"}, "the outside token's issuer is not trusted"),
        ({"exp": 1_799_999_000, "iat": 1_799_998_000}, "the outside token has expired"),
        ({"namespace": "other"}, "no rule of the issuer cluster admits the token"),
        (
            {"sub": "system:serviceaccount:agents:admin"},
            "the token's sub is another service account than its kubernetes.io claims",
        ),
    ],
)
async def test_every_refusal_is_one_public_answer_and_a_reason_in_the_log(world, cluster, changes, reason):
    status, problem = await world.attest(cluster.kubernetes_token(**changes))
    assert (status, problem["type"].rpartition(":")[2]) == (401, "unauthenticated")
    assert problem["detail"] == "the proof is missing, expired, used or wrong"
    assert (last(world).event, last(world).reason) == ("agent.attested", reason)
    assert len(world.identity.directory) == 0


async def test_a_role_that_went_away_admits_nobody(world, cluster):
    del world.roles["order-reader"]
    status, problem = await world.attest(cluster.kubernetes_token())
    assert (status, problem["type"].rpartition(":")[2]) == (400, "role-unknown")
    assert len(world.identity.directory) == 0


async def test_an_issuer_that_is_trusted_for_persons_attests_nothing(world, ada):
    await world.trust(ada, purposes=["person"])
    assert (await world.attest(OutsideIssuer(world.web).token()))[0] == 401


async def test_a_name_that_cannot_be_shown_is_refused(world, cluster):
    status, problem = await world.attest(cluster.kubernetes_token(), name="a\u202eb")
    assert (status, problem["type"].rpartition(":")[2]) == (400, "malformed-name")


async def test_a_long_workload_is_called_by_its_beginning(world, ada):
    await world.trust(ada)
    status, view = await world.attest(OutsideIssuer(world.web).token(sub="w" * 79 + " " + "x" * 100))
    assert (status, view["name"]) == (201, "w" * 79)


async def test_our_own_tokens_attest_nothing(world, ada, cluster):
    bot = await world.agent(ada)
    token = (await bot.session())["access_token"]
    assert (await world.attest(token))[0] == 401
    assert (await world.attest(bot.assertion()))[0] == 401


async def test_where_nobody_is_trusted_no_workload_is_let_in(world):
    plain = await World(world.clock, world.store, "plain").start()
    token = OutsideIssuer(world.web).token()
    assert (await plain.call("POST", "/v1/agents/attest", world.attestation(token)))[0] == 401
    assert last(world).reason == "no outside issuer is trusted here"


class _Wire:
    """The library's exchange, into the house's pipeline."""

    def __init__(self, world):
        self._world = world

    async def __call__(self, method, url, headers, body):
        inbound = self._world.inbound(method, url.removeprefix(ISSUER), body)
        reply = await self._world.send(inbound)
        return Answer(reply.status, json.dumps(shown(reply)).encode())

    async def close(self):
        pass


async def test_the_library_enrols_a_workload(world, cluster):
    means = ClientMeans(_Wire(world), world.clock, world.entropy)
    fresh = Holder(SigningKey.generate(world.entropy), "", "")
    token = cluster.kubernetes_token()
    holder = await attest(fresh, ISSUER, token, "billing", means=means)
    assert world.identity.directory.agent(holder.principal).name == "billing"
    assert (holder.issuer, holder.key) == (ISSUER, fresh.key)
    with pytest.raises(AuthorityRefused):
        await attest(Holder(SigningKey.generate(world.entropy), "", ""), ISSUER, token, means=means)
