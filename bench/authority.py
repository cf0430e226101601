# SPDX-License-Identifier: Apache-2.0
"""An authority to measure: started for real, claimed by an operator, filled with agents."""

import contextlib
import http.client
import json
import re
import sqlite3
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bench.processes import Running, await_port, free_port, running, tail
from smartagent.crypto import (
    SigningKey,
    SystemClock,
    b64u,
    claim_message,
    operator_message,
    sha256,
    sign_compact,
    system_entropy,
)
from smartagent.kernel import IdPrefix, Ids, Secret

LINK_SECONDS = 10.0
ROLE = """\
name = "bench"
description = "Measured"
ttl = "1h"

[[allow]]
scope = "bench:read"
upstream = "bench"
methods = ["GET"]
paths = ["/**"]
"""


class Authority(NamedTuple):
    """A running authority."""

    process: Running
    issuer: str
    gateway: str
    data: Path
    log: Path


class Answer(NamedTuple):
    """What the authority answered."""

    status: int
    body: bytes

    def json(self) -> Mapping[str, str]:
        """Return the body as an object.

        Raises:
            RuntimeError: The answer is not a success.
        """
        if self.status >= 300:
            raise RuntimeError(f"{self.status}: {self.body[:500]!r}")
        found: Mapping[str, str] = json.loads(self.body)
        return found


@contextlib.contextmanager
def serving(  # noqa: PLR0913 -- how a node is started
    data: Path,
    *,
    workers: int,
    core: int | None,
    ports: tuple[int, int] | None = None,
    log_level: str = "warning",
    store: str = "",
    issuer: str = "",
    gateway_url: str = "",
    environ: Mapping[str, str] | None = None,
) -> Iterator[Authority]:
    """Run an authority over `data`, or one of several nodes over `store`; then `issuer` is the name of all."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    port, gateway_port = ports or (free_port(), free_port())
    log = data / "serve.out"
    command = [sys.executable, "-c", "from smartagent.cli.smartagent import main; main()"]
    command += ["serve", "--data-dir", str(data), "--port", str(port), "--gateway-port", str(gateway_port)]
    command += ["--workers", str(workers), "--log-level", log_level]
    named = {"--store": store, "--issuer": issuer, "--gateway-url": gateway_url}
    command += [word for flag, value in named.items() if value for word in (flag, value)]
    with running(command, core=core, environ=environ, log=log) as process:
        await_port(port, process, log)
        await_port(gateway_port, process, log)
        await_ready(port, log)
        yield Authority(process, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{gateway_port}", data, log)


def await_ready(port: int, log: Path) -> None:
    """Return when the authority says that it is ready."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(f"http://127.0.0.1:{port}", "GET", "/readyz").status == 200:
                return
        time.sleep(0.02)
    raise RuntimeError(f"the authority is not ready: {tail(log)}")


def ask(
    server: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Ask once, on a connection of its own."""
    connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=30)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()


def send(
    server: str, path: str, value: object, method: str = "POST", headers: Mapping[str, str] | None = None
) -> Answer:
    """Send JSON."""
    return ask(
        server,
        method,
        path,
        json.dumps(value).encode(),
        {"content-type": "application/json", **(headers or {})},
    )


class Operator:
    """An operator who claimed the authority."""

    def __init__(self, authority: Authority) -> None:
        self._issuer = authority.issuer
        self._key = SigningKey.generate(system_entropy)
        self.code = code = self._code(authority.log)
        public = self._key.public.raw
        claim = {
            "code": code,
            "name": "bench",
            "public_key": b64u(public),
            "signature": b64u(self._key.sign(claim_message(self._issuer, code, public))),
        }
        self.id = send(self._issuer, "/v1/claims", claim).json()["id"]
        self.token = self._session()

    def call(self, method: str, path: str, value: object) -> Answer:
        """Call the authority with the operator's token and a proof for this one request."""
        url = self._issuer + path
        header: dict[str, object] = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": self._key.public.jwk()}
        claims = {
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
            "jti": uuid.uuid4().hex,
            "ath": b64u(sha256(self.token.encode())),
        }
        proof = sign_compact(header, json.dumps(claims).encode(), self._key)
        return send(self._issuer, path, value, method, {"authorization": f"DPoP {self.token}", "dpop": proof})

    def _code(self, log: Path) -> str:
        # The authority answers a moment before it prints the link.
        until = time.monotonic() + LINK_SECONDS
        while (found := re.search(r"https?://\S*#\S+\n", tail(log, 100_000))) is None:
            if time.monotonic() > until:
                raise RuntimeError(f"no claim link: {tail(log)}")
            time.sleep(0.02)
        fragment = found.group().strip().partition("#")[2]
        return fragment.rpartition("=")[2]

    def log_in(self) -> None:
        """Get a new token; the last one lives a quarter of an hour."""
        self.token = self._session()

    def _session(self) -> str:
        asked = {"operator": self.id, "purpose": "operator-session"}
        nonce = send(self._issuer, "/v1/challenges", asked).json()["nonce"]
        signature = b64u(self._key.sign(operator_message(self._issuer, self.id, nonce)))
        request = {"operator": self.id, "nonce": nonce, "signature": signature}
        return send(self._issuer, "/v1/operator-sessions", request).json()["access_token"]


def prepare(data: Path, upstream: str) -> tuple[int, int]:
    """Give a new authority an operator, a secret, an upstream and a role; return its ports, for they are in its tokens."""
    ports = free_port(), free_port()
    with serving(data, workers=1, core=None, ports=ports) as authority:
        operator = Operator(authority)
        operator.call("PUT", "/v1/secrets/bench", {"value": "bench-secret-that-nobody-sees"}).json()
        description = {"base_url": upstream, "secret": "bench", "place": "bearer", "allow_private": True}
        operator.call("PUT", "/v1/upstreams/bench", description).json()
        operator.call("PUT", "/v1/roles/bench", {"role_file": ROLE}).json()
    return ports


def add_agents(data: Path, count: int) -> Path:
    """Write `count` agents into a stopped authority's store; return the file of their keys.

    Enrolment is an API of one agent at a time and not what is measured; the rows are the same.
    """
    names = data / "agents.jsonl"
    ids = Ids(SystemClock(), system_entropy)
    with sqlite3.connect(data / "smartagent.db") as store, names.open("w", encoding="utf-8") as file:
        for _ in range(count):
            seed = system_entropy(32)
            public = SigningKey.from_seed(Secret(seed)).public
            identity = ids.new(IdPrefix.AGENT)
            store.execute(
                "INSERT INTO agents (id, name, owner, role, status, public_key, created_at, last_changed_at)"
                " VALUES (?, 'bench', 'opr_bench', 'bench', 'active', ?, 0, 0)",
                (identity, public.raw),
            )
            store.execute("INSERT INTO keys VALUES (?, ?)", (public.thumbprint, identity))
            file.write(json.dumps({"id": identity, "seed": b64u(seed)}) + "\n")
    store.close()
    return names
