# SPDX-License-Identifier: Apache-2.0
"""`smartagent run --proxy`: unmodified clients work with nothing but a proxy and an authority to trust."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from smartagent.crypto import system_entropy
from smartagent.sdk import enrol, make_key_file, save_key_file
from tests.e2e.site import UPSTREAM_KEY
from tests.e2e.test_gateway_bulk import certificate
from tests.unit.gateway.origin import Origin, always, reply

pytestmark = pytest.mark.e2e
ROLE = """
name = "caller"
ttl = "10m"

[[allow]]
scope = "shop.read"
upstream = "shop"
methods = ["GET", "POST"]
paths = ["/orders/**"]
"""
PYTHON = """
import json, os, sys, urllib.request, urllib.error
import requests
url = sys.argv[1]
print(requests.get(url + "/orders/1").json()["ok"])
print(urllib.request.urlopen(url + "/orders/2").status)
print(requests.post(url + "/orders/3", json={"n": 1}).status_code)
print(requests.get(url + "/closed").status_code)
try:
    requests.get("https://other.example/")
except requests.exceptions.ProxyError:
    print("no way out")
print(sorted(name for name in os.environ if "SMARTAGENT" in name), flush=True)
"""
CURL = 'curl -sS "$1/orders/4" -o - -w " %{http_code}" && git ls-remote "$1/orders/repo" 2>&1 | head -1'


class Home:
    """A house whose shop speaks TLS, and a caller's key in a folder of its own."""

    def __init__(self, site, operator, origin, folder):
        self.site, self.operator, self.origin, self.folder = site, operator, origin, folder
        self.url = f"https://localhost:{origin.port}"
        self.key = folder / "agent.key"

    async def furnish(self):
        self.folder.mkdir()
        raw = UPSTREAM_KEY.encode()
        await self.operator.send("PUT", "/v1/secrets/shop-key", raw, "application/octet-stream")
        entry = {"base_url": self.url, "secret": "shop-key", "place": "bearer", "allow_private": True}
        await self.operator.request("PUT", "/v1/upstreams/shop", entry)
        await self.operator.request("PUT", "/v1/roles/caller", {"role_file": ROLE})
        raw = await self.operator.request("POST", "/v1/enrolments", {"role": "caller"})
        token = msgspec.json.decode(raw)["enrolment_token"]
        holder = await enrol(make_key_file(self.key, system_entropy), self.site.url, token, "caller")
        save_key_file(self.key, holder)
        return self

    async def run(self, *words):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SMARTAGENT_")}  # noqa: TID251 -- what the child inherits
        inherited |= {"HOME": str(self.folder), "NO_PROXY": "", "no_proxy": ""}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from smartagent.cli.smartagent import main; main()",
            "run", "--key", str(self.key), "--proxy", "--", *words,
            cwd=self.folder, env=inherited, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 40)
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def home(sites, closing, tmp_path):
    path, context = certificate(tmp_path, x509.DNSName("localhost"))
    origin = Origin(always(reply(b'{"ok": true}', "Content-Type: application/json")))
    await origin.start(context)
    site = await sites("home", environment={"SSL_CERT_FILE": str(path)}).start()
    operator = await site.operator()
    closing(operator)
    yield await Home(site, operator, origin, tmp_path / "caller").furnish()
    await origin.stop()


async def test_python_works_behind_it_and_goes_nowhere_else(home):
    code, out, err = await home.run(sys.executable, "-W", "ignore", "-c", PYTHON, home.url)
    assert (code, err) == (0, "")
    assert out.splitlines() == ["True", "200", "200", "403", "no way out", "['SMARTAGENT_SOCKET']"]
    assert {each.headers["authorization"] for each in home.origin.requests} == {f"Bearer {UPSTREAM_KEY}"}
    assert {each.headers["host"] for each in home.origin.requests} == {home.url.removeprefix("https://")}


async def test_curl_and_git_work_behind_it(home):
    code, out, err = await home.run("sh", "-c", CURL, "sh", home.url)
    assert out.startswith('{"ok": true} 200'), (code, out, err)
    assert any(each.target.startswith("/orders/repo/info/refs") for each in home.origin.requests)
    assert shutil.which("git")


def is_there(path):
    return Path(path).exists()


async def test_the_programs_environment_has_neither_the_secret_nor_a_token(home):
    code, out, _ = await home.run(
        sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"
    )
    environment = json.loads(out)
    assert code == 0
    told = json.dumps(environment)
    assert UPSTREAM_KEY not in told
    assert "eyJ" not in told
    assert environment["HTTPS_PROXY"].startswith("http://run:")
    assert not is_there(environment["SSL_CERT_FILE"]), "it goes with the program"


async def test_nobody_else_on_the_machine_can_use_the_proxy(home):
    script = (
        "import os, requests\n"
        "from urllib.parse import urlsplit\n"
        "port = urlsplit(os.environ['HTTPS_PROXY']).port\n"
        "os.environ.update(dict.fromkeys(['HTTPS_PROXY', 'https_proxy'], f'http://run:guess@127.0.0.1:{port}'))\n"
        f"url = '{home.url}/orders/1'\n"
        "try:\n    requests.get(url)\n"
        "except requests.exceptions.ProxyError as e:\n    print('407' in str(e))\n"
    )
    code, out, _ = await home.run(sys.executable, "-W", "ignore", "-c", script)
    assert (code, out.strip()) == (0, "True")
    assert home.origin.requests == []
