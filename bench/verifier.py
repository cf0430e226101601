# SPDX-License-Identifier: Apache-2.0
"""`smartagent.sdk.Verifier`: a token never seen, a token seen before, and OpenSSL's own rate beside it."""

import asyncio
import re
import subprocess
import time
from pathlib import Path

from bench.authority import Authority, add_agents, prepare, serving
from bench.figures import Part, Sample, Target, interleaved, median, ratio
from bench.processes import pinned, program
from bench.warrants import tokens_for

TOKENS = 4000
SEEN = 500_000


def measure(work: Path, rounds: int) -> Part:
    """Measure verification against `openssl speed`, in the same rounds."""
    data = work / "verifier"
    ports = prepare(data, "http://127.0.0.1:9")
    agents = add_agents(data, 50)
    with serving(data, workers=1, core=None, ports=ports) as authority:
        tokens = tokens_for(authority, agents, TOKENS)
        found = interleaved(
            rounds,
            {
                "openssl speed ed25519": _openssl,
                "Verifier, token never seen": lambda: asyncio.run(_fresh(authority, tokens)),
                "verify(), token seen before": lambda: asyncio.run(_seen(authority, tokens[0])),
                "verify_cached(), token seen before": lambda: asyncio.run(_cached(authority, tokens[0])),
            },
        )
    targets = [
        Target(
            "Verifier uncached, against openssl speed",
            ratio(
                found, ("Verifier, token never seen", "per_second"), ("openssl speed ed25519", "per_second")
            ),
            1.3,
            at_least=True,
        ),
        *(
            Target(f"{call}, a second", median(found, call, "per_second"), 1_000_000, at_least=True)
            for call in ("verify(), token seen before", "verify_cached(), token seen before")
        ),
    ]
    return Part("verifier", "Verifying a token", found, targets)


def _openssl() -> Sample:
    command = [program("openssl"), "speed", "-seconds", "1", "ed25519"]
    text = subprocess.run(pinned(command, None), capture_output=True, text=True, check=True).stdout
    found = re.search(r"Ed25519.*?([\d.]+)\s*$", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(text[-500:])
    return _rate(int(float(found.group(1))), 1)


async def _fresh(authority: Authority, tokens: list[str]) -> Sample:
    from smartagent.sdk import Verifier  # noqa: PLC0415 -- the other parts run without the SDK

    verifier = Verifier(authority.issuer, authority.gateway)
    await verifier.verify(tokens[0])
    start = time.perf_counter()
    for token in tokens[1:]:
        await verifier.verify(token)
    return _rate(len(tokens) - 1, time.perf_counter() - start)


async def _seen(authority: Authority, token: str) -> Sample:
    from smartagent.sdk import Verifier  # noqa: PLC0415 -- the other parts run without the SDK

    verifier = Verifier(authority.issuer, authority.gateway)
    await verifier.verify(token)
    start = time.perf_counter()
    for _ in range(SEEN):
        await verifier.verify(token)
    return _rate(SEEN, time.perf_counter() - start)


async def _cached(authority: Authority, token: str) -> Sample:
    from smartagent.sdk import Verifier  # noqa: PLC0415 -- the other parts run without the SDK

    verifier = Verifier(authority.issuer, authority.gateway)
    await verifier.verify(token)
    start = time.perf_counter()
    for _ in range(SEEN):
        verifier.verify_cached(token)
    return _rate(SEEN, time.perf_counter() - start)


def _rate(count: int, seconds: float) -> Sample:
    return {"per_second": count / seconds, "us": seconds / count * 1e6}
