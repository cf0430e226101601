# SPDX-License-Identifier: Apache-2.0
"""`smartagent run` for real: what the program gets, what stays behind, and who may kill whom."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from smartagent.crypto import system_entropy
from smartagent.sdk import enrol, load_key_file, make_key_file, save_key_file, session
from tests.e2e.site import until

pytestmark = pytest.mark.e2e
VALUE = "static-secret-value-" + "55d0"
ROLE = 'name = "worker"\nttl = "10m"\ncredentials = ["key", "quiet"]\n'
PRINTS = "import os; print(os.environ['API_KEY'], flush=True)"
ASKS = """
import json, os, socket
place = socket.socket(socket.AF_UNIX)
place.connect("\\0" + os.environ["SMARTAGENT_SOCKET"][1:])
lines = place.makefile("rw")
for asked in ({"credential": "key"}, {"credential": "other"}, {"nonsense": 1}):
    lines.write(json.dumps(asked) + "\\n"); lines.flush()
    print(lines.readline(), end="", flush=True)
print(os.environ.get("API_KEY"), flush=True)
"""
WAITS = "import time; print('up', flush=True); time.sleep(600)"


class Home:
    """A house with a worker's key in a folder of its own."""

    def __init__(self, site, operator, folder):
        self.site, self.operator, self.folder = site, operator, folder
        self.key = folder / "agent.key"
        self.empty = folder / "empty"

    async def furnish(self):
        self.empty.mkdir(parents=True)
        sent = await self.operator.send(
            "PUT", "/v1/secrets/static", VALUE.encode(), "application/octet-stream"
        )
        assert sent.status == 201
        await self.operator.request(
            "PUT", "/v1/providers/keys", {"kind": "secret", "secrets": {"api_key": "static"}}
        )
        await self.describe(600)
        await self.operator.request("PUT", "/v1/credentials/quiet", {"provider": "keys"})
        await self.operator.request("PUT", "/v1/roles/worker", {"role_file": ROLE})
        raw = await self.operator.request("POST", "/v1/enrolments", {"role": "worker"})
        token = msgspec.json.decode(raw)["enrolment_token"]
        holder = await enrol(make_key_file(self.key, system_entropy), self.site.url, token, "worker")
        save_key_file(self.key, holder)
        return self

    async def describe(self, ttl_seconds):
        entry = {
            "provider": "keys",
            "env": {"API_KEY": "api_key"},
            "ttl_seconds": ttl_seconds,
            "max_ttl_seconds": 3600,
        }
        await self.operator.request("PUT", "/v1/credentials/key", entry)

    async def run(self, *words, options=("--role", "worker")):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SMARTAGENT_")}  # noqa: TID251 -- what the child inherits
        inherited |= {"HOME": str(self.empty), "TMPDIR": str(self.empty)}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from smartagent.cli.smartagent import main; main()",
            "run", "--key", str(self.key), *options, "--", *words,
            cwd=self.empty, env=inherited, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    async def done(self, *words, **more):
        process = await self.run(*words, **more)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode, out.decode(), err.decode()

    async def up(self, process):
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"up\n"

    async def leases(self):
        return msgspec.json.decode(await self.operator.request("GET", "/v1/leases"))["leases"]

    async def all_dead(self):
        leases = await self.leases()
        return bool(leases) and all(each["state"] == "dead" for each in leases)


def environment_of(pid):
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.fixture
async def home(sites, closing, tmp_path):
    site = await sites("home").start()
    operator = await site.operator()
    closing(operator)
    return await Home(site, operator, tmp_path / "worker").furnish()


async def test_a_program_gets_its_credentials_and_they_die_with_it(home):
    code, out, err = await home.done(sys.executable, "-c", PRINTS)
    assert (code, out.strip(), err) == (0, VALUE, "")
    await until(home.all_dead, what="the end of the leases")
    assert [each["credential"] for each in await home.leases()] == ["key"]


async def test_a_program_asks_the_socket_for_what_is_in_force(home):
    code, out, _ = await home.done(
        sys.executable, "-c", ASKS, options=("--role", "worker", "--socket-only", "--only", "key")
    )
    known, unknown, malformed, variable = out.splitlines()
    assert code == 0
    assert json.loads(known)["fields"] == {"api_key": VALUE}
    assert json.loads(unknown) == {"error": "no-such-credential"}
    assert json.loads(malformed) == {"error": "malformed-request"}
    assert variable == "None"


