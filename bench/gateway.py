# SPDX-License-Identifier: Apache-2.0
"""The gateway: 1 KB answers through it, through nginx, and through a Go reverse proxy that only forwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench.authority import add_agents, prepare, serving
from bench.figures import Part, Sample, Target, interleaved, ratio
from bench.processes import (
    LOAD_CORE,
    SERVER_CORE,
    Running,
    await_port,
    free_port,
    loaded,
    program,
    running,
)
from bench.warrants import tokens_for

NGINX = """\
daemon off; worker_processes 1; pid {work}/nginx-{port}.pid; error_log {work}/nginx-{port}.err;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {work}; proxy_temp_path {work};
  fastcgi_temp_path {work}; uwsgi_temp_path {work}; scgi_temp_path {work};
  {upstream}
  server {{ listen 127.0.0.1:{port} backlog=1024{tls}; {body} }}
}}
"""
ROW = '{"id": 1024, "name": "a plain row of an API", "amount": "129.50", "tags": ["one", "two"]},'
ANSWER = f"[{(ROW * 12)[:1022]}]"
"""1 KB as APIs answer; the same letter a thousand times would be searched unlike anything that is really sent."""
STATIC = "location / {{ default_type application/json; return 200 '{text}'; }}"
FORWARD = 'location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }'


def measure(work: Path, go: dict[str, str], rounds: int, seconds: float) -> Part:
    """Measure CPU a request at 64 connections, and latency at one."""
    with ExitStack() as stack:
        static = stack.enter_context(nginx(work, STATIC.format(text=ANSWER), "", LOAD_CORE))[1]
        forwarder = stack.enter_context(
            nginx(work, FORWARD, f"upstream up {{ server 127.0.0.1:{static}; keepalive 256; }}", SERVER_CORE)
        )
        proxy = stack.enter_context(_go_proxy(work, go, static))
        data = work / "gateway"
        ports = prepare(data, f"http://127.0.0.1:{static}")
        agents = add_agents(data, 1)
        authority = stack.enter_context(serving(data, workers=1, core=SERVER_CORE, ports=ports))

        forwarders = {"direct": (None, static), "nginx proxy_pass": forwarder, "Go ReverseProxy": proxy}

        def forwarded(name: str, connections: int) -> Sample:
            process, port = forwarders[name]
            return _load(go["load"], f"http://127.0.0.1:{port}/x", process, (connections, seconds, ""))

        def ours(connections: int) -> Sample:
            token = tokens_for(authority, agents, 1)[0]
            url = f"{authority.gateway}/bench/x"
            return _load(go["load"], url, authority.process, (connections, seconds, token))

        found = interleaved(rounds, _subjects(list(forwarders), forwarded, ours))
    return Part("gateway", "The gateway, 1 KB answers", found, _targets(found), NOTES)


def _subjects(
    names: list[str], forwarded: Callable[[str, int], Sample], ours: Callable[[int], Sample]
) -> dict[str, Callable[[], Sample]]:
    subjects: dict[str, Callable[[], Sample]] = {}
    for connections in (64, 1):
        for name in names:
            subjects[f"{name}, {connections}"] = partial(forwarded, name, connections)
        subjects[f"SmartAgent gateway, {connections}"] = partial(ours, connections)
    return subjects


NOTES = (
    "The number after the name is how many connections.",
    (
        "Every request through SmartAgent has its record durable (synchronous=FULL) before the credential "
        "leaves; cpu us counts its writer too. The others record nothing."
    ),
    "The upstream (nginx, static) and the load generator share the other core.",
)


def _targets(found: dict[str, list[Sample]]) -> list[Target]:
    ours = ("SmartAgent gateway, 64", "cpu_us")
    added = [
        mine["p50_ms"] - direct["p50_ms"]
        for mine, direct in zip(found["SmartAgent gateway, 1"], found["direct, 1"], strict=True)
    ]
    return [
        Target("gateway, per CPU second, against Go ReverseProxy", ratio(found, ("Go ReverseProxy, 64", "cpu_us"), ours), 1.5, at_least=True),
        Target("gateway, per CPU second, against nginx proxy_pass", ratio(found, ("nginx proxy_pass, 64", "cpu_us"), ours), 0.4, at_least=True),
        Target("gateway, added median latency at one connection, ms", sorted(added)[len(added) // 2], 0.6, at_least=False),
    ]  # fmt: skip


@contextmanager
def nginx(
    work: Path, body: str, upstream: str, core: int, chain: Path | None = None
) -> Iterator[tuple[Running, int]]:
    """Run nginx with one location, over TLS when there is a chain; give its process and port."""
    port = free_port()
    config = work / f"nginx-{port}.conf"
    secured = "" if chain is None else f" ssl; ssl_certificate {chain}; ssl_certificate_key {chain}"
    text = NGINX.format(work=work, port=port, upstream=upstream, body=body, tls=secured)
    config.write_text(text, encoding="utf-8")
    log = work / f"nginx-{port}.out"
    with running([program("nginx", "/usr/sbin/nginx"), "-c", str(config)], core=core, log=log) as process:
        await_port(port, process, log)
        yield process, port


@contextmanager
def _go_proxy(work: Path, go: dict[str, str], static: int) -> Iterator[tuple[Running, int]]:
    port = free_port()
    command = [go["proxy"], "-listen", f"127.0.0.1:{port}", "-upstream", f"http://127.0.0.1:{static}"]
    log = work / "go-proxy.out"
    with running(command, core=SERVER_CORE, environ={"GOMAXPROCS": "1"}, log=log) as process:
        await_port(port, process, log)
        yield process, port


def _load(generator: str, url: str, process: Running | None, how: tuple[int, float, str]) -> Sample:
    connections, seconds, token = how
    command = [generator, "get", "-url", url, "-connections", str(connections), "-seconds", str(seconds)]
    command += ["-header", f"Authorization: Bearer {token}"] if token else []
    return loaded(command, process)
