# SPDX-License-Identifier: Apache-2.0
"""Memory of the whole authority, idle and with 100,000 agents; and how soon it answers after a start."""

import gc
import time
from pathlib import Path

from bench.authority import add_agents, prepare, serving
from bench.figures import Part, Sample, Target, interleaved, median
from bench.processes import memory
from bench.warrants import tokens_for

AGENTS = 100_000


def measure(work: Path, rounds: int) -> Part:
    """Measure with no agents and with many, over two stores."""
    few, many = work / "few", work / "many"
    ports = {few: prepare(few, "http://127.0.0.1:9"), many: prepare(many, "http://127.0.0.1:9")}
    agents = {few: add_agents(few, 1), many: add_agents(many, AGENTS)}
    one = agents[many].with_name("one.jsonl")
    one.write_text(agents[many].read_text(encoding="utf-8").partition("\n")[0] + "\n", encoding="utf-8")

    def start(data: Path, names: Path) -> Sample:
        gc.collect()
        begin = time.perf_counter()
        with serving(data, workers=1, core=None, ports=ports[data]) as authority:
            tokens_for(authority, names, 1)
            first = time.perf_counter() - begin
            found = memory(authority.process)
        return {
            "rss_mb": found["rss_bytes"] / 1e6,
            "pss_mb": found["pss_bytes"] / 1e6,
            "processes": float(found["processes"]),
            "first_token_s": first,
        }

    found = interleaved(
        rounds, {"idle": lambda: start(few, agents[few]), "100,000 agents": lambda: start(many, one)}
    )
    idle = median(found, "idle", "rss_mb")
    targets = [
        Target("idle memory of the whole authority, MB", idle, 150, at_least=False),
        Target("memory that 100,000 agents add, MB", median(found, "100,000 agents", "rss_mb") - idle, 200, at_least=False),
        Target("first token after start with 100,000 agents, s", median(found, "100,000 agents", "first_token_s"), 3, at_least=False),
    ]  # fmt: skip
    notes = ("rss: resident memory, summed over all processes, so shared pages count once for each.",)
    return Part("footprint", "Memory and start", found, targets, notes)
