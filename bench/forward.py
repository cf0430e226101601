# SPDX-License-Identifier: Apache-2.0
"""The forward proxy with interception, TLS on both sides: ours, mitmproxy, and a small interceptor in Go."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.authority import add_agents, prepare, serving
from bench.figures import Part, Rounds, Sample, Target, interleaved, median, ratio
from bench.gateway import ANSWER, STATIC, nginx
from bench.processes import (
    LOAD_CORE,
    SERVER_CORE,
    Missing,
    Running,
    await_port,
    cpu_seconds,
    free_port,
    memory,
    pinned,
    running,
)
from bench.warrants import tokens_for
from smartagent.crypto import CertificateAuthority, LeafKey, system_entropy
from smartagent.kernel import Secret

MITMDUMP = Path(__file__).parent / "results" / ".work" / "mitmproxy" / "bin" / "mitmdump"
HELD = 1000
"""How many tunnels are held open to weigh them."""
OURS, GO, MITM = "SmartAgent", "Go interceptor", "mitmproxy"
_CREDENTIAL = "Bearer bench-secret-that-nobody-sees"
_PASSWORD = "Bearer bench-password"  # noqa: S105 -- of a proxy that lives for seconds


class Proxy(NamedTuple):
    """A forward proxy that runs, its port, and what it wants to hear; none: the upstream is asked itself."""

    process: Running | None
    port: int
    password: Callable[[], str]


class Rig(NamedTuple):
    """What is measured, by what, against which upstreams."""

    load: str
    proxies: dict[str, Proxy]
    static: str
    other: str
    seconds: float


def measure(work: Path, go: dict[str, str], rounds: int, seconds: float) -> Part:
    """Measure requests in tunnels that stay, new tunnels, WebSockets, and what open tunnels weigh."""
    with ExitStack() as stack:
        chain, roots = _certificates(work)
        static = stack.enter_context(nginx(work, STATIC.format(text=ANSWER), "", LOAD_CORE, chain))[1]
        other = stack.enter_context(_echo(work, go["echo"], chain))
        proxies = {"direct": Proxy(None, 0, str)}
        proxies[GO] = stack.enter_context(_interceptor(work, go["intercept"], roots))
        proxies[MITM] = stack.enter_context(_mitmproxy(work, roots))
        proxies[OURS] = stack.enter_context(_ours(work, static, roots))
        rig = Rig(go["load"], proxies, f"https://localhost:{static}/x", f"https://localhost:{other}", seconds)
        found = interleaved(rounds, _subjects(rig))
    # Tunnels to the other upstream need another entry, and a gateway that has held nothing yet.
    with ExitStack() as stack:
        other = stack.enter_context(_echo(work, go["echo"], chain))
        proxies = {GO: stack.enter_context(_interceptor(work, go["intercept"], roots))}
        proxies[OURS] = stack.enter_context(_ours(work, other, roots))
        rig = Rig(go["load"], proxies, "", f"https://localhost:{other}", seconds)
        found |= interleaved(rounds, _other_subjects(rig))
    return Part(
        "forward", "The forward proxy with interception, TLS on both sides", found, _targets(found), NOTES
    )


NOTES = (
    "The number after the name is how many connections. 1 KB answers from nginx; the upstream and the load share a core.",
    "New tunnels: each request has a tunnel and a TLS handshake of its own; towards the upstream connections are kept.",
    "WebSockets: messages of 256 bytes that come back, over TLS on both sides; SmartAgent searches what comes back.",
    (
        "SmartAgent authenticates, decides and durably records every request (synchronous=FULL) before the credential "
        "leaves; cpu us counts its writer too. The Go interceptor, written for this, and mitmproxy record nothing."
    ),
    f"Memory: what {HELD} open tunnels add, divided by them; active ones have an answer in flight from an upstream over TLS.",
)


def _subjects(rig: Rig) -> dict[str, Callable[[], Sample]]:
    subjects: dict[str, Callable[[], Sample]] = {}
    for connections in (64, 1):
        for name in rig.proxies:
            subjects[f"{name}, {connections}"] = partial(_requests, rig, name, connections)
    for name in rig.proxies:
        subjects[f"{name}, new tunnels, 16"] = partial(_requests, rig, name, 16, "-fresh")
    return subjects


def _other_subjects(rig: Rig) -> dict[str, Callable[[], Sample]]:
    subjects: dict[str, Callable[[], Sample]] = {}
    for name in rig.proxies:
        subjects[f"{name}, idle tunnels"] = partial(_weigh, rig, name, "/x")
        subjects[f"{name}, active tunnels"] = partial(_weigh, rig, name, "/hold", "-begun")
        subjects[f"{name}, WebSockets, 64"] = partial(_messages, rig, name)
    return subjects


def _targets(found: Rounds) -> list[Target]:
    ours = (f"{OURS}, 64", "cpu_us")
    tunnel = ratio(found, (f"{OURS}, new tunnels, 16", "cpu_us"), (f"{GO}, new tunnels, 16", "cpu_us"))
    return [
        Target("forward proxy, per CPU second, against mitmproxy", ratio(found, (f"{MITM}, 64", "cpu_us"), ours), 20, at_least=True),
        Target("forward proxy, per CPU second, against Go", ratio(found, (f"{GO}, 64", "cpu_us"), ours), 1.1, at_least=True),
        Target("a new tunnel, CPU against Go", tunnel, 1.6, at_least=False),
        Target("memory of an idle tunnel, KB", median(found, f"{OURS}, idle tunnels", "kb_each"), 60, at_least=False),
        Target("memory of an active tunnel, KB", median(found, f"{OURS}, active tunnels", "kb_each"), 200, at_least=False),
    ]  # fmt: skip


def _certificates(work: Path) -> tuple[Path, Path]:
    """Write a chain with its key for `localhost`, and what to trust for it."""
    authority = CertificateAuthority(Secret(system_entropy(32)), "bench")
    key = LeafKey()
    chain, roots = work / "chain.pem", work / "roots.pem"
    chain.touch(mode=0o600)
    chain.write_bytes(authority.leaf("localhost", key, time.time(), system_entropy) + key.pem().reveal())
    roots.write_bytes(authority.pem)
    return chain, roots


@contextmanager
def _echo(work: Path, program: str, chain: Path) -> Iterator[int]:
    port = free_port()
    command = [program, "-listen", f"127.0.0.1:{port}", "-chain", str(chain)]
    log = work / "go-echo.out"
    with running(command, core=LOAD_CORE, environ={"GOMAXPROCS": "1"}, log=log) as process:
        await_port(port, process, log)
        yield port


@contextmanager
def _interceptor(work: Path, program: str, roots: Path) -> Iterator[Proxy]:
    port = free_port()
    command = [program, "-listen", f"127.0.0.1:{port}", "-roots", str(roots)]
    command += ["-credential", _CREDENTIAL, "-password", _PASSWORD]
    log = work / "go-intercept.out"
    with running(command, core=SERVER_CORE, environ={"GOMAXPROCS": "1"}, log=log) as process:
        await_port(port, process, log)
        yield Proxy(process, port, lambda: _PASSWORD)


@contextmanager
def _mitmproxy(work: Path, roots: Path) -> Iterator[Proxy]:
    if not MITMDUMP.exists():
        raise Missing("mitmproxy is not installed: `make bench` installs it beside the results")
    port = free_port()
    options = {
        "listen_host": "127.0.0.1",
        "listen_port": str(port),
        "confdir": str(work / "mitmproxy"),
        "ssl_verify_upstream_trusted_ca": str(roots),
        "http2": "false",
        "upstream_cert": "false",
        "connection_strategy": "lazy",
        "modify_headers": f"/~q/Authorization/{_CREDENTIAL}",
    }
    command = [str(MITMDUMP), "--quiet"]
    command += [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    log = work / "mitmproxy.out"
    with running(command, core=SERVER_CORE, log=log) as process:
        await_port(port, process, log)
        yield Proxy(process, port, lambda: _PASSWORD)


@contextmanager
def _ours(work: Path, upstream: int, roots: Path) -> Iterator[Proxy]:
    data = work / f"forward-{upstream}"
    ports = prepare(data, f"https://localhost:{upstream}")
    agents = add_agents(data, 1)
    trusts = {"SSL_CERT_FILE": str(roots)}
    with serving(data, workers=1, core=SERVER_CORE, ports=ports, environ=trusts) as authority:
        yield Proxy(authority.process, ports[1], lambda: f"Bearer {tokens_for(authority, agents, 1)[0]}")


def _requests(rig: Rig, name: str, connections: int, *more: str) -> Sample:
    return _timed(rig, name, ["get", "-url", rig.static, "-connections", str(connections), *more])


def _messages(rig: Rig, name: str) -> Sample:
    return _timed(rig, name, ["echo", "-url", f"{rig.other}/echo", "-connections", "64"])


def _timed(rig: Rig, name: str, words: list[str]) -> Sample:
    process = rig.proxies[name].process
    command = [rig.load, *words, "-seconds", str(rig.seconds), *_through(rig.proxies[name])]
    before = cpu_seconds(process) if process else 0.0
    seen = json.loads(subprocess.run(pinned(command, LOAD_CORE), stdout=subprocess.PIPE, check=True).stdout)
    used = cpu_seconds(process) - before if process else 0.0
    if seen["errors"]:
        raise RuntimeError(f"the load was not what it should be: {seen}")
    sample = {"per_second": seen["per_second"], "p50_ms": seen["p50_ms"], "p99_ms": seen["p99_ms"]}
    return {"cpu_us": used / seen["all"] * 1e6, **sample} if process else sample


def _weigh(rig: Rig, name: str, path: str, *more: str) -> Sample:
    """Return what each of many open tunnels adds to the proxy's memory."""
    process = rig.proxies[name].process
    if process is None:
        raise AssertionError(name)
    command = [rig.load, "hold", "-url", f"{rig.other}{path}", *more, *_through(rig.proxies[name])]
    # What the first tunnel brings with it is not a tunnel's.
    _held([*command, "-connections", "1"], process)
    before = memory(process)["rss_bytes"]
    after = _held([*command, "-connections", str(HELD)], process)
    return {"kb_each": (after - before) / HELD / 1000}


def _held(command: list[str], process: Running) -> int:
    with subprocess.Popen(pinned(command, LOAD_CORE), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load:
        if load.stdout is None or load.stdout.readline() != b"held\n":
            raise RuntimeError(f"the tunnels were not opened: {command}")
        found = memory(process)["rss_bytes"]
        load.communicate()
    return found


def _through(proxy: Proxy) -> list[str]:
    if proxy.process is None:
        return []
    return ["-proxy", f"127.0.0.1:{proxy.port}", "-proxy-auth", proxy.password()]
