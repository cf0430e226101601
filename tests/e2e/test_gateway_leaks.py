# SPDX-License-Identifier: Apache-2.0
"""Secrets that agents send, over real sockets: no request with one arrives whole, and each is an alert."""

import asyncio
import base64
import json

import pytest

from smartagent.gateway.leaks import EVENT
from smartagent.kernel import Decision, Secret
from tests.e2e.test_forward_proxy import tunneled
from tests.e2e.test_websockets import by_token
from tests.e2e.test_websockets import world as chat_world
from tests.unit.gateway.fakes import SECRET, Entry
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b"ok")
OTHER = b"another-upstreams-key-91c2"


def with_another(doors):
    """Let there be an upstream whose key the agent should know even less."""
    doors.entries["bank"] = Entry("bank", "https://bank.example", secret="bank-key")
    doors.secrets["bank-key"] = (Secret(b"the-key-that-is-in-force"), Secret(OTHER))
    doors.change()


def alerts(doors):
    return [
        (each.caller, each.subject, each.detail["secret"], each.detail["where"])
        for each in doors.later
        if each.event == EVENT
    ]


def log_of(doors):
    return "".join(repr(each) for each in (*doors.committed, *doors.later, *doors.alarms))


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        (f"/crm/a?key={OTHER.decode()}", ""),
        (f"/crm/{OTHER.decode()}/a", ""),
        ("/crm/a", f"X-Note: {base64.b64encode(b'x' + OTHER).decode()}\r\n"),
        ("/crm/a", f"Cookie: a={OTHER.decode()}\r\n"),
        ("/crm/a?x=%61nother-upstreams-key-91c2", ""),
    ],
)
@on_both_loops
async def test_a_head_with_a_secret_does_not_leave(target, fields):
    async with world(always(OK)) as here:
        with_another(here.doors)
        agent = await here.agent()
        refused = await agent.call(target, fields=fields)
        assert refused.status == 403
        assert json.loads(refused.body)["type"].endswith(":secret-leaking")
        assert b"bank" not in refused.raw
        assert here.origin.connections == 0
        assert alerts(here.doors) == [("agt_1", "", "bank-key", "head")]
        last = here.doors.committed[-1]
        assert (last.caller, last.decision, last.outcome) == ("agt_1", Decision.DENY, "secret-leaking")
        assert OTHER.decode() not in log_of(here.doors)
        (told,) = here.doors.alarms
        assert (told["subject"], told["look"]) == ("secret/bank-key", "agt_1")
        assert told["title"] == "An agent sent the secret bank-key"
        assert "It stood in the head of a request to an upstream.\nCaller: agt_1\n" in told["lines"]
        assert (await agent.call()).status == 200


async def test_who_is_not_known_leaves_an_alert_and_no_secret_in_the_log():
    async with world(always(OK)) as here:
        with_another(here.doors)
        answer = await (await here.agent()).call(f"/crm/{OTHER.decode()}", token="wrong")
        assert answer.status == 401
        assert alerts(here.doors) == [("", "", "bank-key", "head")]
        assert OTHER.decode() not in log_of(here.doors)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("chunked", [True, False])
@on_both_loops
async def test_a_body_with_a_secret_does_not_arrive_whole(chunked, at_once):
    arrived, ended = bytearray(), asyncio.Event()

    async def collect(request, reader, writer):
        while data := await reader.read(65_536):
            arrived.extend(data)
        ended.set()

    before = b"x" * 100_000
    pieces = [before, OTHER[:10], OTHER[10:], b"more"]
    async with world(collect) as here:
        with_another(here.doors)
        agent = await here.agent()
        length = sum(map(len, pieces))
        said = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
        agent.ask(method="POST", fields=said + "\r\n")
        for piece in pieces:
            agent.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if not at_once:
                await agent.writer.drain()
                await asyncio.sleep(0.02)
        agent.writer.write(b"0\r\n\r\n" if chunked else b"")
        assert (await agent.answer()).status == 403
        if here.origin.requests:
            await ended.wait()
        assert OTHER not in arrived.replace(b"\r\n10\r\n", b"")
        assert OTHER[10:] not in arrived
        assert alerts(here.doors) == [("agt_1", "crm", "bank-key", "body")]
        outcomes = [each.outcome for each in here.doors.later if each.event == "gateway.done"]
        assert outcomes == ["secret-leaking"]


async def test_a_secret_in_a_tunnel_is_stopped_too(tmp_path):
    async with tunneled(tmp_path) as rig:
        with_another(rig.doors)
        agent = await rig.tunnel()
        rig.ask(agent, f"/v1/orders?key={OTHER.decode()}")
        assert (await agent.answer()).status == 403
        agent = await rig.tunnel()
        rig.ask(agent, f"/v1/{OTHER.decode()}", host="elsewhere")
        assert (await agent.answer()).status == 400
        assert OTHER.decode() not in log_of(rig.doors)
        assert rig.here.origin.requests == []


async def test_a_websocket_that_says_a_secret_is_cut(tmp_path):
    async with chat_world(tmp_path) as (_, doors, _, client, (port, _)):
        with_another(doors)
        socket = await client.ws_connect(f"http://127.0.0.1:{port}/crm/v1/chat", headers=by_token())
        for text in ("hello", "x" * 100_000):
            await socket.send_str(text)
            assert (await socket.receive()).data == text
        await socket.send_str(f"my key is {OTHER.decode()}")
        assert (await socket.receive()).data is None
        assert alerts(doors) == [("agt_1", "crm", "bank-key", "websocket")]


async def test_what_an_agent_says_of_its_own_passes():
    async with world(always(OK)) as here:
        agent = await here.agent()
        assert (await agent.call(method="POST", body=SECRET[:-1] + b"!" + b"x" * 300_000)).status == 200
        assert alerts(here.doors) == []
