# SPDX-License-Identifier: Apache-2.0
"""What a job that follows the log can rely on, on each engine."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from smartagent.crypto import SystemClock
from smartagent.kernel import Record
from smartagent.storage import LogSession, PostgresStore, SqliteStore, run_writer
from tests.stores.sites import PostgresSite, until
from tests.stores.works import plain

COUNT = "SELECT holder, until FROM lease WHERE name = :name"
NOTE = "INSERT INTO lease (name, holder, until) VALUES (:name, :holder, :until)"
MOVE = "UPDATE lease SET until = :until WHERE name = :name AND until = :before"


class Follower:
    """Copies the log, three leaves a step, and keeps how far it came in a table."""

    def __init__(self, failures: int = 0) -> None:
        self.seen: list[str] = []
        self.failures = failures
        self.ended: list[bool] = []

    async def step(self, session: LogSession) -> bool:
        rows = await session.fetch(COUNT, {"name": "follower"})
        if not rows:
            await session.execute_many(NOTE, [{"name": "follower", "holder": "", "until": 0}])
        done = rows[0][1] if rows else 0
        leaves = await session.leaves(done, 3)
        names = [Record.decode(leaf).request for leaf in leaves]
        moved = await session.execute(MOVE, {"name": "follower", "until": done + len(leaves), "before": done})
        assert moved == 1
        if names and self.failures:
            self.failures -= 1
            raise ValueError("a step fails, and nothing of it happened")
        self.seen += names
        return await session.size() > done + len(leaves)


@contextlib.asynccontextmanager
async def sqlite_node(path: Path, job: Follower):
    ready = asyncio.Event()
    writer = asyncio.ensure_future(run_writer(path, clock=SystemClock(), jobs=[job], ready=ready.set))
    await asyncio.wait([writer, asyncio.ensure_future(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
    node = SqliteStore(path)
    await node.start()
    yield node
    await node.close()
    writer.cancel()
    await asyncio.wait([writer])


@contextlib.asynccontextmanager
async def postgres_node(url: str, job: Follower):
    node = PostgresStore(url, clock=SystemClock(), jobs=[job])
    await node.start()
    yield node
    await node.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def node_with(request: pytest.FixtureRequest):
    if request.param == "sqlite":
        path = request.getfixturevalue("sqlite_path")
        return lambda job: sqlite_node(path, job)
    site = request.getfixturevalue("postgres_site")
    return lambda job: postgres_node(site.url, job)


async def test_a_job_sees_every_leaf_once_and_in_order(node_with):
    job = Follower()
    async with node_with(job) as node:
        for start in range(0, 40, 8):
            await asyncio.gather(*[node.ledger.commit(plain(f"r{start + number}")) for number in range(8)])
        await until(lambda: len(job.seen) == 40)
    assert sorted(job.seen) == sorted(f"r{number}" for number in range(40))


async def test_a_step_that_fails_is_tried_again_and_the_store_goes_on(node_with):
    job = Follower(failures=1)
    async with node_with(job) as node:
        await node.ledger.commit(plain("a"))
        await node.ledger.commit(plain("b"))
        await until(lambda: job.seen == ["a", "b"])


async def test_a_step_that_waits_for_something_else_is_refused_by_the_writer(sqlite_path: Path):
    class Sleeper:
        tried = 0

        async def step(self, session: LogSession) -> bool:
            self.tried += 1
            await asyncio.sleep(0)
            return False

    job = Sleeper()
    async with sqlite_node(sqlite_path, job) as node:
        await until(lambda: job.tried == 1)
        assert (await node.ledger.commit(plain("a"))).index == 0


@pytest.mark.postgres
async def test_only_one_node_follows_the_log_and_another_takes_over_when_it_is_gone(
    postgres_site: PostgresSite,
):
    jobs = [Follower(), Follower()]
    async with postgres_node(postgres_site.url, jobs[0]) as one:
        await one.ledger.commit(plain("a"))
        await until(lambda: jobs[0].seen == ["a"])
        async with postgres_node(postgres_site.url, jobs[1]) as other:
            await other.ledger.commit(plain("b"))
            await until(lambda: jobs[0].seen == ["a", "b"])
            await one.lease("log-jobs").release()
            await one.close()
            await other.ledger.commit(plain("c"))
            await until(lambda: jobs[1].seen == ["c"], seconds=10)


@pytest.mark.postgres
async def test_a_lease_has_one_holder_until_it_ends(postgres_site: PostgresSite):
    one, other = await postgres_site.node(), await postgres_site.node()
    assert await one.lease("sweep").acquire()
    assert not await other.lease("sweep").acquire()
    assert await one.lease("sweep").acquire()
    await other.lease("sweep").release()
    assert not await other.lease("sweep").acquire()
    await one.lease("sweep").release()
    assert await other.lease("sweep", ttl_seconds=-2).acquire()
    assert await one.lease("sweep").acquire()
