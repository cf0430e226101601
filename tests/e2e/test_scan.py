# SPDX-License-Identifier: Apache-2.0
"""`smartagent scan`: an agent whose key lies in a file gets on without it, and the file has none any more."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from smartagent.crypto import system_entropy
from smartagent.sdk import enrol, make_key_file, save_key_file
from tests.e2e.test_gateway_bulk import certificate
from tests.unit.cli.scan.planted import openai
from tests.unit.gateway.origin import Origin, always, reply

pytestmark = pytest.mark.e2e
AGENT = """
import sys
from pathlib import Path
import requests
key = Path(".env").read_text().strip().partition("=")[2]
answer = requests.post(sys.argv[1] + "/v1/responses", json={}, headers={"Authorization": f"Bearer {key}"})
print(answer.status_code, key)
"""


class Shell:
    """Runs programs as somebody who is logged in."""

    def __init__(self, folder):
        self.folder = folder

    async def run(self, *words):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SMARTAGENT_")}  # noqa: TID251 -- what the child inherits
        inherited |= {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config")}
        inherited |= {
            "PATH": f"{Path(sys.executable).parent}:{inherited['PATH']}",
            "NO_PROXY": "",
            "no_proxy": "",
        }
        process = await asyncio.create_subprocess_exec(
            *words, cwd=self.folder / "project", env=inherited, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def house(sites, closing, tmp_path):
    """An authority, its operator, and what stands for the provider of the key."""
    path, context = certificate(tmp_path, x509.DNSName("localhost"))
    origin = Origin(always(reply(b"{}", "Content-Type: application/json")))
    await origin.start(context)
    site = await sites("home", environment={"SSL_CERT_FILE": str(path)}).start()
    operator = await site.operator()
    closing(operator)
    yield site, operator, origin
    await origin.stop()


async def made(operator, path, body):
    return msgspec.json.decode(await operator.request("POST", path, body))


async def test_an_agent_gets_on_without_the_key_that_lay_in_its_file(house, tmp_path):
    site, operator, origin = house
    folder = tmp_path / "home-of-ada"
    project = folder / "project"
    project.mkdir(parents=True)
    (project / ".env").write_text(f"OPENAI_API_KEY={openai()}\n", encoding="utf-8")
    (project / "agent.py").write_text(AGENT, encoding="utf-8")
    shell = Shell(folder)
    link = (await made(operator, "/v1/claim-links", {}))["link"]
    assert (await shell.run("smartagentctl", "login", link, "--name", "ada"))[0] == 0

    code, out, _ = await shell.run("smartagent", "scan", ".", "--write", "../migration")
    assert (code, openai()[8:20] in out) == (1, False)
    code, out, err = await shell.run("sh", "../migration/migrate.sh")
    assert (code, err) == (0, ""), out
    assert (await shell.run("smartagent", "scan", "."))[0] == 0

    # The provider itself is not called from here: something on this machine stands for it.
    url = f"https://localhost:{origin.port}"
    entry = {"base_url": url, "secret": "openai-key", "place": "bearer", "allow_private": True}
    await operator.request("PUT", "/v1/upstreams/openai", entry)
    token = (await made(operator, "/v1/enrolments", {"role": "project"}))["enrolment_token"]
    key = folder / "agent.key"
    save_key_file(key, await enrol(make_key_file(key, system_entropy), site.url, token, "agent"))
    run = ("smartagent", "run", "--role", "project", "--key", str(key), "--proxy", "--")
    code, out, err = await shell.run(*run, sys.executable, "-W", "ignore", "agent.py", url)
    assert (code, out) == (0, "200 replaced-by-smartagent\n"), err
    assert [each.headers["authorization"] for each in origin.requests] == [f"Bearer {openai()}"]
