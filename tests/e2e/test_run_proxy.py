# SPDX-License-Identifier: Apache-2.0
"""`smartagent run --proxy`: unmodified clients work with nothing but a proxy and an authority to trust."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.home import Home
from tests.e2e.site import UPSTREAM_KEY
from tests.e2e.test_gateway_bulk import certificate
from tests.unit.gateway.origin import Origin, always, reply

pytestmark = pytest.mark.e2e
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


@pytest.fixture
async def home(sites, closing, tmp_path):
    path, context = certificate(tmp_path, x509.DNSName("localhost"))
    origin = Origin(always(reply(b'{"ok": true}', "Content-Type: application/json")))
    await origin.start(context)
    site = await sites("home", environment={"SSL_CERT_FILE": str(path)}).start()
    operator = await site.operator()
    closing(operator)
    home = Home(site, operator, f"https://localhost:{origin.port}", tmp_path / "caller")
    home.origin = origin
    yield await home.furnish()
    await origin.stop()


async def test_python_works_behind_it_and_goes_nowhere_else(home):
    code, out, err = await home.run(sys.executable, "-W", "ignore", "-c", PYTHON, home.url)
    assert (code, err) == (0, "")
    own = "['SMARTAGENT_PROXY_SOCKET', 'SMARTAGENT_SOCKET']"
    assert out.splitlines() == ["True", "200", "200", "403", "no way out", own]
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


BY_SOCKET = """
import http.client, os, socket, ssl, sys
link = socket.socket(socket.AF_UNIX)
link.connect(os.environ["SMARTAGENT_PROXY_SOCKET"])
host = sys.argv[1].removeprefix("https://")
link.sendall(f"CONNECT {host} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n".encode())
answer = http.client.HTTPResponse(link, method="CONNECT")
answer.begin()
print(answer.status)
inside = http.client.HTTPSConnection(host)
inside.sock = ssl.create_default_context().wrap_socket(link, server_hostname="localhost")
inside.request("GET", "/orders/9")
print(inside.getresponse().read().decode())
print(oct(os.stat(os.path.dirname(os.environ["SMARTAGENT_PROXY_SOCKET"])).st_mode)[-3:])
"""


async def test_a_program_without_a_network_can_use_the_socket(home):
    code, out, err = await home.run(sys.executable, "-W", "ignore", "-c", BY_SOCKET, home.url)
    assert (code, err) == (0, "")
    assert out.splitlines() == ["200", '{"ok": true}', "700"]
    assert home.origin.requests[0].headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
