# SPDX-License-Identifier: Apache-2.0
"""Policy changes end what is open and not allowed any more, with traffic flowing, within a tenth of a second."""

import asyncio
import contextlib

import aiohttp
import pytest
from msgspec import structs

from tests.e2e.site import ROLE, claims_of, furnish, post_form, token_form
from tests.e2e.test_forward_proxy import tunneled
from tests.e2e.test_websockets import by_token
from tests.e2e.test_websockets import world as chat_world
from tests.unit.gateway.origin import on_both_loops, world

pytestmark = pytest.mark.e2e
AT_ONCE = 0.1


async def ticking(request, reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"4\r\ntick\r\n")
        await writer.drain()
        await asyncio.sleep(0.005)


def now():
    return asyncio.get_running_loop().time()


async def silence(agent):
    """Read until the connection ends; return when that was."""
    with contextlib.suppress(ConnectionError):
        while await agent.reader.read(65_536):
            pass
    return now()


@on_both_loops
async def test_a_change_of_rules_cuts_a_flowing_stream_and_leaves_the_others():
    async with world(ticking) as here:
        forbidden, allowed = await here.agent(), await here.agent()
        forbidden.ask("/crm/a")
        allowed.ask("/crm/b")
        for agent in (forbidden, allowed):
            await agent.reader.readuntil(b"tick")
        began = now()
        here.doors.denied.add(("GET", "/a"))
        here.doors.change()
        assert await silence(forbidden) - began < AT_ONCE
        assert here.doors.later[-1].outcome == "not-permitted"
        await allowed.reader.readuntil(b"tick\r\n4\r\ntick")


@on_both_loops
async def test_a_call_that_was_not_answered_yet_is_refused():
    arrived = asyncio.Event()

    async def silent(request, reader, writer):
        arrived.set()
        await reader.read()

    async with world(silent) as here:
        agent = await here.agent()
        agent.ask()
        await arrived.wait()
        here.doors.denied.add(("GET", "/a"))
        here.doors.change()
        assert (await agent.answer()).status == 403


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"base_url": "http://localhost:1"}, "upstream-changed"),
        ({"secret": ""}, "upstream-changed"),
        ({"place": "header:X-Key"}, "upstream-changed"),
        (None, "upstream-unknown"),
    ],
)
@on_both_loops
async def test_an_upstream_that_was_changed_or_deleted_ends_its_streams(change, outcome):
    async with world(ticking) as here:
        agent = await here.agent()
        agent.ask()
        await agent.reader.readuntil(b"tick")
        began = now()
        entry = here.doors.entries.pop("crm")
        if change is not None:
            here.doors.entries["crm"] = structs.replace(entry, **change)
        here.doors.change()
        assert await silence(agent) - began < AT_ONCE
        assert here.doors.later[-1].outcome == outcome


async def test_an_upstream_whose_entry_says_the_same_keeps_its_streams():
    async with world(ticking) as here:
        agent = await here.agent()
        agent.ask()
        await agent.reader.readuntil(b"tick")
        here.doors.entries["crm"] = structs.replace(here.doors.entries["crm"], timeout_seconds=60.0)
        here.doors.change()
        await agent.reader.readuntil(b"tick\r\n4\r\ntick")


async def test_a_websocket_with_traffic_is_cut(tmp_path):
    async with chat_world(tmp_path) as (_, doors, _, client, (port, _)):
        socket = await client.ws_connect(f"http://127.0.0.1:{port}/crm/v1/chat", headers=by_token())

        async def chatter():
            while not socket.closed:
                await socket.send_str("hello")
                await asyncio.sleep(0.005)

        talking = asyncio.create_task(chatter())
        assert (await socket.receive()).data == "hello"
        began = now()
        doors.denied.add(("GET", "/v1/chat"))
        doors.change()
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert now() - began < AT_ONCE
        talking.cancel()
        with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
            await talking


async def test_a_tunnel_to_where_no_upstream_is_any_more_is_closed_with_what_flows_in_it(tmp_path):
    async with tunneled(tmp_path, ticking) as rig:
        agent, idle = await rig.tunnel(), await rig.tunnel()
        rig.ask(agent)
        await agent.reader.readuntil(b"tick")
        began = now()
        rig.doors.entries.clear()
        rig.doors.change()
        assert await silence(agent) - began < AT_ONCE
        assert await silence(idle) - began < AT_ONCE


async def test_a_stream_through_a_real_node_ends_when_its_role_is_written_anew(sites, shop, closing):
    site = await sites().start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    holder = (await site.agent(operator))[1]
    token = (await post_form(site.url, token_form(holder, site.issuer)))[1]["access_token"]
    assert claims_of(token)["scope"] == "read"
    headers = {"authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{site.gateway}/shop/events", headers=headers) as stream,
    ):
        assert await stream.content.readline() == b"data: tick\n"
        narrower = {"role_file": ROLE.replace("/**", "/orders")}

        async def change():
            await operator.request("PUT", "/v1/roles/reader", narrower)
            return now()

        changed = asyncio.create_task(change())
        with contextlib.suppress(aiohttp.ClientPayloadError):
            async with asyncio.timeout(10):
                while not stream.content.at_eof():
                    await stream.content.readany()
        cut_at = now()
        assert cut_at - await changed < AT_ONCE
