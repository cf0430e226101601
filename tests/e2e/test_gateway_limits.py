# SPDX-License-Identifier: Apache-2.0
"""Limits of agents, roles and upstreams at the gateway, over real sockets."""

import asyncio
import json

import pytest

from smartagent.gateway import GatewaySettings
from smartagent.gateway.admission import EVENT
from smartagent.kernel import Caller, CallerKind, Decision, Limits
from tests.e2e.site import call, furnish, post_form, token_form, until
from tests.e2e.test_policy_cuts import now, silence, ticking
from tests.unit.gateway.fakes import TOKEN
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b'{"ok": true}', "Content-Type: application/json")


def code_of(answer):
    return json.loads(answer.body)["type"].rpartition(":")[2]


@on_both_loops
async def test_a_rate_that_is_used_up_is_429_with_a_time_to_come_again_and_a_record():
    async with world(always(OK)) as here:
        here.doors.agent_limits = Limits(rate="2/h")
        agent = await here.agent()
        statuses = [(await agent.call()).status for _ in range(2)]
        refused = await agent.call()
        assert [*statuses, refused.status] == [200, 200, 429]
        assert code_of(refused) == "rate-exceeded"
        assert 1700 < int(refused.headers["retry-after"]) <= 1800
        assert len(here.origin.requests) == 2
        assert [(each.decision, each.outcome) for each in here.doors.committed][-1] == (
            Decision.DENY,
            "rate-exceeded",
        )


async def test_a_flood_of_refusals_is_two_records():
    async with world(always(OK)) as here:
        here.doors.agent_limits = Limits(rate="1/h")
        agent = await here.agent()
        assert [(await agent.call()).status for _ in range(50)] == [200] + [429] * 49
        assert [each.decision for each in here.doors.committed] == [Decision.PERMIT, Decision.DENY]
        await here.gateway.drain()
        counted = here.doors.later[-1]
        assert (counted.event, counted.caller, counted.subject) == (EVENT, "agt_1", "crm")
        assert (counted.outcome, counted.detail["calls"]) == ("rate-exceeded", 48)


async def test_a_role_has_a_rate_for_all_its_agents_and_an_upstream_for_everybody():
    async with world(always(OK), limits=Limits(rate="3/h")) as here:
        here.doors.role_limits = Limits(rate="2/h")
        here.doors.callers["other"] = Caller("agt_2", CallerKind.AGENT, "reader", "ses_2", "aat_2")
        here.doors.callers["third"] = Caller("agt_3", CallerKind.AGENT, "writer", "ses_3", "aat_3")
        agent = await here.agent()
        tokens = [TOKEN, "other", "other", "third", "third"]
        assert [(await agent.call(token=token)).status for token in tokens] == [200, 200, 429, 200, 429]


@on_both_loops
async def test_open_calls_are_counted_until_their_connections_end():
    async with world(ticking) as here:
        here.doors.agent_limits = Limits(concurrent=1)
        first, second = await here.agent(), await here.agent()
        first.ask()
        await first.reader.readuntil(b"tick")
        refused = await second.call()
        assert (refused.status, code_of(refused)) == (429, "concurrency-exceeded")
        first.writer.close()
        await first.writer.wait_closed()
        status = 429
        async with asyncio.timeout(5):
            while status == 429:
                second.ask()
                status, headers, _ = await second.head()
                await second.reader.readexactly(int(headers.get("content-length", 0)))


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_request_that_is_too_large_is_413_and_does_not_arrive(chunked):
    async with world(always(OK), limits=Limits(request_bytes=1000)) as here:
        agent = await here.agent()
        if chunked:
            agent.ask(method="POST", fields="Transfer-Encoding: chunked\r\n")
            agent.writer.write(b"7d0\r\n" + bytes(2000) + b"\r\n0\r\n\r\n")
            answer = await agent.answer()
        else:
            answer = await agent.call(method="POST", body=bytes(1001))
        assert answer.status == 413
        agent = await here.agent()
        assert (await agent.call(method="POST", body=bytes(1000))).status == 200


async def test_an_answer_that_says_that_it_is_too_large_is_502():
    async with world(always(reply(bytes(2000))), limits=Limits(response_bytes=1000)) as here:
        answer = await (await here.agent()).call()
        assert (answer.status, code_of(answer)) == (502, "answer-too-large")


@on_both_loops
async def test_an_answer_that_becomes_too_large_is_cut_and_never_looks_whole():
    async with world(ticking, limits=Limits(response_bytes=100)) as here:
        agent = await here.agent()
        agent.ask()
        received = b""
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            while True:
                received += await agent.reader.readexactly(1)
        assert received.count(b"tick") <= 25
        assert here.doors.later[-1].outcome == "answer-too-large"


async def test_a_call_ends_when_its_time_is_over_and_an_answer_must_begin_in_time():
    async def silent(request, reader, writer):
        await reader.read()

    async with world(ticking) as here:
        here.doors.agent_limits = Limits(total_seconds=1)
        agent = await here.agent()
        began = now()
        agent.ask()
        assert 0.9 < await silence(agent) - began < 2
        assert here.doors.later[-1].outcome == "call-too-long"
    async with world(silent, timeout_seconds=60.0) as here:
        here.doors.agent_limits = Limits(answer_seconds=1)
        answer = await (await here.agent()).call()
        assert (answer.status, code_of(answer)) == (504, "upstream-timeout")


@on_both_loops
async def test_a_stream_goes_no_faster_than_its_bytes_allow():
    size = 1_000_000

    async def firehose(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 10_000):
            writer.write(bytes(10_000))
            await writer.drain()

    settings = GatewaySettings(sweep_seconds=0.02, stream_idle_seconds=0.2)
    async with world(firehose, settings, limits=Limits(bytes_per_second=500_000)) as here:
        agent = await here.agent()
        began = now()
        # The first second's bytes come at once, the rest at the rate; waiting is not idleness.
        assert len((await agent.call()).body) == size
        assert 0.4 < now() - began < 3
        assert (await agent.call()).status == 429


async def test_workers_of_a_real_node_share_an_agents_rate(sites, shop, closing):
    site = await sites(workers=2).start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    role = (await operator.request("GET", "/v1/roles/reader")).decode()
    text = json.loads(role)["role_file"] + '\n[limits]\nrate = "20/d"\n'
    await operator.request("PUT", "/v1/roles/reader", {"role_file": text, "allow_broad": True})
    holder = (await site.agent(operator))[1]
    token = (await post_form(site.url, token_form(holder, site.issuer)))[1]["access_token"]
    passed = 0
    for _ in range(8):
        answers = await asyncio.gather(*(call(site.gateway, token) for _ in range(10)))
        passed += sum(status == 200 for status, _ in answers)
        await asyncio.sleep(0.2)
    # Connections are spread over two workers, each of which lets a burst through before it hears of the other.
    assert 20 <= passed <= 40

    async def used_up():
        answers = await asyncio.gather(*(call(site.gateway, token) for _ in range(10)))
        return {status for status, _ in answers} == {429}

    await until(used_up, what="the end of what both let through")
