# SPDX-License-Identifier: Apache-2.0
"""A drill over a real PostgreSQL: everything of the canary is tried, and refused at once when it is revoked."""

import asyncio
import json

import pytest

from smartagent.cli.ctl.drilling import Drill
from smartagent.cli.exits import Exit
from smartagent.sdk import system_means
from tests.backends.conftest import furnish_shop
from tests.backends.servers import BROKER_PASSWORD, postgres_versions, running

pytestmark = pytest.mark.xdist_group("nodes")

ROLE = """
name = "canary"
credentials = ["orders-read", "static"]

[[allow]]
scope = "shop.read"
upstream = "shop"
methods = ["GET"]
paths = ["/drill"]
"""


@pytest.fixture(scope="module")
def database():
    with running(postgres_versions()["pip"]) as server:
        furnish_shop(server)
        yield server


async def furnished(site, database, closing):
    operator = await site.operator()
    closing(operator)
    for name, value in (("broker", BROKER_PASSWORD), ("kept", "a static value")):
        raw = value.encode()
        assert (
            await operator.send("PUT", f"/v1/secrets/{name}", raw, "application/octet-stream")
        ).status == 201
    settings = {
        "host": "127.0.0.1",
        "port": database.port,
        "database": "shop",
        "user": "broker",
        "tls": "disable",
    }
    entries = {
        "/v1/upstreams/shop": {"base_url": "http://127.0.0.1:9", "allow_private": True},
        "/v1/providers/shop": {"kind": "postgresql", "settings": settings, "secrets": {"password": "broker"}},
        "/v1/providers/kept": {"kind": "secret", "secrets": {"value": "kept"}},
        "/v1/credentials/orders-read": {
            "provider": "shop",
            "grant": {"tables": [{"table": "orders", "privileges": ["SELECT"]}]},
        },
        "/v1/credentials/static": {"provider": "kept"},
        "/v1/roles/canary": {"role_file": ROLE},
    }
    for path, entry in entries.items():
        await operator.request("PUT", path, entry)
    return operator


async def test_everything_of_a_canary_is_refused_and_the_canary_is_gone(sites, database, closing):
    site = await sites("one").start()
    operator = await furnished(site, database, closing)
    means = system_means()
    outcome = await Drill(operator, "canary", site.gateway, means, 20.0).run()
    await means.exchange.close()

    assert outcome.passed, outcome
    tried = {each.what: each for each in outcome.tried}
    refused = {what for what, each in tried.items() if each.refused_after_ms is not None}
    assert refused == {
        "key",
        "session token",
        "access token at the gateway",
        "derived token",
        "orders-read (postgresql): open connection",
        "orders-read (postgresql): new login",
    }
    assert "report says" in tried["static (secret)"].note
    lines = {line["what"]: line for line in outcome.report["lines"]}
    assert lines["lease of static"]["fate"] == "outlives"
    assert lines["lease of orders-read"]["fate"] == "dead"
    agent = json.loads(await operator.request("GET", f"/v1/agents/{outcome.agent}"))
    assert agent["status"] == "retired"


async def test_what_survives_fails_the_drill(sites, database, closing):
    """The database goes away with the canary's login in it: nobody can say that it is dead."""
    site = await sites("one").start()
    operator = await furnished(site, database, closing)
    means = system_means()
    drill = Drill(operator, "canary", site.gateway, means, 2.0)
    drill._tries["what nobody can kill"] = lambda: asyncio.sleep(0, True)
    outcome = await drill.run()
    await means.exchange.close()
    assert not outcome.passed
    assert [each.what for each in outcome.tried if each.note == "still taken"] == ["what nobody can kill"]


async def test_what_does_not_work_before_proves_nothing_and_the_canary_is_retired(sites, database, closing):
    site = await sites("one").start()
    operator = await furnished(site, database, closing)
    means = system_means()
    drill = Drill(operator, "canary", site.gateway, means, 2.0)
    drill._tries["broken"] = lambda: asyncio.sleep(0, False)
    with pytest.raises(Exit, match="did not work before"):
        await drill.run()
    await means.exchange.close()
    agents = json.loads(await operator.request("GET", "/v1/agents"))["agents"]
    assert [agent["status"] for agent in agents] == ["retired"]
