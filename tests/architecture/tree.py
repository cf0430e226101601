# SPDX-License-Identifier: Apache-2.0
"""Where the sources lie, and which rooms stand."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "smartagent"
FILES = sorted(SRC.rglob("*.py"))
ROOMS = sorted(path.parent.name for path in SRC.glob("*/__init__.py"))
UNCOMMITTED = frozenset(
    {
        ".git", ".venv", ".tools", ".stamps", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis",
        ".import_linter_cache", ".schemathesis", "node_modules", "__pycache__", "mutants", "data", "dist", ".work", ".grimp_cache",
    }
)  # fmt: skip


@cache
def committed() -> tuple[Path, ...]:
    """Every file that is, or is about to be, in the repository; by walking where there is no git."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
        paths = [ROOT / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in ROOT.rglob("*") if not UNCOMMITTED & set(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in paths if path.is_file()))


def name_of(path: Path) -> str:
    """A path as a test's id shows it."""
    return str(path.relative_to(ROOT))


def room_of(module: str) -> str:
    """The room a module belongs to, or nothing for the package itself."""
    return module.split(".")[1] if "." in module else ""
