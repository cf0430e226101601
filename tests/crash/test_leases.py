# SPDX-License-Identifier: Apache-2.0
"""kill -9 while credentials are made and ended at a real PostgreSQL: nothing is left alive that should be dead."""

import asyncio
import contextlib

import aiohttp
import asyncpg
import msgspec
import pytest

from smartagent.crypto import SigningKey, system_entropy
from smartagent.sdk import Agent, AuthorityRefused, AuthorityUnreachable, Holder, enrol
from tests.backends.conftest import furnish_shop
from tests.backends.servers import BROKER_PASSWORD, postgres_versions, running
from tests.e2e.conftest import closing, sites  # noqa: F401 -- fixtures
from tests.e2e.site import until

ROLE = 'name = "leaser"\nttl = "10m"\ncredentials = ["orders"]\n'
ROUNDS = 3


@pytest.fixture(scope="module")
def postgres():
    with running(postgres_versions()["pip"]) as server:
        furnish_shop(server)
        yield server


async def furnish(operator, server, ttl_seconds=600):
    sent = await operator.send(
        "PUT", "/v1/secrets/broker", BROKER_PASSWORD.encode(), "application/octet-stream"
    )
    assert sent.status in {200, 201}
    settings = {
        "host": "127.0.0.1",
        "port": server.port,
        "database": "shop",
        "user": "broker",
        "tls": "disable",
    }
    entry = {"kind": "postgresql", "settings": settings, "secrets": {"password": "broker"}}
    await operator.request("PUT", "/v1/providers/shop", entry)
    grant = {"tables": [{"table": "orders", "privileges": ["SELECT"]}]}
    credential = {"provider": "shop", "grant": grant, "ttl_seconds": ttl_seconds}
    await operator.request("PUT", "/v1/credentials/orders", credential)
    await operator.request("PUT", "/v1/roles/leaser", {"role_file": ROLE})


async def leaser(site, operator):
    raw = await operator.request("POST", "/v1/enrolments", {"role": "leaser"})
    token = msgspec.json.decode(raw)["enrolment_token"]
    holder = await enrol(Holder(SigningKey.generate(system_entropy)), site.url, token, "bot")
    return Agent(holder, gateway=site.gateway)


async def lease(site, token, credential="orders"):
    headers = {"authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{site.url}/v1/leases", json={"credential": credential}, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def living(server):
    connection = await asyncpg.connect(server.url())
    found = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE 'sa\\_%'")
    await connection.close()
    return {row[0] for row in found}


async def all_leases(operator):
    return msgspec.json.decode(await operator.request("GET", "/v1/leases"))["leases"]


async def test_what_a_killed_authority_leaves_behind_is_ended_by_the_next(sites, closing, postgres):  # noqa: F811 -- fixtures
    site = await sites("leasing").start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, postgres)
    agent = await leaser(site, operator)
    closing(agent)
    answered = []

    async def keep_leasing():
        with contextlib.suppress(aiohttp.ClientError, AuthorityUnreachable, AuthorityRefused, OSError):
            session = await agent.open_session()
            while True:
                status, view = await lease(site, session.access_token)
                if status == 201:
                    answered.append(view["fields"]["username"])

    for _ in range(ROUNDS):
        working = [asyncio.create_task(keep_leasing()) for _ in range(4)]
        enough = len(answered) + 3 + system_entropy(1)[0] % 6

        async def some_were_answered(enough=enough):
            return len(answered) >= enough

        await until(some_were_answered, what="leases")
        await site.kill()
        await asyncio.gather(*working)
        await site.start()

    alive = await living(postgres)
    assert set(answered) <= alive, "what was answered must live on"
    await operator.request(
        "POST", "/v1/lease-revocations", {"by": "provider", "value": "shop", "reason": "the test is over"}
    )

    async def none_live():
        return not await living(postgres)

    # What was asked for and never heard of again is ended only when nobody can be making it any more.
    await until(none_live, seconds=90, what="the end of all roles")

    async def all_are_dead():
        return {each["state"] for each in await all_leases(operator)} == {"dead"}

    # A role is gone a moment before that is written down.
    await until(all_are_dead, what="leases that are dead")


async def test_a_session_that_ends_takes_its_lease_with_it_within_a_second(sites, closing, postgres):  # noqa: F811 -- fixtures
    site = await sites("leasing").start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, postgres)
    agent = await leaser(site, operator)
    closing(agent)
    session = await agent.open_session()
    status, view = await lease(site, session.access_token)
    assert status == 201, view
    connection = await asyncpg.connect(view["fields"]["url"])
    assert await connection.fetchval("SELECT count(*) FROM orders") == 1

    body = {"kind": "session", "id": session.session_id, "reason": "the session is over"}
    await operator.request("POST", "/v1/revocations", body)

    async def cut():
        return connection.is_closed()

    await until(cut, seconds=1, what="the end of the connection")
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(view["fields"]["url"])
