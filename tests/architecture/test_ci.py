# SPDX-License-Identifier: Apache-2.0
"""CI runs what a developer runs, and what a developer may skip it may not."""

import os
import shutil
import subprocess
import sys

from tests.architecture.tree import ROOT

SKIPPING = {
    "by mark": "import pytest\n@pytest.mark.skip(reason='why')\ndef test_it(): pass\n",
    "inside": "import pytest\ndef test_it(): pytest.skip('why')\n",
    "whole module": "import pytest\npytest.importorskip('nothing_of_this_name', reason='why')\ndef test_it(): pass\n",
    "by need": "import pytest\n@pytest.mark.needs('no-such-program')\ndef test_it(): pass\n",
}


EXPECTED = "import pytest\n@pytest.mark.xfail(reason='known', strict=True)\ndef test_it(): assert False\n"


def run(folder, *, must_run):
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = needs(what): needs it\n")
    for number, source in enumerate((*SKIPPING.values(), EXPECTED)):
        (folder / f"test_{number}.py").write_text(source)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "SMARTAGENT"))}  # noqa: TID251 -- a child's
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rA",
            "-p",
            "no:cacheprovider",
            "--continue-on-collection-errors",
        ],
        cwd=folder,
        env=inherited | ({"SMARTAGENT_CI_MUST_RUN": "1"} if must_run else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.stdout


def test_a_skip_fails_where_all_must_run_and_gives_its_reason(tmp_path):
    output = run(tmp_path, must_run=True)
    for number, way in enumerate(SKIPPING):
        assert f"CI must run test_{number}.py" in output, f"{way}: {output}"
    assert output.count("why") >= 3
    assert "no-such-program" in output
    assert "1 failed, 1 xfailed, 3 errors" in output


def test_the_same_skip_is_a_skip_elsewhere(tmp_path):
    assert "4 skipped, 1 xfailed" in run(tmp_path, must_run=False)


def test_ci_must_run_everything_and_stops_at_the_first_error():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in script
    assert (
        script.index("export SMARTAGENT_CI_MUST_RUN=1")
        < script.index("make check")
        < script.index("make test")
    )
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_no_target_of_the_makefile_hides_a_failure():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "|| true" not in text
    assert "\n\t-" not in text


def test_make_check_runs_every_gate():
    recipe = subprocess.run(
        ["make", "--dry-run", "--always-make", "check"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for gate in ("ruff check", "ruff format", "mypy", "lint-imports", "vulture", "tests/architecture"):
        assert gate in recipe, gate
