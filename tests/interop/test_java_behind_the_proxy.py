# SPDX-License-Identifier: Apache-2.0
"""Java's own clients behind the local proxy.  Java names no host without a dot in TLS, so this upstream has one."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from smartagent.cli.run.proxy import LocalProxy
from smartagent.crypto import SystemClock, system_entropy
from smartagent.gateway import Gateway, GatewaySettings, Interception
from smartagent.gateway.pin import Pinner
from smartagent.kernel import Secret
from tests.e2e.test_forward_proxy import AUTHORITY
from tests.interop.standin import KEY, StandIn, leaks
from tests.unit.gateway.fakes import TOKEN, Entry, FakeDoors
from tests.unit.gateway.test_pin import answering

pytestmark = [pytest.mark.e2e, pytest.mark.needs("javac")]
PROGRAM = Path(__file__).parent / "behind" / "Client.java"


class Session:
    token = Secret(TOKEN)


@pytest.fixture
async def java(tmp_path):
    """Give the environment of a program whose upstream is `api.example`, the upstream, and the house."""
    async with AsyncExitStack() as stack:
        standin = await StandIn(tmp_path, name="api.example").start()
        stack.push_async_callback(standin.close)
        doors = FakeDoors(Entry("crm", f"{standin.url}/v1"))
        doors.secrets["crm-key"] = (Secret(KEY.encode()),)
        settings = GatewaySettings(ca_file=str(standin.certificate))
        pinner = Pinner(frozenset(), answering("127.0.0.1"))
        interception = Interception(AUTHORITY, SystemClock(), system_entropy)
        gateway = Gateway(doors, settings, pinner, interception)
        listening = await gateway.serve("127.0.0.1", 0)
        stack.push_async_callback(gateway.drain)
        address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        proxy = LocalProxy(Session(), address, AUTHORITY.pem, system_entropy)
        await proxy.start()
        stack.push_async_callback(proxy.close)
        known = {"PATH": os.environ["PATH"], "NO_PROXY": ""}  # noqa: TID251 -- where java is
        yield known | proxy.environment(known), standin


async def test_javas_clients_old_and_new_need_nothing_but_their_options(java):
    environ, standin = java
    process = await asyncio.create_subprocess_exec(
        *("java", str(PROGRAM), standin.url),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out.split()) == (0, [b"notes.md", b"201"]), err[-2000:]
    assert leaks(out + err, KEY) == leaks(out + err, TOKEN) == []
    assert standin.posted == [b"x" * 100_000]
    assert {headers["Authorization"] for _, _, headers in standin.seen} == {f"Bearer {KEY}"}
