# SPDX-License-Identifier: Apache-2.0
"""Policies: how long a decision takes in a large house, and a replay of a draft over a long log.

The log of the replay is generated: for each call its intent and its outcome, as the gateway writes them, by a
thousand agents of fifty roles, most calls to a path of their own.  It is replayed as `smartagentctl policy
replay` does, page by page, in one process; reading, deciding, grouping and encoding are all in it.
"""

import asyncio
import contextlib
import os
import random
import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from bench.figures import Part, Rounds, Sample, Target, interleaved, median
from smartagent.audit import LogReader
from smartagent.audit import store as audit_store
from smartagent.crypto import SystemClock
from smartagent.edge import Inbound
from smartagent.insight import Insight, Means, ReplayPage, Tally
from smartagent.kernel import Caller, CallerKind
from smartagent.policy import Book, Call, drafted, no_rules
from smartagent.storage.schema import head, log_segment
from smartagent.storage.sqlite_reader import SqliteDatabase

CALLS: Final = 1_000_000
ROLES: Final = 50
AGENTS: Final = 1000
REPLAY_SECONDS: Final = 300.0
UNCACHED_US: Final = 100.0
CACHED_US: Final = 5.0
HOUSE_ROLES: Final = 250
HOUSE_POLICIES: Final = 500
HOUSE_AGENTS: Final = 10_000
UPSTREAMS: Final = 50
DECISIONS: Final = 20_000
BATCH: Final = 64
OPERATOR: Final = Caller("opr_1", CallerKind.OPERATOR)
_ROLE: Final = """\
name = "role-%d"
[[allow]]
scope = "orders:read"
upstream = "orders"
methods = ["GET"]
paths = ["/v1/orders/**", "/v1/customers/*"]
[[allow]]
scope = "orders:write"
upstream = "orders"
methods = ["POST", "PATCH"]
paths = ["/v1/orders", "/v1/orders/*"]
[[allow]]
scope = "mail:send"
upstream = "mail"
methods = ["POST"]
paths = ["/send"]
[[allow]]
scope = "tickets:read"
upstream = "tickets"
methods = ["GET"]
paths = ["/rest/issues/*", "/rest/search"]
"""
_HOUSE_ROLE: Final = """\
name = "role-%d"
[[allow]]
scope = "read"
upstream = "up-%d"
methods = ["GET"]
paths = ["/v1/orders/**", "/v1/customers/*"]
[[allow]]
scope = "write"
upstream = "up-%d"
methods = ["POST", "PATCH"]
paths = ["/v1/orders", "/v1/orders/*"]
"""
_HOUSE_POLICY: Final = (
    'forbid(principal, action, resource == Upstream::"up-%d") when { context.path == "/closed/%d" };'
)
_CALL: Final = (
    '{"event":"gateway.call","at_ms":1800000%06d,"request":"req_%026d","caller":"agt_%026d",'
    '"session":"ses_%026d","jti":"aat_%026d","subject":"orders","permission":"upstream.call",'
    '"target":"GET /orders/v1/orders/%d","decision":"permit","rule":"role/role-%d/1",'
    '"detail":{"role":"role-%d","scope":"mail:send orders:read orders:write tickets:read","ip":"10.0.0.1"}}'
)
_DONE: Final = (
    '{"event":"gateway.done","at_ms":1800000%06d,"request":"req_%026d","caller":"agt_%026d",'
    '"session":"ses_%026d","jti":"aat_%026d","subject":"orders","permission":"upstream.call",'
    '"target":"GET /orders/v1/orders/%d","outcome":"200","detail":{"received":120,"sent":2048,"ms":12}}'
)


def measure(work: Path, calls: int, rounds: int) -> Part:
    """Measure as a part of the bench."""
    path = work / "replay.db"
    _write_log(path, calls)
    sample = asyncio.run(_replay(path))
    path.unlink()
    shown = " ".join(f"{key}={value:.4g}" for key, value in sample.items())
    print(f"  replay: {shown}", flush=True)
    found: Rounds = {f"replay of {calls:,} calls": [sample]}
    found |= interleaved(rounds, {"decisions": _decisions})
    targets = [
        Target("uncached decision, 1,000 policies and 10,000 agents, median, us",
               median(found, "decisions", "uncached_us"), UNCACHED_US, at_least=False),
        Target("cached decision, median, us",
               median(found, "decisions", "cached_us"), CACHED_US, at_least=False),
        Target("replay of a draft over 1,000,000 recorded calls, s", sample["seconds"] * CALLS / calls,
               REPLAY_SECONDS, at_least=False),
    ]  # fmt: skip
    notes = (
        "replay: the log has two entries a call; one process, one core",
        "decisions: 250 roles of two rules and 500 policies for every role, about 50 upstreams; random agents, every path new",
    )
    return Part("policy", "Policies", found, targets, notes)


