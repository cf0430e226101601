# SPDX-License-Identifier: Apache-2.0
"""Leases of a real MariaDB, whose broker is no superuser."""

import asyncio

import aiomysql
import pymysql
import pytest
from msgspec import structs

from smartagent.crypto import system_entropy
from smartagent.drivers import DriverFailed, MariaDbAdmin, MariaDbTarget
from smartagent.kernel import Secret
from smartagent.leases import (
    Credential,
    MalformedCredential,
    MalformedProvider,
    Provider,
    ProviderFailed,
    ProviderUnreachable,
)
from smartagent.leases.backends.mariadb import MariaDbBackend
from smartagent.policy import Item
from tests.backends.conformance import ALL, order
from tests.backends.servers import BROKER_PASSWORD, free_port

pytestmark = pytest.mark.needs("mariadbd", "mariadb-install-db")


class MariaDbRig:
    def __init__(self, server):
        self.server = server
        self.admin = MariaDbAdmin()
        self.backend = MariaDbBackend(self.admin, system_entropy)
        settings = {
            "host": "127.0.0.1",
            "port": server.port,
            "database": "shop",
            "user": "broker",
            "tls": "disable",
        }
        self.provider = Provider("shop", "mariadb", settings, {"password": "broker"})
        self.secrets = {"password": Secret(BROKER_PASSWORD.encode())}
        self.grant = {"tables": [{"table": "orders", "privileges": ["SELECT"]}]}

    async def works(self, fields):
        try:
            connection = await self.connect(fields)
        except pymysql.err.OperationalError:
            return False
        try:
            return await ask(connection, "SELECT count(*) FROM orders") == 1
        except pymysql.err.MySQLError:
            return False
        finally:
            connection.close()

    async def connect(self, fields):
        return await aiomysql.connect(
            host="127.0.0.1", port=self.server.port, user=fields["username"].reveal(),
            password=fields["password"].reveal(), db="shop",
        )  # fmt: skip

    async def users(self):
        connection = await aiomysql.connect(
            host="127.0.0.1", port=self.server.port, user="broker", password=BROKER_PASSWORD, db="shop"
        )
        try:
            return await ask(connection, "SELECT count(*) FROM mysql.global_priv WHERE user LIKE 'sa\\_%'")
        finally:
            connection.close()


async def ask(connection, query):
    async with connection.cursor() as cursor:
        await cursor.execute(query)
        row = await cursor.fetchone()
        return row[0] if row else None


@pytest.fixture
async def rig(mariadb):
    rig = MariaDbRig(mariadb)
    yield rig
    await rig.admin.close()
    assert await rig.users() == 0, "a test left users behind"


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(rig, check):
    await check(rig)


async def test_a_lease_may_do_what_is_granted_and_nothing_else(rig):
    rig.grant = {
        "tables": [
            {"table": "orders", "privileges": ["SELECT", "INSERT"]},
            {"table": "customers", "privileges": ["SELECT"], "columns": ["id", "name"]},
        ]
    }
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    connection = await rig.connect(made.fields)
    assert await ask(connection, "SELECT name FROM customers") == "Ada"
    for statement in (
        "SELECT card FROM customers",
        "DELETE FROM orders",
        "CREATE USER mine",
        "SELECT * FROM mysql.global_priv",
    ):
        with pytest.raises(pymysql.err.OperationalError) as told:
            await ask(connection, statement)
        assert told.value.args[0] in {1142, 1143, 1227, 1044}
    connection.close()
    await rig.backend.revoke(wanted, None)


async def test_a_lease_that_a_role_narrows_may_do_that_and_nothing_else(rig):
    held = {"tables": [{"privileges": ["SELECT", "INSERT"]}]}
    named = (Item("SELECT", "customers/id"), Item("SELECT", "shop.customers/name"), Item("DELETE", "orders"))
    rig.grant = rig.backend.narrow(rig.provider, held, named)
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    connection = await rig.connect(made.fields)
    assert await ask(connection, "SELECT name FROM customers WHERE id = 1") == "Ada"
    for statement in (
        "SELECT card FROM customers",
        "SELECT * FROM customers",
        "SELECT id FROM orders",
        "INSERT INTO customers (id) VALUES (2)",
        "DELETE FROM orders",
    ):
        with pytest.raises(pymysql.err.OperationalError) as told:
            await ask(connection, statement)
        assert told.value.args[0] in {1142, 1143}
    connection.close()
    await rig.backend.revoke(wanted, None)


