# SPDX-License-Identifier: Apache-2.0
"""Clients that insist on a key: placeholders in tunnels and reverse mode, and honeytokens that raise the alarm."""

import base64
import json

import pytest

from smartagent.kernel import Decision
from tests.e2e.test_forward_proxy import tunneled
from tests.unit.gateway.fakes import SECRET
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b"ok")
OWN = f"sak_ph_{'crm':a<32}"
OTHERS = f"sak_ph_{'billing':a<32}"
HONEY = "sak_ph_" + "honey2ho" * 4


def lay_out(doors):
    doors.honeytokens[HONEY] = "in-the-wiki"


@on_both_loops
async def test_a_client_that_insists_on_a_key_sends_the_placeholder_and_the_upstream_gets_the_key(tmp_path):
    async with tunneled(tmp_path, always(OK)) as rig:
        agent = await rig.tunnel()
        rig.ask(agent, fields=f"Authorization: Bearer {OWN}\r\n")
        assert (await agent.answer()).body == b"ok"
        (seen,) = rig.here.origin.requests
        assert seen.headers["authorization"] == "Bearer " + SECRET.decode()
        assert OWN.encode() not in seen.raw


@pytest.mark.parametrize(
    ("fields", "target", "why"),
    [
        (f"X-Api-Key: {OWN}\r\n", "/v1/orders", "stands in the field x-api-key"),
        ("", f"/v1/orders?note={OWN}", "stands in the parameter note"),
        ("", f"/v1/{OWN}", "stands in the path"),
        (f"Authorization: Bearer {OTHERS}\r\n", "/v1/orders", "not the placeholder of this upstream"),
        (f"Authorization: Bearer {OWN}\r\nX: {OWN}\r\n", "/v1/orders", "stands in the field x;"),
    ],
)
@on_both_loops
async def test_anywhere_else_it_is_refused_with_where_it_belongs(tmp_path, fields, target, why):
    async with tunneled(tmp_path, always(OK)) as rig:
        agent = await rig.tunnel()
        rig.ask(agent, target, fields=fields)
        answer = await agent.answer()
        assert answer.status == 400
        assert why in json.loads(answer.body)["detail"]
        assert rig.here.origin.requests == []
        assert rig.events()[-1] == ("gateway.call", Decision.DENY)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        (f"Authorization: Bearer {HONEY}\r\n", "the field authorization"),
        (
            f"Authorization: Basic {base64.b64encode(f'x:{HONEY}'.encode()).decode()}\r\n",
            "the field authorization",
        ),
        (f"X-Key: {HONEY}\r\n", "the field x-key"),
    ],
)
@on_both_loops
async def test_a_honeytoken_raises_the_alarm_and_whoever_used_it_is_not_told(tmp_path, fields, where):
    async with tunneled(tmp_path, always(OK)) as rig:
        lay_out(rig.doors)
        agent = await rig.tunnel()
        rig.ask(agent, fields=fields)
        answer = await agent.answer()
        assert answer.status == 403
        assert b"honey" not in answer.raw
        assert rig.here.origin.requests == []
        (alarm,) = rig.doors.later
        assert (alarm.event, alarm.subject, alarm.caller) == ("gateway.honeytoken", "in-the-wiki", "agt_1")
        assert alarm.detail == {"where": where, "ip": "127.0.0.1"}
        assert HONEY not in str(alarm)
        (told,) = rig.doors.alarms
        assert (told["subject"], told["look"]) == ("honeytoken/in-the-wiki", "in-the-wiki")
        assert told["title"] == "The honeytoken in-the-wiki was used"
        assert f"It stood in {where} of a request from 127.0.0.1.\nCaller: agt_1\n" in told["lines"]
        assert HONEY not in str(told)


@on_both_loops
async def test_it_does_so_also_for_who_is_not_known_or_not_allowed():
    async with world(always(OK)) as here:
        lay_out(here.doors)
        agent = await here.agent()
        assert (await agent.call(token=HONEY)).status == 401
        here.doors.denied.add(("GET", "/b"))
        assert (await (await here.agent()).call("/crm/b", fields=f"X: {HONEY}\r\n")).status == 403
        callers = [(alarm.event, alarm.caller) for alarm in here.doors.later]
        assert callers == [("gateway.honeytoken", ""), ("gateway.honeytoken", "")]


@on_both_loops
async def test_a_honeytoken_in_a_body_that_is_read_raises_it_too():
    async with world(always(OK), place="json:/key") as here:
        lay_out(here.doors)
        agent = await here.agent()
        body = json.dumps({"key": HONEY}).encode()
        answer = await agent.call(method="POST", fields="Content-Type: application/json\r\n", body=body)
        assert answer.status == 403
        assert [alarm.event for alarm in here.doors.later] == ["gateway.honeytoken"]
        body = json.dumps({"key": OWN, "note": HONEY}).encode()
        answer = await agent.call(method="POST", fields="Content-Type: application/json\r\n", body=body)
        assert answer.status == 403
        assert len(here.doors.later) == 2
        body = json.dumps({"key": OWN}).encode()
        answer = await agent.call(method="POST", fields="Content-Type: application/json\r\n", body=body)
        assert answer.status == 200
        body = json.dumps({"key": OWN, "note": OWN}).encode()
        answer = await agent.call(method="POST", fields="Content-Type: application/json\r\n", body=body)
        assert answer.status == 400


@pytest.mark.parametrize("size", [1, 7, 1000])
@on_both_loops
async def test_one_in_a_body_that_streams_stops_it_before_its_end(size):
    async with world(always(OK)) as here:
        lay_out(here.doors)
        for value, status in ((HONEY, 403), ("sak_ph_" + "a" * 32, 400)):
            agent = await here.agent()
            body = b"x" * 50 + value.encode() + b"y" * 50
            agent.ask(method="POST", fields=f"Content-Length: {len(body)}\r\n")
            for start in range(0, len(body), size):
                agent.writer.write(body[start : start + size])
                await agent.writer.drain()
            assert (await agent.answer()).status == status
        assert [alarm.event for alarm in here.doors.later if "honey" in alarm.event] == ["gateway.honeytoken"]


@on_both_loops
async def test_a_body_that_only_begins_like_one_passes():
    async with world(always(OK)) as here:
        agent = await here.agent()
        assert (await agent.call(method="POST", body=b"sak_ph_ and " * 9 + b"sak_ph_")).status == 200
