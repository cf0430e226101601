# SPDX-License-Identifier: Apache-2.0
"""What a call that waits for people costs, in memory and on disk: with the largest card, and held with its connection."""

import contextlib
import http.client
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from bench.authority import ROLE, Authority, Operator, add_agents, ask, serving
from bench.figures import Part, Sample, Target, interleaved, median
from bench.processes import free_port, memory, tail
from bench.warrants import tokens_for

AGENTS = 25
EACH = 16
ASKS = """
[[allow]]
scope = "bench:pay"
upstream = "bench"
methods = ["POST"]
paths = ["/pay/**"]
ask = "four-eyes"
"""
LARGEST = json.dumps({f"member{number}": "x" * 200 for number in range(200)}).encode()
USUAL = json.dumps({"amount": 1200, "currency": "EUR", "to": "Eve", "note": "y" * 1500}).encode()


def measure(work: Path, rounds: int) -> Part:
    """File as many as a few agents may, each time in a new store."""
    count = iter(range(1_000_000))
    found = interleaved(
        rounds,
        {
            "largest card": lambda: _cost(work / f"approvals-{next(count)}", LARGEST, held=False),
            "held call": lambda: _cost(work / f"approvals-{next(count)}", USUAL, held=True),
        },
    )
    targets = [
        Target(f"a pending approval, {name}, kB", median(found, name, "kb"), 20, at_least=False)
        for name in found
    ]
    notes = (
        f"Of {AGENTS * EACH} that wait at once: what the processes' resident memory and the store grow by, the log's records included.",
        "A held call's connection and body are in it.",
    )
    return Part("approvals", "Approvals that wait", found, targets, notes)


def _cost(data: Path, body: bytes, *, held: bool) -> Sample:
    ports = free_port(), free_port()
    with serving(data, workers=1, core=None, ports=ports) as authority:
        operator = Operator(authority)
        entry = {"base_url": "http://127.0.0.1:9", "allow_private": True}
        operator.call("PUT", "/v1/upstreams/bench", entry).json()
        operator.call("PUT", "/v1/roles/bench", {"role_file": ROLE + ASKS}).json()
    names = add_agents(data, AGENTS + 1)
    with serving(data, workers=1, core=None, ports=ports) as authority, contextlib.ExitStack() as open_calls:
        tokens = tokens_for(authority, names, AGENTS + 1)
        # The first calls fill caches that no later one fills again.
        _file(authority, tokens[AGENTS:], body)
        before, disk_before = memory(authority.process)["rss_bytes"], _disk(data)
        if held:
            for token in tokens[:AGENTS]:
                for number in range(EACH):
                    open_calls.enter_context(_held(authority, token, f"/bench/pay/{number}", body))
            _await_filed(data, (AGENTS + 1) * EACH)
        else:
            _file(authority, tokens[:AGENTS], body)
        ram = memory(authority.process)["rss_bytes"] - before
        disk = _disk(data) - disk_before
    each = AGENTS * EACH * 1000
    return {"kb": (ram + disk) / each, "memory_kb": ram / each, "disk_kb": disk / each}


def _file(authority: Authority, tokens: list[str], body: bytes) -> None:
    for token in tokens:
        for number in range(EACH):
            answer = ask(
                authority.gateway, "POST", f"/bench/pay/{number}", body, _fields(token, "respond-async")
            )
            if answer.status != 202:
                raise RuntimeError(f"{answer.status}: {answer.body[:300]!r}")


@contextlib.contextmanager
def _held(authority: Authority, token: str, path: str, body: bytes) -> Iterator[None]:
    connection = http.client.HTTPConnection(authority.gateway.removeprefix("http://"), timeout=60)
    connection.request("POST", path, body, _fields(token, "wait=60"))
    try:
        yield
    finally:
        connection.close()


def _await_filed(data: Path, count: int) -> None:
    until = time.monotonic() + 60
    while _ask_store(data, "SELECT count(*) FROM approvals") < count:
        if time.monotonic() > until:
            raise RuntimeError(f"not all were filed: {tail(data / 'serve.out')}")
        time.sleep(0.05)


def _fields(token: str, preference: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "prefer": preference,
    }


def _disk(data: Path) -> int:
    return _ask_store(data, "PRAGMA page_count") * _ask_store(data, "PRAGMA page_size")


def _ask_store(data: Path, question: str) -> int:
    with contextlib.closing(sqlite3.connect(data / "smartagent.db")) as store:
        return int(store.execute(question).fetchone()[0])
