# SPDX-License-Identifier: Apache-2.0
"""Plants secrets in a running authority and looks for them in all it says and writes.

They are used in every way that works and many that do not; then everything the authority said, logged,
counted and wrote down is searched.
"""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import quote

import pytest

from bench.authority import ROLE, Operator, ask, send, serving
from bench.warrants import tokens_for
from smartagent.crypto import SigningKey, b64u, enrol_message, system_entropy

PLANTED = "cnry/9f27+Zq==kept \u00e9 secret".encode("latin-1").replace(b"\xe9", b"e")


class Echo(BaseHTTPRequestHandler):
    """An upstream that gives back all it was sent: the worst that an honest one does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"headers": dict(self.headers), "path": self.path}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-echo", self.headers.get("authorization", "none"))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing: what it was sent is the secret."""


class Heard(NamedTuple):
    """All that came out of the authority, by where, and the secrets that must not be in it."""

    places: dict[str, bytes]
    secrets: dict[str, bytes]


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    data = tmp_path_factory.mktemp("canary") / "data"
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=upstream.serve_forever)
    thread.start()
    try:
        with serving(data, workers=1, core=None, log_level="debug") as authority:
            places, secrets = tell_it_all(authority, f"http://127.0.0.1:{upstream.server_address[1]}", data)
    finally:
        upstream.shutdown()
        thread.join()
        upstream.server_close()
    for path in data.rglob("*"):
        if path.is_file() and path.name not in ("root.key", "agents.jsonl", "serve.out"):
            places[f"file {path.relative_to(data)}"] = path.read_bytes()
    # Where the authority was started, its claim link is shown, once; nowhere else.
    places["log"] = authority.log.read_bytes().replace(secrets["claim code"], b"", 1)
    secrets["root key"] = (data / "root.key").read_bytes().strip()
    return Heard(places, secrets)


def tell_it_all(authority, upstream, data):
    operator = Operator(authority)
    said = {}
    said["secret written"] = operator.call("PUT", "/v1/secrets/bench", {"value": PLANTED.decode()}).body
    entry = {"base_url": upstream, "secret": "bench", "place": "bearer", "allow_private": True}
    said["upstream written"] = operator.call("PUT", "/v1/upstreams/bench", entry).body
    said["role written"] = operator.call("PUT", "/v1/roles/bench", {"role_file": ROLE}).body
    invited = operator.call("POST", "/v1/enrolments", {"role": "bench"}).json()
    names = enrol(authority, invited["enrolment_token"], data)
    token = tokens_for(authority, names, 1)[0]
    said |= fail_in_many_ways(authority, operator, token)
    bearer = {"authorization": f"Bearer {token}"}
    # What an agent itself puts into an address comes back from an echo; it must be in no log all the same.
    ask(authority.gateway, "GET", "/bench/x?token=" + token, headers=bearer)
    for path in ("/bench/x", "/bench/x?q=1", "/nothing/x", "/bench/%2e%2e/x"):
        said[f"gateway {path}"] = ask(authority.gateway, "GET", path, headers=bearer).body
    said["gateway post"] = send(authority.gateway, "/bench/x", {}, headers=bearer).body
    jti = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["jti"]
    said["audit"] = once_signed(authority.issuer, f"/v1/audit/{jti}", bearer)
    for path in (
        "/v1/log/export",
        "/v1/secrets",
        "/v1/secrets/bench",
        "/v1/upstreams",
        "/v1/agents",
        "/v1/keys",
    ):
        said[path] = operator.call("GET", path, {}).body
    for path in (
        "/metrics",
        "/openapi.json",
        "/.well-known/jwks.json",
        "/.well-known/smartagent",
        "/healthz",
    ):
        said[path] = ask(authority.issuer, "GET", path).body
    return said, {
        "upstream's secret": PLANTED,
        "enrolment token": invited["enrolment_token"].encode(),
        "claim code": operator.code.encode(),
        "agent's token": token.rpartition(".")[2].encode(),
        "operator's token": operator.token.rpartition(".")[2].encode(),
    }


def once_signed(server, path, headers):
    """The authority itself waits for a checkpoint; on a busy machine it is asked again."""
    for _ in range(20):
        answer = ask(server, "GET", path, headers=headers)
        if answer.status != 503:
            break
    return answer.body


