# SPDX-License-Identifier: Apache-2.0
"""Leases of a real PostgreSQL, whose broker is no superuser."""

import asyncio
import contextlib

import asyncpg
import pytest
from msgspec import structs

from smartagent.crypto import system_entropy
from smartagent.drivers import PostgresAdmin
from smartagent.kernel import Secret
from smartagent.leases import (
    Credential,
    MalformedCredential,
    MalformedProvider,
    Provider,
    ProviderFailed,
    ProviderUnreachable,
)
from smartagent.leases.backends.postgresql import PostgresBackend
from smartagent.policy import Item
from tests.backends.conformance import ALL, order
from tests.backends.servers import BROKER_PASSWORD, free_port

READ = {"tables": [{"table": "orders", "privileges": ["SELECT"]}]}


class PostgresRig:
    def __init__(self, server):
        self.server = server
        self.admin = PostgresAdmin(system_entropy)
        self.backend = PostgresBackend(self.admin, system_entropy)
        settings = {
            "host": "127.0.0.1",
            "port": server.port,
            "database": "shop",
            "user": "broker",
            "tls": "disable",
        }
        self.provider = Provider("shop", "postgresql", settings, {"password": "broker"})
        self.secrets = {"password": Secret(BROKER_PASSWORD.encode())}
        self.grant = READ

    async def works(self, fields):
        with contextlib.suppress(asyncpg.PostgresError, OSError):
            connection = await self.connect(fields)
            try:
                return await connection.fetchval("SELECT count(*) FROM orders") == 1
            finally:
                await connection.close()
        return False

    async def connect(self, fields):
        return await asyncpg.connect(fields["url"].reveal())

    async def roles(self):
        connection = await asyncpg.connect(self.server.url())
        found = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE 'sa\\_%'")
        await connection.close()
        return {row[0] for row in found}

    async def ask_admin(self, query, *values):
        connection = await asyncpg.connect(self.server.url(database="shop"))
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()


@pytest.fixture
async def rig(postgres):
    rig = PostgresRig(postgres)
    yield rig
    await rig.admin.close()
    assert await rig.roles() == set(), "a test left roles behind"


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(rig, check):
    await check(rig)


async def refused(connection, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)


async def test_a_lease_may_do_what_is_granted_and_nothing_else(rig):
    rig.grant = {
        "tables": [
            {"table": "orders", "privileges": ["SELECT", "INSERT"]},
            {"table": "customers", "privileges": ["SELECT"], "columns": ["id", "name"]},
        ],
        "sequences": [{"sequence": "numbers"}],
    }
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    connection = await rig.connect(made.fields)
    assert await connection.fetchval("SELECT name FROM customers") == "Ada"
    assert await connection.fetchval("SELECT nextval('numbers')") >= 1
    for statement in (
        "SELECT card FROM customers",
        "SELECT * FROM customers",
        "DELETE FROM orders",
        "UPDATE orders SET total = 0",
        "CREATE ROLE mine",
        f"ALTER ROLE {wanted.handle} CONNECTION LIMIT 900",
    ):
        await refused(connection, statement)
    await connection.close()
    await rig.backend.revoke(wanted, None)


async def test_a_lease_that_a_role_narrows_may_do_that_and_nothing_else(rig):
    held = {
        "tables": [
            {"table": "orders", "privileges": ["SELECT", "INSERT"]},
            {"table": "customers", "privileges": ["SELECT"]},
        ],
        "sequences": [{"sequence": "numbers"}],
        "roles": ["readers"],
    }
    named = (
        Item("SELECT", "customers/id"),
        Item("SELECT", "public.customers/name"),
        Item("DELETE", "orders"),
    )
    rig.grant = rig.backend.narrow(rig.provider, held, named)
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    connection = await rig.connect(made.fields)
    assert await connection.fetchrow("SELECT id, name FROM customers") == (1, "Ada")
    for statement in (
        "SELECT card FROM customers",
        "SELECT * FROM customers",
        "SELECT * FROM orders",
        "INSERT INTO orders VALUES (2, 'Eve', 1)",
        "DELETE FROM orders",
        "SELECT nextval('numbers')",
    ):
        await refused(connection, statement)
    await connection.close()
    await rig.backend.revoke(wanted, None)


