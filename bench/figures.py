# SPDX-License-Identifier: Apache-2.0
"""Medians of interleaved rounds, and the tables that are made of them.

Rounds go A B C, A B C, A B C: whatever disturbs the machine for a minute disturbs all alike,
and a ratio is taken within a round before the median is.
"""

import datetime as dt
import json
import os
import platform
import shutil
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

Sample = dict[str, float]
Rounds = dict[str, list[Sample]]
RESULTS = Path(__file__).parent / "results"
PUBLISHED = Path(__file__).parents[1] / "docs" / "reference" / "bench.md"


class Target(NamedTuple):
    """A figure that was asked for: at least, or at most, `bound`."""

    what: str
    measured: float
    bound: float
    at_least: bool

    @property
    def held(self) -> bool:
        """Whether the figure is what was asked for."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


class Part(NamedTuple):
    """What one measurement came to: raw samples, the targets, and notes."""

    name: str
    title: str
    rounds: Rounds
    targets: Sequence[Target]
    notes: Sequence[str] = ()


def interleaved(count: int, subjects: Mapping[str, Callable[[], Sample]]) -> Rounds:
    """Measure every subject once a round, `count` rounds."""
    rounds: Rounds = {name: [] for name in subjects}
    for number in range(count):
        for name, measure in subjects.items():
            sample = measure()
            rounds[name].append(sample)
            shown = " ".join(f"{key}={value:.4g}" for key, value in sample.items())
            print(f"  round {number + 1} {name}: {shown}", flush=True)
    return rounds


def median(rounds: Rounds, subject: str, key: str) -> float:
    """Return the median of `key` over a subject's rounds."""
    return statistics.median(sample[key] for sample in rounds[subject])


def ratio(rounds: Rounds, above: tuple[str, str], below: tuple[str, str]) -> float:
    """Return the median of the ratios of two (subject, key), each taken within a round."""
    pairs = zip(rounds[above[0]], rounds[below[0]], strict=True)
    return statistics.median(a[above[1]] / b[below[1]] for a, b in pairs)


def machine() -> dict[str, str]:
    """Describe the machine, without its name."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    openssl = subprocess.run(
        ["openssl", "version"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "cpu": model,
        "cores": str(os.cpu_count()),
        "memory_gib": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": openssl,
    }


def write(
    parts: Sequence[Part], missing: Mapping[str, str], about: Mapping[str, str], *, whole: bool
) -> Path:
    """Write raw numbers as JSON and the tables as Markdown; return the Markdown's path.

    A whole run is the latest, and goes into the documents too; another is named after its parts.
    """
    name = "latest" if whole else "-".join(part.name for part in parts) or "nothing"
    RESULTS.mkdir(parents=True, exist_ok=True)
    raw = {
        "machine": dict(about),
        "missing": dict(missing),
        "parts": {
            part.name: {
                "rounds": part.rounds,
                "targets": [{**target._asdict(), "held": target.held} for target in part.targets],
                "notes": list(part.notes),
            }
            for part in parts
        },
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    page = RESULTS / f"{name}.md"
    page.write_text(_markdown(parts, missing, about), encoding="utf-8")
    if whole:
        shutil.copy(page, PUBLISHED)
    return page


def _markdown(parts: Sequence[Part], missing: Mapping[str, str], about: Mapping[str, str]) -> str:
    lines = ["# Measurements", "", ", ".join(f"{key} {value}" for key, value in about.items()) + ".", ""]
    lines += ["| asked for | measured | target | held |", "|---|--:|--:|---|"]
    for part in parts:
        for target in part.targets:
            sign = ">=" if target.at_least else "<="
            held = "yes" if target.held else "**no**"
            lines.append(f"| {target.what} | {target.measured:.4g} | {sign} {target.bound:g} | {held} |")
    for part in parts:
        lines += ["", f"## {part.title}", ""]
        lines += [*_table(part.rounds), ""]
        lines += [f"- {note}" for note in part.notes]
    if missing:
        lines += ["", "## Not measured", "", *(f"- {name}: {why}" for name, why in missing.items())]
    return "\n".join(lines).rstrip() + "\n"


def _table(rounds: Rounds) -> list[str]:
    keys = list(dict.fromkeys(key for samples in rounds.values() for sample in samples for key in sample))
    lines = [f"| median | {' | '.join(key.replace('_', ' ') for key in keys)} | rounds |"]
    lines.append("|---|" + "--:|" * (len(keys) + 1))
    for subject, samples in rounds.items():
        cells = [
            f"{statistics.median(s[key] for s in samples if key in s):.4g}"
            if any(key in s for s in samples)
            else ""
            for key in keys
        ]
        lines.append(f"| {subject} | {' | '.join(cells)} | {len(samples)} |")
    return lines