async def test_names_with_quotes_and_umlauts_are_only_names(rig):
    rig.grant = {"tables": [{"table": "odd `name` ü", "privileges": ["SELECT"], "columns": ["a `col` x"]}]}
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    connection = await rig.connect(made.fields)
    assert await ask(connection, "SELECT count(`a ``col`` x`) FROM `odd ``name`` ü`") == 0
    connection.close()
    await rig.backend.revoke(wanted, None)


async def test_a_name_is_never_a_statement_and_what_was_half_made_can_be_ended(rig):
    rig.grant = {
        "tables": [{"table": "orders` TO root; DROP TABLE shop.orders; -- ", "privileges": ["SELECT"]}]
    }
    wanted = order(rig)
    with pytest.raises(ProviderFailed):
        await rig.backend.issue(wanted)
    await rig.backend.revoke(wanted, None)
    rig.grant = {"tables": [{"table": "orders", "privileges": ["SELECT"]}]}
    wanted = order(rig)
    assert await rig.works((await rig.backend.issue(wanted)).fields)
    await rig.backend.revoke(wanted, None)


async def test_ending_a_lease_cuts_its_open_connections_and_counts_them(rig):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    held = [await rig.connect(made.fields) for _ in range(2)]
    assert (await rig.backend.revoke(wanted, None)).severed == 2
    for connection in held:
        with pytest.raises((pymysql.err.MySQLError, OSError)):
            await ask(connection, "SELECT 1")
        connection.close()


async def test_the_servers_log_never_has_the_password(rig):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    assert await rig.works(made.fields)
    await rig.backend.revoke(wanted, None)
    log = rig.server.log.read_text(errors="replace")
    assert wanted.handle in log
    assert made.fields["password"].reveal() not in log


async def test_many_at_once_all_come_and_all_go(rig):
    wanted = [order(rig) for _ in range(16)]
    await asyncio.gather(*(rig.backend.issue(each) for each in wanted))
    await asyncio.gather(*(rig.backend.revoke(each, None) for each in wanted))
    assert await rig.users() == 0


async def test_a_server_that_is_not_there_is_unreachable_and_a_wrong_password_is_a_refusal(rig):
    gone = structs.replace(rig.provider, settings={**rig.provider.settings, "port": free_port()})
    with pytest.raises(ProviderUnreachable):
        await rig.backend.probe(gone, rig.secrets)
    with pytest.raises(ProviderFailed) as told:
        await rig.backend.probe(rig.provider, {"password": Secret(b"wrong")})
    assert told.value.reason == "1045"


async def test_renewing_what_is_gone_is_refused(rig):
    with pytest.raises(ProviderFailed):
        await rig.backend.renew(order(rig), None)


async def test_a_password_is_set_and_checked(rig):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    target = MariaDbTarget("127.0.0.1", "shop", wanted.handle, rig.server.port, "disable")
    held = Secret(made.fields["password"].reveal().encode())
    await rig.admin.set_password(target, held, wanted.handle, Secret("another-one-" + "22"))
    await rig.admin.check_login(target, Secret("another-one-" + "22"))
    with pytest.raises(DriverFailed):
        await rig.admin.check_login(target, made.fields["password"])
    await rig.backend.revoke(wanted, None)


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {"tables": []},
        {"tables": [{"table": "t", "privileges": []}]},
        {"tables": [{"table": "t", "privileges": ["ALL"]}]},
        {"tables": [{"table": "t", "privileges": ["DELETE"], "columns": ["c"]}]},
        {"tables": [{"privileges": ["SELECT"], "columns": ["c"]}]},
        {"tables": [{"table": "a\x00", "privileges": ["SELECT"]}]},
        {"tables": [{"table": "t" * 65, "privileges": ["SELECT"]}]},
        {"tables": [{"table": "t", "privileges": ["SELECT"]}], "connection_limit": 0},
    ],
)
def test_a_grant_that_is_none_is_refused(grant):
    with pytest.raises(MalformedCredential):
        MariaDbBackend(MariaDbAdmin(), system_entropy).check_credential(
            Provider("p", "mariadb"), Credential("c", "p", grant)
        )


@pytest.mark.parametrize("change", [{"host": ""}, {"port": 0}, {"tls": "maybe"}, {"colour": 1}])
def test_a_provider_that_is_none_is_refused(change):
    settings = {"host": "db", "database": "shop", "user": "broker"} | change
    with pytest.raises(MalformedProvider):
        MariaDbBackend(MariaDbAdmin(), system_entropy).check_provider(
            Provider("p", "mariadb", settings, {"password": "x"})
        )
