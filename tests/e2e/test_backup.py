# SPDX-License-Identifier: Apache-2.0
"""A backup taken while agents call makes the same authority on a machine that has nothing but the file."""

import asyncio
import contextlib
import json
import os
import shutil
import sys

import pytest

from tests.e2e.site import furnish, whole_log
from tests.stores.postgres import new_database

pytestmark = pytest.mark.xdist_group("nodes")

PASSPHRASE = "a long passphrase of backups"


async def smartagent(*words, store="", folder=None, **settings):
    """Run the command line, and return its exit code and what it said."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("SMARTAGENT_")}  # noqa: TID251 -- what the child inherits
    set_ = {"DATA_DIR": str(folder), **settings} | ({"STORE": store} if store else {})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from smartagent.cli.smartagent import main; main()",
        *map(str, words),
        env=known | {f"SMARTAGENT_{name}": value for name, value in set_.items()},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.fixture
def passphrase(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def stores(request):
    """Where the first authority keeps its things, and where the second will."""
    if request.param == "sqlite":
        return "", ""
    server = request.getfixturevalue("postgres_server")
    return new_database(server), new_database(server)


@contextlib.asynccontextmanager
async def calling(agent):
    """Have `agent` call all the time; every call succeeds."""
    stop, calls = asyncio.Event(), 0

    async def busy():
        nonlocal calls
        while not stop.is_set():
            assert (await agent.call("shop", "GET", "/x")).status == 200
            calls += 1

    task = asyncio.create_task(busy())
    yield
    stop.set()
    await task
    assert calls > 0


async def test_an_authority_comes_back_elsewhere_and_everything_in_it_works(
    sites, shop, closing, stores, passphrase, tmp_path
):
    first = await sites("first", store=stores[0]).start()
    operator = await first.operator()
    closing(operator)
    await furnish(operator, shop)
    agent, _ = await first.agent(operator)
    closing(agent)
    before = await whole_log(first, operator)

    file = tmp_path / "house.backup"
    words = ("backup", "create", file, "--passphrase-file", passphrase)
    async with calling(agent):
        code, said = await smartagent(*words, folder=first.folder, store=stores[0])
    assert code == 0, said
    held = file.read_bytes()
    root_key = (first.folder / "root.key").read_text().strip()
    assert root_key.encode() not in held
    assert b"shop-key" not in held
    await first.kill()
    shutil.rmtree(first.folder)

    second = sites("second", store=stores[1], issuer=first.issuer, gateway=first.audience)
    for what in ("port", "gateway_port", "url", "gateway"):
        setattr(second, what, getattr(first, what))
    words = ("backup", "restore", file, "--passphrase-file", passphrase)
    code, said = await smartagent(*words, folder=second.folder, store=stores[1])
    assert code == 0, said
    assert "keys rotate --compromised" in said
    await second.start()

    assert (await agent.call("shop", "GET", "/x")).status == 200
    after = await whole_log(second, operator)
    assert after[: len(before)] == before
    code, said = await smartagent("doctor", folder=second.folder, store=stores[1])
    assert "those that were signed" in said, (code, said)


async def test_a_restore_harms_nothing_that_is_there_and_opens_for_nobody_else(sites, passphrase, tmp_path):
    site = await sites("first").start()
    await site.claim_link()
    file = tmp_path / "house.backup"
    words = ("--passphrase-file", passphrase)
    assert (await smartagent("backup", "create", file, *words, folder=site.folder))[0] == 0
    code, said = await smartagent("backup", "create", file, *words, folder=site.folder)
    assert (code, "File exists" in said) == (1, True)
    code, said = await smartagent("backup", "restore", file, *words, folder=site.folder)
    assert (code, "root key already" in said) == (1, True)

    elsewhere = tmp_path / "elsewhere"
    other = tmp_path / "other"
    other.write_text("another passphrase")
    other.chmod(0o600)
    code, said = await smartagent("backup", "restore", file, "--passphrase-file", other, folder=elsewhere)
    assert (code, "wrong passphrase" in said) == (1, True)
    cut = tmp_path / "cut"
    cut.write_bytes(file.read_bytes()[:-100])
    code, said = await smartagent("backup", "restore", cut, *words, folder=elsewhere)
    assert code == 1
    assert "Traceback" not in said
    assert not (elsewhere / "smartagent.db").exists()
    assert not (elsewhere / "root.key").exists()
    assert (await smartagent("backup", "restore", file, *words, folder=elsewhere))[0] == 0


async def test_a_wrapped_root_key_stays_wrapped(sites, passphrase, tmp_path):
    by = tmp_path / "wraps"
    by.write_text("what wraps the root key")
    by.chmod(0o600)
    wrapping = {"ROOT_KEY": f"passphrase:{by}"}
    site = sites("first", environment={f"SMARTAGENT_{name}": value for name, value in wrapping.items()})
    await site.start()
    assert not (site.folder / "root.key").exists()
    file, elsewhere, words = tmp_path / "b", tmp_path / "elsewhere", ("--passphrase-file", passphrase)
    assert (await smartagent("backup", "create", file, *words, folder=site.folder, **wrapping))[0] == 0

    code, said = await smartagent("backup", "restore", file, *words, folder=elsewhere)
    assert (code, f"set root_key to passphrase:{by}" in said) == (1, True)
    assert (await smartagent("backup", "restore", file, *words, folder=elsewhere, **wrapping))[0] == 0
    kept = json.loads((elsewhere / "root.wrapped").read_text())
    assert [each["by"] for each in kept["wrapped"]] == [f"passphrase:{by}"]
