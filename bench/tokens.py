# SPDX-License-Identifier: Apache-2.0
"""Token issuance: assertion verified, policy decided, token signed, recorded durably; then answered.

Beside it, in the same rounds: what libsodium alone could verify and sign on one core, and a Go
stand-in that does the same work with net/http and SQLite.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nacl.bindings

from bench.authority import add_agents, prepare, serving
from bench.figures import Part, Sample, Target, interleaved, ratio
from bench.processes import (
    LOAD_CORE,
    SERVER_CORE,
    Running,
    await_port,
    free_port,
    loaded,
    running,
)

AGENTS = 1000
POOL_PER_SECOND = 30_000


def measure(work: Path, go: dict[str, str], rounds: int, seconds: float) -> Part:
    """Measure at 64 and 256 connections, on one core and on two."""
    data = work / "tokens"
    ports = prepare(data, "http://127.0.0.1:9")
    agents = add_agents(data, AGENTS)

    def ours(connections: int, core: int | None, workers: int) -> Sample:
        with serving(data, workers=workers, core=core, ports=ports) as authority:
            return _load(
                go["load"], authority.issuer, agents, authority.process, (connections, core, seconds)
            )

    def theirs(connections: int, core: int | None, batch: str) -> Sample:
        port = free_port()
        issuer = f"http://127.0.0.1:{port}"
        store = work / f"go-{port}.db"
        command = [go["token"], "-listen", f"127.0.0.1:{port}", "-agents", str(agents)]
        command += ["-db", str(store), "-issuer", issuer, "-batch", batch]
        limit = {"GOMAXPROCS": "1"} if core is not None else {}
        log = work / "go-token.out"
        with running(command, core=core, environ=limit, log=log) as process:
            await_port(port, process, log)
            return _load(go["load"], issuer, agents, process, (connections, core, seconds))

    found = interleaved(rounds, _subjects(ours, theirs))
    return Part("tokens", "Token issuance", found, _targets(found), NOTES)


def _subjects(
    ours: Callable[[int, int | None, int], Sample], theirs: Callable[[int, int | None, str], Sample]
) -> dict[str, Callable[[], Sample]]:
    subjects: dict[str, Callable[[], Sample]] = {"libsodium alone, one core": _ceiling}
    for connections in (64, 256):
        for core, where, workers in ((SERVER_CORE, "one core", 1), (None, "two cores", 2)):
            label = f"{connections} connections, {where}"
            subjects[f"SmartAgent, {label}"] = partial(ours, connections, core, workers)
            for batch in ("rows", "blob"):
                subjects[f"Go ({batch}), {label}"] = partial(theirs, connections, core, batch)
    return subjects


NOTES = (
    "cpu us: CPU time of the server's whole process tree, the writer included, for each request.",
    "Every assertion is unique and signed before the clock starts; the load generator is in Go.",
    "Go (rows): a row and a unique jti for each record. Go (blob): one row for each transaction.",
    "On two cores the load generator shares them.",
)


def _targets(found: dict[str, list[Sample]]) -> list[Target]:
    ceiling = ("libsodium alone, one core", "cpu_us")
    targets = [
        Target(
            "token issuance at 64 connections, share of libsodium alone",
            ratio(found, ceiling, ("SmartAgent, 64 connections, one core", "cpu_us")),
            0.5,
            at_least=True,
        )
    ]
    for connections in (64, 256):
        label = f"{connections} connections, two cores"
        targets += [
            Target(
                f"token issuance at {label}, against Go ({batch})",
                ratio(
                    found, (f"SmartAgent, {label}", "per_second"), (f"Go ({batch}), {label}", "per_second")
                ),
                1.0,
                at_least=True,
            )
            for batch in ("rows", "blob")
        ]
    return targets


def _load(
    generator: str, issuer: str, agents: Path, process: Running, how: tuple[int, int | None, float]
) -> Sample:
    connections, core, seconds = how
    pool = int(POOL_PER_SECOND * (seconds + 1))
    command = [
        generator,
        "tokens",
        "-url",
        f"{issuer}/oauth/token",
        "-audience",
        issuer,
        "-agents",
        str(agents),
    ]
    command += ["-connections", str(connections), "-seconds", str(seconds), "-pool", str(pool)]
    return loaded(command, process, None if core is None else LOAD_CORE)


def _ceiling() -> Sample:
    """Verify an assertion of 320 bytes and sign a token of 560, with nothing around it, on one core."""
    public, secret = nacl.bindings.crypto_sign_seed_keypair(os.urandom(32))
    signed = nacl.bindings.crypto_sign(os.urandom(320), secret)
    token = os.urandom(560)
    count = 0
    before, start = time.process_time(), time.perf_counter()
    while time.perf_counter() - start < 1:
        for _ in range(200):
            nacl.bindings.crypto_sign_open(signed, public)
            nacl.bindings.crypto_sign(token, secret)
        count += 200
    return {
        "cpu_us": (time.process_time() - before) / count * 1e6,
        "per_second": count / (time.perf_counter() - start),
    }