def _write_log(path: Path, calls: int) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        for table in (log_segment, head, audit_store.log_checkpoint):
            connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO log_segment VALUES (?, ?, ?, ?, ?, ?)", _segments(calls))
        connection.execute('INSERT INTO head (id, "next", version) VALUES (1, ?, 0)', (2 * calls,))
        connection.execute("INSERT INTO log_checkpoint VALUES (?, ?, 'signed', 0)", (2 * calls, b""))
        connection.execute("COMMIT")


def _segments(calls: int) -> Iterator[tuple[int, int, bytes, bytes, int, int]]:
    for first in range(0, calls, BATCH):
        leaves: list[bytes] = []
        for n in range(first, min(first + BATCH, calls)):
            agent = n * 7919 % AGENTS
            who = (n // 1000, n, agent, n // 50, n // 50)
            leaves.append((_CALL % (*who, n, agent % ROLES, agent % ROLES)).encode())
            leaves.append((_DONE % (*who, n)).encode())
        entries = b"".join([len(leaf).to_bytes(2) + leaf for leaf in leaves])
        yield first * 2, len(leaves), entries, b"", 0, 0


async def _replay(path: Path) -> Sample:
    database = SqliteDatabase(path)
    book = _house()
    insight = Insight(Means(book, LogReader(database, SystemClock()), lambda _agent: None))
    tally, decided, cursor = Tally(), 0, 0
    slowest = 0.0
    draft = [(_ROLE % number).replace("/v1/orders/**", "/v1/orders/7") for number in range(0, ROLES, 10)]
    start, cpu = time.perf_counter(), time.process_time()
    while True:
        began = time.perf_counter()
        body = msgspec.json.encode({"roles": draft, "cursor": cursor})
        outcome = await insight.replay(OPERATOR, Inbound("req_1", "POST", "/", body=body))
        page = msgspec.json.decode(msgspec.json.encode(outcome.reply.body), type=ReplayPage)
        tally.add(page.shifts)
        decided, cursor = decided + page.decided, page.next
        slowest = max(slowest, time.perf_counter() - began)
        if not cursor:
            break
    seconds = time.perf_counter() - start
    sample = {
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "us_per_call": seconds / decided * 1e6,
        "slowest_page_ms": slowest * 1e3,
        "groups": float(len(tally.shifts())),
        "resident_mb": _resident() / 1e6,
    }
    database.close()
    return sample


def _house() -> Book:
    return drafted(no_rules(), [_ROLE % number for number in range(ROLES)], {})


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _decisions() -> Sample:
    """Decide calls of random agents of a large house, each call twice: the second time it is remembered."""
    book = drafted(
        no_rules(),
        [_HOUSE_ROLE % (n, n % UPSTREAMS, (n + 1) % UPSTREAMS) for n in range(HOUSE_ROLES)],
        {f"closed-{n}": _HOUSE_POLICY % (n % UPSTREAMS, n) for n in range(HOUSE_POLICIES)},
    )
    held = frozenset({"read", "write"})
    agents = [
        Caller(
            f"agt_{n}", CallerKind.AGENT, role=f"role-{n % HOUSE_ROLES}", scopes=held, client_ip="10.0.0.1"
        )
        for n in range(HOUSE_AGENTS)
    ]
    began = time.perf_counter()
    for n in range(HOUSE_ROLES):
        book.decide_call(agents[n], Call(f"up-{n % UPSTREAMS}", "GET", "/v1/orders/0"))
    opening = time.perf_counter() - began
    chance = random.Random(1)  # noqa: S311 -- the same calls in every run
    first: list[float] = []
    again: list[float] = []
    for n in range(DECISIONS):
        number = chance.randrange(HOUSE_AGENTS)
        call = Call(f"up-{number % UPSTREAMS}", "GET", f"/v1/orders/{n}")
        for times in (first, again):
            start = time.perf_counter()
            book.decide_call(agents[number], call)
            times.append(time.perf_counter() - start)
    return {
        "uncached_us": statistics.median(first) * 1e6,
        "uncached_p99_us": sorted(first)[DECISIONS * 99 // 100] * 1e6,
        "cached_us": statistics.median(again) * 1e6,
        "opening_a_role_ms": opening / HOUSE_ROLES * 1e3,
    }