async def test_names_with_quotes_spaces_and_umlauts_are_only_names(rig):
    rig.grant = {"tables": [{"table": 'odd "name" ü', "privileges": ["SELECT"], "columns": ['a "column" x']}]}
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    connection = await rig.connect(made.fields)
    assert await connection.fetch('SELECT "a ""column"" x" FROM "odd ""name"" ü"') == []
    await connection.close()
    await rig.backend.revoke(wanted, None)


@pytest.mark.parametrize(
    "name", ['orders" TO PUBLIC; DROP TABLE orders; --', "orders; DROP TABLE orders", "nothing"]
)
async def test_a_name_is_never_a_statement_and_nothing_is_left_of_what_fails(rig, name):
    rig.grant = {"tables": [{"table": name, "privileges": ["SELECT"]}]}
    with pytest.raises(ProviderFailed) as told:
        await rig.backend.issue(order(rig))
    assert told.value.reason == "42P01"
    assert await rig.roles() == set()
    assert await rig.ask_admin("SELECT count(*) FROM orders") == 1


async def test_membership_gives_what_the_group_has(rig):
    rig.grant = {"roles": ["readers"]}
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    connection = await rig.connect(made.fields)
    assert await connection.fetchval("SELECT count(*) FROM customers") == 1
    await connection.close()
    await rig.backend.revoke(wanted, None)


async def test_the_role_dies_by_itself_when_nobody_ends_it(rig):
    wanted = order(rig, seconds=-5)
    made = await rig.backend.issue(wanted)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await rig.connect(made.fields)
    await rig.backend.revoke(wanted, None)


async def test_ending_a_lease_cuts_its_open_connections_and_counts_them(rig):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    held = [await rig.connect(made.fields) for _ in range(3)]

    ended = await rig.backend.revoke(wanted, None)

    assert ended.severed == 3
    for connection in held:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await connection.fetchval("SELECT 1")


async def test_the_databases_log_names_the_lease_and_never_the_password(rig):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    connection = await rig.connect(made.fields)
    assert await connection.fetchval("SHOW application_name") == wanted.lease_id
    await connection.close()
    url = made.fields["url"].reveal().partition("?")[0]
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SHOW application_name") == wanted.lease_id
    await connection.close()
    await rig.backend.revoke(wanted, None)
    assert made.fields["password"].reveal() not in rig.server.log.read_text()


async def test_the_connection_limit_holds(rig):
    rig.grant = {**READ, "connection_limit": 1}
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    connection = await rig.connect(made.fields)
    with pytest.raises(asyncpg.TooManyConnectionsError):
        await rig.connect(made.fields)
    await connection.close()
    await rig.backend.revoke(wanted, None)


async def test_what_a_lease_made_survives_it_and_belongs_to_the_broker(rig):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    await rig.ask_admin("SELECT 1")
    admin = await asyncpg.connect(rig.server.url(database="shop"))
    await admin.execute(f"GRANT CREATE ON SCHEMA public TO {wanted.handle}")
    connection = await rig.connect(made.fields)
    await connection.execute("CREATE TABLE made_by_a_lease (id int)")
    await connection.close()

    await rig.backend.revoke(wanted, None)

    owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'made_by_a_lease'"
    assert await admin.fetchval(owner) == "broker"
    await admin.execute("DROP TABLE made_by_a_lease")
    await admin.close()


async def test_many_at_once_on_one_table_all_come_and_all_go(rig):
    wanted = [order(rig) for _ in range(24)]
    made = await asyncio.gather(*(rig.backend.issue(each) for each in wanted))
    assert all(await asyncio.gather(*(rig.works(each.fields) for each in made[:4])))
    await asyncio.gather(*(rig.backend.revoke(each, None) for each in wanted))
    assert await rig.roles() == set()


async def test_what_was_cut_off_in_the_middle_is_found_by_its_name(rig):
    """The connection dies between the statements of an issue: all of it happened or nothing, and both can be ended."""
    wanted = order(rig)
    issuing = asyncio.create_task(rig.backend.issue(wanted))
    await asyncio.sleep(0)
    issuing.cancel()
    await asyncio.wait([issuing])
    await rig.backend.revoke(wanted, None)
    assert await rig.roles() == set()


class Relay:
    """Stands between us and the server, and does what networks do."""

    def __init__(self, port):
        self.target = port
        self.stalled = asyncio.Event()
        self.writers = []

    async def start(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader, writer):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers += [writer, there_writer]
        await asyncio.gather(
            self._pump(reader, there_writer), self._pump(there_reader, writer), return_exceptions=True
        )

    async def _pump(self, reader, writer):
        while data := await reader.read(65_536):
            if b"CREATE ROLE" in data and self.stalled.is_set():
                for each in self.writers:
                    each.transport.abort()
                return
            writer.write(data)
            await writer.drain()

    def close(self):
        self.server.close()
        for writer in self.writers:
            writer.close()


