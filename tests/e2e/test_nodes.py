# SPDX-License-Identifier: Apache-2.0
"""Several workers, several nodes: once means once, and a revocation holds everywhere."""

import asyncio
import contextlib
import shutil
import time

import aiohttp
import pytest

from tests.e2e.site import call, furnish, post_form, token_form, until, whole_log

pytestmark = pytest.mark.xdist_group("nodes")


async def pair_on_postgres(sites, url, shop, closing):
    """Return two nodes on one database, and the operator of both."""
    first = await sites("one", store=url).start()
    operator = await first.operator()
    closing(operator)
    await furnish(operator, shop)
    second = sites("two", store=url, issuer=first.issuer, gateway=first.audience)
    second.folder.mkdir(mode=0o700)
    shutil.copy2(first.folder / "root.key", second.folder / "root.key")
    return first, await second.start(), operator


async def known(url, holder, issuer):
    """Return when the node knows the agent."""

    async def granted():
        return (await post_form(url, token_form(holder, issuer)))[0] == 200

    await until(granted, what="the agent being known")


async def test_an_assertion_works_once_over_all_workers(sites, shop, closing):
    site = await sites(workers=2).start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    agent, holder = await site.agent(operator)
    closing(agent)
    await known(site.url, holder, site.issuer)
    forms = [token_form(holder, site.issuer) for _ in range(20)]
    answers = await asyncio.gather(*(post_form(site.url, form) for form in forms for _ in range(12)))
    assert sorted(status for status, _ in answers) == [200] * 20 + [401] * 220
    assert {body["error"] for status, body in answers if status == 401} == {"invalid_client"}


async def test_a_worker_that_dies_comes_back(sites):
    site = await sites().start()
    await site.claim_link()
    _, worker = site.processes()
    worker.kill()

    async def another():
        now = site.processes()
        return len(now) == 2 and now[1].pid != worker.pid and await site.ready()

    await until(another, what="another worker")


async def test_a_killed_parent_leaves_no_worker_behind(sites):
    site = await sites(workers=2).start()
    parent, *workers = site.processes()
    parent.kill()
    await site.process.wait()

    async def gone():
        return not any(worker.is_running() and worker.status() != "zombie" for worker in workers)

    await until(gone, what="the workers' end")


async def test_a_call_in_flight_is_finished_before_the_end(sites, shop, closing):
    site = await sites().start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    agent, _ = await site.agent(operator)
    closing(agent)
    slow = asyncio.create_task(call(site.gateway, await agent.token(), "/shop/slow"))
    await shop.waiting.wait()
    site.process.terminate()

    async def refused():
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{site.gateway}/x"):
                return False
        except aiohttp.ClientError:
            return True

    await until(refused, what="refusing new connections")
    shop.let_go.set()
    assert await slow == (200, b"ok")
    assert await asyncio.wait_for(site.process.wait(), 20) == 0


@pytest.mark.postgres
async def test_an_assertion_works_once_over_two_nodes_on_postgresql(sites, shop, closing, postgres_site):
    first, second, operator = await pair_on_postgres(sites, postgres_site.url, shop, closing)
    agent, holder = await first.agent(operator)
    closing(agent)
    await known(second.url, holder, first.issuer)
    forms = [token_form(holder, first.issuer) for _ in range(10)]
    urls = (first.url, second.url) * 6
    answers = await asyncio.gather(*(post_form(url, form) for form in forms for url in urls))
    assert sorted(status for status, _ in answers) == [200] * 10 + [401] * 110


@pytest.mark.postgres
async def test_a_revocation_on_one_node_refuses_on_the_other_and_cuts_its_streams(
    sites, shop, closing, postgres_site, record_property
):
    first, second, operator = await pair_on_postgres(sites, postgres_site.url, shop, closing)
    agent, holder = await first.agent(operator, at=second)
    closing(agent)
    await known(second.url, holder, first.issuer)
    token = await agent.token()
    assert (await call(second.gateway, token))[0] == 200
    headers = {"authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{second.gateway}/shop/events", headers=headers) as stream,
    ):
        await stream.content.readline()
        body = {"kind": "agent", "id": agent.id, "reason": "test"}
        await operator.request("POST", "/v1/revocations", body)
        answered = time.monotonic()
        # Whatever starts after the answer is refused, at whichever node it starts.
        assert (await call(second.gateway, token))[0] == 401
        assert (await post_form(second.url, token_form(holder, first.issuer)))[0] == 401
        with contextlib.suppress(aiohttp.ClientError):
            async with asyncio.timeout(10):
                while await stream.content.readline():
                    pass
        record_property("stream_cut_ms", (time.monotonic() - answered) * 1000)
        shop.let_go.set()


@pytest.mark.postgres
async def test_a_node_that_is_killed_leaves_the_other_working_and_the_log_whole(
    sites, shop, closing, postgres_site
):
    first, second, operator = await pair_on_postgres(sites, postgres_site.url, shop, closing)
    agent, holder = await first.agent(operator)
    closing(agent)
    await known(second.url, holder, first.issuer)
    await second.kill()
    status, _ = await post_form(first.url, token_form(holder, first.issuer))
    assert status == 200

    async def signed():
        answer = await operator.send("GET", "/v1/log/export?from=0")
        return answer.status == 200

    # The killed node may have held the sequencer's lease: it is taken over when it runs out.
    await until(signed, seconds=40, what="a checkpoint")
    records = await whole_log(first, operator)
    assert sum(record["event"] == "token.issued" for record in records) >= 2
