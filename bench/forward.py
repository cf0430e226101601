# SPDX-License-Identifier: Apache-2.0
"""The forward proxy with interception, TLS on both sides: ours, mitmproxy, and a small interceptor in Go."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
    free_port,
    loaded,
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


class House(NamedTuple):
    """An authority that was prepared, and is not running."""

    data: Path
    ports: tuple[int, int]
    agents: Path


Opened = Callable[[], AbstractContextManager[Proxy]]


def measure(work: Path, go: dict[str, str], rounds: int, seconds: float) -> Part:
    """Measure requests in tunnels that stay, new tunnels, WebSockets, and what open tunnels weigh."""
    chain, roots = _certificates(work)
    found: Rounds = {}
    with ExitStack() as stack:
        static = stack.enter_context(nginx(work, STATIC.format(text=ANSWER), "", LOAD_CORE, chain))[1]
        proxies = {"direct": Proxy(None, 0, str)}
        proxies[GO] = stack.enter_context(_interceptor(work, go["intercept"], roots))
        proxies[MITM] = stack.enter_context(_mitmproxy(work, roots))
        proxies[OURS] = stack.enter_context(_ours(_prepared(work, static), roots))
        ask = partial(_timed, go["load"], seconds)
        found |= interleaved(rounds, _subjects(ask, f"https://localhost:{static}/x", proxies))
    with _echo(work, go["echo"], chain) as other:
        opened: dict[str, Opened] = {
            GO: partial(_interceptor, work, go["intercept"], roots),
            OURS: partial(_ours, _prepared(work, other), roots),
        }
        url = f"https://localhost:{other}"
        found |= interleaved(rounds, _talkers(partial(_timed, go["load"], seconds), url, opened))
        found |= interleaved(rounds, _weights(go["load"], url, opened))
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
    "Idle connections are those of reverse mode, without TLS. Each weighing starts a proxy of its own.",
)


Ask = Callable[[Proxy, list[str]], Sample]


def _subjects(ask: Ask, url: str, proxies: dict[str, Proxy]) -> dict[str, Callable[[], Sample]]:
    subjects: dict[str, Callable[[], Sample]] = {}
    for connections in (64, 1):
        words = ["get", "-url", url, "-connections", str(connections)]
        for name, proxy in proxies.items():
            subjects[f"{name}, {connections}"] = partial(ask, proxy, words)
    words = ["streams", "-url", url, "-connections", "64"]
    subjects[f"{OURS}, HTTP/2, 64 streams"] = partial(ask, proxies[OURS], words)
    words = ["get", "-url", url, "-connections", "16", "-fresh"]
    for name, proxy in proxies.items():
        subjects[f"{name}, new tunnels, 16"] = partial(ask, proxy, words)
    return subjects


def _talkers(ask: Ask, url: str, opened: dict[str, Opened]) -> dict[str, Callable[[], Sample]]:
    def converse(proxy: Opened) -> Sample:
        with proxy() as running_proxy:
            return ask(running_proxy, ["echo", "-url", f"{url}/echo", "-connections", "64"])

    return {f"{name}, WebSockets, 64": partial(converse, proxy) for name, proxy in opened.items()}


def _weights(load: str, url: str, opened: dict[str, Opened]) -> dict[str, Callable[[], Sample]]:
    subjects: dict[str, Callable[[], Sample]] = {}
    for name, proxy in opened.items():
        subjects[f"{name}, idle tunnels"] = partial(_weigh, proxy, [load, "hold", "-url", f"{url}/x"])
        active = [load, "hold", "-begun", "-url", f"{url}/hold"]
        subjects[f"{name}, active tunnels"] = partial(_weigh, proxy, active)
    subjects[f"{OURS}, idle connections"] = partial(_weigh_plain, load, opened[OURS])
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


def _prepared(work: Path, upstream: int) -> House:
    data = work / f"forward-{upstream}"
    ports = prepare(data, f"https://localhost:{upstream}")
    return House(data, ports, add_agents(data, 1))


@contextmanager
def _ours(house: House, roots: Path) -> Iterator[Proxy]:
    trusts = {"SSL_CERT_FILE": str(roots)}
    with serving(house.data, workers=1, core=SERVER_CORE, ports=house.ports, environ=trusts) as authority:
        yield Proxy(
            authority.process,
            house.ports[1],
            lambda: f"Bearer {tokens_for(authority, house.agents, 1)[0]}",
        )


def _timed(load: str, seconds: float, proxy: Proxy, words: list[str]) -> Sample:
    return loaded([load, *words, "-seconds", str(seconds), *_through(proxy)], proxy.process)


def _weigh(opened: Opened, command: list[str]) -> Sample:
    """Return what each of many open tunnels adds to the memory of a proxy that has held none yet."""
    with opened() as proxy:
        return _grown([*command, *_through(proxy)], proxy)


def _weigh_plain(load: str, opened: Opened) -> Sample:
    """Return what each of many connections in reverse mode adds, without TLS."""
    with opened() as proxy:
        url = f"http://127.0.0.1:{proxy.port}/bench/x"
        return _grown([load, "hold", "-url", url, "-header", f"Authorization: {proxy.password()}"], proxy)


def _grown(command: list[str], proxy: Proxy) -> Sample:
    process = proxy.process
    if process is None:
        raise AssertionError(command)
    # What the first tunnel brings with it is not a tunnel's.
    before = _held([*command, "-connections", "1"], process)
    after = _held([*command, "-connections", str(HELD)], process)
    return {"kb_each": (after - before) / (HELD - 1) / 1000}


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
