# SPDX-License-Identifier: Apache-2.0
"""Every parser that meets a stranger's bytes is fuzzed for a bounded number of runs, from the same seeds each time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
RUNS = {"connect": 30_000, "greeting": 30_000, "request_head": 25_000, "response_head": 25_000}
USUAL = 10_000
LONGEST = 2048


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_no_bytes_break_what_it_promises(tmp_path, target):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[target]):
        (corpus / str(number)).write_bytes(bytes((number, 7)) + seed)
    limits = [
        f"-runs={RUNS.get(target, USUAL)}",
        f"-max_len={LONGEST}",
        "-seed=1",
        "-timeout=10",
        "-verbosity=0",
    ]
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz.run",
            target,
            str(corpus),
            f"-artifact_prefix={tmp_path}/",
            *limits,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},  # noqa: TID251 -- what the child inherits
        capture_output=True,
        check=False,
        timeout=120,
    )
    found = [file.read_bytes() for file in tmp_path.glob("crash-*")]
    assert finished.returncode == 0, (
        found,
        finished.stdout[-3000:].decode(),
        finished.stderr[-1000:].decode(),
    )