async def test_the_programs_exit_code_and_signal_are_ours(home):
    assert (await home.done(sys.executable, "-c", "raise SystemExit(7)"))[0] == 7
    assert (await home.done(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))[0] == 137
    code, _, err = await home.done("no-such-program-anywhere")
    assert (code, err) == (127, "no-such-program-anywhere: there is no such program.\n")


async def test_what_cannot_be_had_is_said_and_nothing_is_run(home):
    code, out, err = await home.done(sys.executable, "-c", "print('ran')", options=("--role", "chief"))
    assert (code, out) == (1, "")
    assert "role is worker, not chief" in err
    code, _, err = await home.done("true", options=("--role", "worker", "--only", "ghost"))
    assert (code, "does not have the credential ghost" in err) == (1, True)


async def test_signals_reach_the_program(home):
    waits = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(9)); print('up', flush=True); time.sleep(600)"
    process = await home.run(sys.executable, "-c", waits)
    await home.up(process)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 9
    await until(home.all_dead, what="the end of the leases")


async def test_killing_the_program_ends_the_session(home):
    process = await home.run(sys.executable, "-c", WAITS)
    await home.up(process)
    [child] = [each for each in psutil.Process(process.pid).children() if WAITS in each.cmdline()]
    child.kill()
    assert await asyncio.wait_for(process.wait(), 20) == 137
    await until(home.all_dead, what="the end of the leases")


async def test_killing_us_kills_the_program_and_ends_the_session(home):
    process = await home.run(sys.executable, "-c", WAITS)
    await home.up(process)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 2
    process.kill()
    await process.wait()

    async def all_gone():
        return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)

    await until(home.all_dead, seconds=10, what="the end of the leases")
    await until(all_gone, what="the end of the family")


async def test_nothing_is_written_to_disk_and_the_key_is_not_in_the_programs_environment(home):
    before = {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")}
    process = await home.run(sys.executable, "-c", WAITS)
    await home.up(process)
    # What keeps to itself can be read by root only.
    parent = [psutil.Process(process.pid)] if os.getuid() == 0 else []
    family = [*parent, *psutil.Process(process.pid).children(recursive=os.getuid() == 0)]
    seed = msgspec.json.decode(home.key.read_bytes())["seed"]
    for each in family:
        words = "\n".join(each.cmdline())
        assert VALUE not in words
        assert seed not in words
        raw = environment_of(each.pid)
        assert seed.encode() not in raw
        assert (VALUE.encode() in raw) == (each.cmdline()[1:] == ["-c", WAITS])
        files = [Path(file.path) for file in each.open_files()]
        assert not [path for path in files if home.folder in path.parents]
    process.terminate()
    await asyncio.wait_for(process.wait(), 20)
    assert {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")} == before
    assert VALUE.encode() not in b"".join(
        path.read_bytes() for path in home.folder.rglob("*") if path.is_file()
    )


async def test_a_session_outlives_its_leases_and_a_restart_of_the_authority(home):
    await home.describe(8)
    async with session(load_key_file(home.key)) as own:
        kept = await own.credential("key")
        first, end = kept.lease_id, kept.ends
        await home.site.kill()
        await home.site.start()

        async def renewed():
            return kept.ends > end + 5 and kept.lease_id == first

        await until(renewed, seconds=15, what="the renewal")
        assert kept.fields["api_key"].reveal() == VALUE
        assert (await own.credential("key")) is kept
    await until(home.all_dead, what="the end of the leases")


async def test_what_cannot_be_renewed_any_more_is_made_anew_before_it_dies(home):
    entry = {"provider": "keys", "env": {"API_KEY": "api_key"}, "ttl_seconds": 6, "max_ttl_seconds": 7}
    await home.operator.request("PUT", "/v1/credentials/key", entry)
    async with session(load_key_file(home.key)) as own:
        kept = await own.credential("key")
        first = kept.lease_id
        await asyncio.wait_for(kept.changed(), 15)
        assert (kept.generation, kept.lease_id == first) == (2, False)
        states = {each["lease_id"]: each["state"] for each in await home.leases()}
        assert states[kept.lease_id] == "active"
