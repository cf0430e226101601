# SPDX-License-Identifier: Apache-2.0
"""Stores to be killed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from smartagent.storage import migrate
from tests.stores.sites import reap_all


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """The path of a migrated store."""
    path = tmp_path / "store.db"
    migrate(path)
    return path


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """A file system of 6 MB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root, to mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("needs a system that lets tests mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture(autouse=True)
def no_writer_outlives_its_test():
    """Reap what a failed test left running."""
    yield
    reap_all()
