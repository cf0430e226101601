# SPDX-License-Identifier: Apache-2.0
"""A new sealing key takes over while agents call and secrets are written, and no call fails."""

import asyncio
import contextlib
import json

import pytest

from smartagent.sdk import AuthorityRefused
from tests.e2e.site import UPSTREAM_KEY, furnish, until

pytestmark = pytest.mark.xdist_group("nodes")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request):
    return "" if request.param == "sqlite" else request.getfixturevalue("fresh_database")


@contextlib.asynccontextmanager
async def busy(agent, operator):
    """Call all the time, and write the secret that the calls need; everything succeeds."""
    stop, calls = asyncio.Event(), 0

    async def call():
        nonlocal calls
        while not stop.is_set():
            assert (await agent.call("shop", "GET", "/x")).status == 200
            calls += 1

    async def put(name, value):
        sent = await operator.send("PUT", f"/v1/secrets/{name}", value, "application/octet-stream")
        # A worker that has not heard yet of the version another one wrote says so, and nothing was written.
        while sent.status == 409:
            sent = await operator.send("PUT", f"/v1/secrets/{name}", value, "application/octet-stream")
        assert sent.status in {200, 201}

    async def write():
        while not stop.is_set():
            await put("shop-key", UPSTREAM_KEY.encode())
            await put("other", b"x")

    tasks = [asyncio.create_task(each()) for each in (call, call, write)]
    yield
    stop.set()
    await asyncio.gather(*tasks)
    assert calls > 20


async def test_no_call_fails_while_everything_is_wrapped_anew(sites, shop, closing, store):
    site = await sites("one", workers=2, store=store).start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    for number in range(250):
        await operator.request("PUT", f"/v1/secrets/s{number}", {"value": f"value {number}"})
    agent, _ = await site.agent(operator)
    closing(agent)

    async def known():
        with contextlib.suppress(AuthorityRefused):
            return (await agent.call("shop", "GET", "/x")).status == 200
        return False

    # The other worker hears of a new agent a moment after it was enrolled here.
    await until(known, what="the agent at every worker")

    async def progress():
        return json.loads(await operator.request("GET", "/v1/sealing-keys"))

    async def wrapped():
        now = await progress()
        states = {key["number"]: key["state"] for key in now["keys"]}
        return states == {1: "retiring", 2: "active"} and not any(now["left"].values())

    async with busy(agent, operator):
        await operator.request("POST", "/v1/sealing-keys")
        assert (await operator.send("POST", "/v1/sealing-keys")).status == 409
        await until(wrapped, seconds=60, what="everything being wrapped by the new key")
    await site.kill()
    await site.start()
    assert (await agent.call("shop", "GET", "/x")).status == 200
