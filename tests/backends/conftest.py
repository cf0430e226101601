# SPDX-License-Identifier: Apache-2.0
"""Real servers, each started once for each worker that needs it."""

import asyncio

import asyncpg
import pytest

from tests.backends.servers import BROKER_PASSWORD, MariaDbServer, postgres_versions, running

TABLES = """
CREATE ROLE broker LOGIN CREATEROLE PASSWORD '{password}';
CREATE DATABASE shop OWNER broker;
"""
SHOP = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer text, total numeric);
CREATE TABLE customers (id bigint PRIMARY KEY, name text, card text);
CREATE TABLE "odd ""name"" ü" ("a ""column"" x" text);
CREATE SEQUENCE numbers;
INSERT INTO orders VALUES (1, 'Ada', 12);
INSERT INTO customers VALUES (1, 'Ada', '4111');
CREATE ROLE readers NOLOGIN;
GRANT SELECT ON customers TO readers;
"""


def furnish_shop(server) -> None:
    """Make a broker that is no superuser, and a shop's tables."""

    async def furnish():
        admin = await asyncpg.connect(server.url())
        for statement in TABLES.format(password=BROKER_PASSWORD).strip().split("\n"):
            await admin.execute(statement)
        await admin.close()
        broker = await asyncpg.connect(server.url("broker", database="shop"))
        await broker.execute(SHOP)
        await broker.close()

    asyncio.run(furnish())


@pytest.fixture(scope="session", params=sorted(postgres_versions()))
def postgres(request):
    """A server of each version that this machine has, with a shop in it."""
    with running(postgres_versions()[request.param]) as server:
        furnish_shop(server)
        yield server


@pytest.fixture(scope="session")
def mariadb():
    """A MariaDB with a shop in it."""
    server = MariaDbServer()
    try:
        yield server.start()
    finally:
        server.close()
