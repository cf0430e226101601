# SPDX-License-Identifier: Apache-2.0
"""`python -m bench [part ...]`: measures, and writes bench/results: latest.json and latest.md, or files named after the parts."""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    approvals,
    credentials,
    figures,
    footprint,
    forward,
    gateway,
    golang,
    oauth,
    policy,
    tokens,
    verifier,
)
from bench.figures import Part
from bench.processes import Missing


def main() -> int:
    """Run the parts that were asked for; return 1 when one could not be measured."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        help="tokens, oauth, credentials, verifier, gateway, forward, approvals, policy, log, footprint; all without any",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement under load")
    parser.add_argument("--entries", type=int, default=10_000_000, help="size of the log to build")
    parser.add_argument("--calls", type=int, default=policy.CALLS, help="size of the history to replay")
    chosen = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        return _run(chosen, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(chosen: argparse.Namespace, work: Path) -> int:
    asked: list[str] = chosen.parts
    parts = _parts(work, chosen)
    done: list[Part] = []
    missing: dict[str, str] = {}
    for name in asked or parts:
        print(f"{name}:", flush=True)
        try:
            done.append(parts[name]())
        except Missing as why:
            missing[name] = str(why)
            print(f"  not measured: {why}")
    page = figures.write(done, missing, figures.machine(), whole=not asked and not missing)
    print(page.read_text(encoding="utf-8"))
    return bool(missing)


def _parts(work: Path, chosen: argparse.Namespace) -> dict[str, Callable[[], Part]]:
    rounds: int = chosen.rounds
    seconds: float = chosen.seconds
    entries: int = chosen.entries
    return {
        "tokens": lambda: tokens.measure(work, golang.build(work), rounds, seconds),
        "oauth": lambda: oauth.measure(work, golang.build(work), rounds, seconds),
        "credentials": lambda: credentials.measure(work, rounds),
        "verifier": lambda: verifier.measure(work, rounds),
        "gateway": lambda: gateway.measure(work, golang.build(work), rounds, seconds),
        "forward": lambda: forward.measure(work, golang.build(work), rounds, seconds),
        "approvals": lambda: approvals.measure(work, rounds),
        "policy": lambda: policy.measure(work, chosen.calls, rounds),
        "log": lambda: _log(work, entries, rounds),
        "footprint": lambda: footprint.measure(work, rounds),
    }


def _log(work: Path, entries: int, rounds: int) -> Part:
    from bench import log  # noqa: PLC0415 -- builds millions of entries only when asked

    return log.measure(work, entries, rounds)


if __name__ == "__main__":
    raise SystemExit(main())