async def test_a_connection_that_is_lost_in_the_middle_of_a_statement_says_that_nobody_knows(rig):
    relay = await Relay(rig.server.port).start()
    rig.provider = structs.replace(rig.provider, settings={**rig.provider.settings, "port": relay.port})
    relay.stalled.set()
    wanted = order(rig)
    with pytest.raises(ProviderUnreachable):
        await rig.backend.issue(wanted)
    relay.stalled.clear()
    await rig.backend.revoke(wanted, None)
    made = await rig.backend.issue(order(rig, lease_id=wanted.lease_id))
    assert made.fields["username"].reveal() == wanted.handle
    await rig.backend.revoke(wanted, None)
    relay.close()


async def test_a_server_that_is_not_there_is_unreachable(rig):
    rig.provider = structs.replace(rig.provider, settings={**rig.provider.settings, "port": free_port()})
    for verb in (
        rig.backend.issue(order(rig)),
        rig.backend.revoke(order(rig), None),
        rig.backend.renew(order(rig), None),
    ):
        with pytest.raises(ProviderUnreachable):
            await verb


async def test_a_wrong_password_is_a_refusal_and_a_new_one_works(rig):
    right = rig.secrets
    rig.secrets = {"password": Secret(b"wrong")}
    with pytest.raises(ProviderFailed) as told:
        await rig.backend.probe(rig.provider, rig.secrets)
    assert told.value.reason == "28P01"
    await rig.backend.probe(rig.provider, right)


async def test_a_probe_says_when_the_broker_may_not_make_roles(rig):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    settings = {**rig.provider.settings, "user": wanted.handle}
    with pytest.raises(ProviderFailed) as told:
        await rig.backend.probe(
            structs.replace(rig.provider, settings=settings),
            {"password": Secret(made.fields["password"].reveal().encode())},
        )
    assert told.value.reason == "no-createrole"
    await rig.backend.revoke(wanted, None)


async def test_renewing_what_is_gone_is_refused(rig):
    with pytest.raises(ProviderFailed) as told:
        await rig.backend.renew(order(rig), None)
    assert told.value.reason == "42704"


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {"tables": []},
        {"tables": [{"table": "orders", "privileges": []}]},
        {"tables": [{"table": "orders", "privileges": ["ALL"]}]},
        {"tables": [{"table": "orders", "privileges": ["SELECT; DROP TABLE orders"]}]},
        {"tables": [{"table": "orders", "privileges": ["DELETE"], "columns": ["id"]}]},
        {"tables": [{"table": "", "privileges": ["SELECT"]}]},
        {"tables": [{"table": "a\x00b", "privileges": ["SELECT"]}]},
        {"tables": [{"table": "x" * 64, "privileges": ["SELECT"]}]},
        {"tables": [{"table": "orders", "privileges": ["SELECT"], "columns": [""]}]},
        {"tables": "orders"},
        {"roles": ["a\x00"]},
        {"roles": ["r"] * 65},
        {"roles": ["readers"], "connection_limit": 0},
        {"roles": ["readers"], "surprise": 1},
    ],
)
def test_a_grant_that_is_none_is_refused(grant):
    backend = PostgresBackend(PostgresAdmin(system_entropy), system_entropy)
    with pytest.raises(MalformedCredential):
        backend.check_credential(Provider("p", "postgresql"), Credential("c", "p", grant))


@pytest.mark.parametrize(
    "change",
    [
        {"host": ""},
        {"host": "a\x00"},
        {"port": 0},
        {"port": 70_000},
        {"tls": "maybe"},
        {"user": ""},
        {"colour": 1},
        {"port": "x"},
    ],
)
def test_a_provider_that_is_none_is_refused(change):
    backend = PostgresBackend(PostgresAdmin(system_entropy), system_entropy)
    settings = {"host": "db", "database": "shop", "user": "broker"} | change
    with pytest.raises(MalformedProvider):
        backend.check_provider(Provider("p", "postgresql", settings, {"password": "x"}))
    with pytest.raises(MalformedProvider):
        backend.check_provider(Provider("p", "postgresql", {"host": "db", "database": "s", "user": "u"}, {}))