def enrol(authority, invitation, data):
    seed = system_entropy(32)
    key = SigningKey.generate(lambda _: seed)
    public = key.public.raw
    request = {
        "enrolment_token": invitation,
        "name": "canary",
        "public_key": b64u(public),
        "signature": b64u(key.sign(enrol_message(authority.issuer, invitation, public))),
    }
    agent = send(authority.issuer, "/v1/agents", request).json()["id"]
    # Again, although it is used up: the refusal must not repeat it.
    assert send(authority.issuer, "/v1/agents", request).status == 401
    names = data / "agents.jsonl"
    names.write_text(json.dumps({"id": agent, "seed": b64u(seed)}) + "\n")
    return names


def fail_in_many_ways(authority, operator, token):
    """Send secrets where they do not belong: each answer, log line and record of it must not repeat them."""
    planted, form = PLANTED.decode(), {"content-type": "application/x-www-form-urlencoded"}
    wrong = f"client_assertion={token}x&grant_type={quote(planted)}".encode()
    return {
        "not JSON": operator_raw(operator, f'{{"value": "{planted}"'),
        "wrong type": operator.call("PUT", "/v1/secrets/bench", {"value": [planted]}).body,
        "unknown member": operator.call("PUT", "/v1/secrets/bench", {"value": planted, planted: 1}).body,
        "bad place": operator.call("PUT", "/v1/upstreams/bench", {"base_url": "http://u:" + quote(planted) + "@x/"}).body,
        "form": ask(authority.issuer, "POST", "/oauth/token", wrong, form).body,
        "bad token": ask(authority.issuer, "GET", "/v1/agents", headers={"authorization": f"Bearer {token}x"}).body,
        "no DPoP": ask(authority.issuer, "GET", "/v1/agents", headers={"authorization": f"DPoP {operator.token}"}).body,
        "as bearer": ask(authority.issuer, "GET", "/v1/agents", headers={"authorization": f"Bearer {operator.token}"}).body,
        "used link": send(authority.issuer, "/v1/claims", {"code": operator.code, "name": "x", "public_key": "", "signature": ""}).body,
        "gateway, bad token": ask(authority.gateway, "GET", "/bench/x", headers={"authorization": f"Bearer {token}x"}).body,
    }  # fmt: skip


def operator_raw(operator, text):
    return operator.call("PUT", "/v1/secrets/bench", json.loads(json.dumps(text))).body


def forms(secret):
    """The secret as it is, and as it could have been written down."""
    yield secret
    yield quote(secret, safe="").encode()
    yield secret.hex().encode()
    yield json.dumps(secret.decode("latin-1"))[1:-1].encode()
    yield secret.decode("latin-1").encode("unicode_escape")
    for shift in range(3):
        # Base64 of a text that holds it, at each alignment, without the letters that neighbours share.
        skipped = 4 if shift else 0
        yield base64.b64encode(b"\0" * shift + secret)[skipped : -4 or None]
        yield base64.urlsafe_b64encode(b"\0" * shift + secret)[skipped:-4]


@pytest.mark.e2e
@pytest.mark.parametrize(
    "kind",
    ["upstream's secret", "enrolment token", "claim code", "agent's token", "operator's token", "root key"],
)
def test_a_secret_is_in_nothing_that_the_authority_says_or_writes(heard, kind):
    found = [
        (place, form[:12])
        for place, content in heard.places.items()
        for form in forms(heard.secrets[kind])
        if form in content
    ]
    assert found == []


@pytest.mark.e2e
def test_the_canary_was_alive(heard):
    """The search would find something: the call went through, and the log and the store were written."""
    assert b"headers" in heard.places["gateway /bench/x"]
    assert b"gateway.call" in heard.places["audit"]
    assert any(place.startswith("file") and len(content) > 4096 for place, content in heard.places.items())
    assert len(heard.places["log"]) > 100
    planted = heard.secrets["upstream's secret"]
    for text in (planted, b"Bearer " + planted, base64.b64encode(b"user:" + planted)):
        assert any(form in text for form in forms(planted))
