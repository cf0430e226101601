# SPDX-License-Identifier: Apache-2.0
"""Runs a program in a session of its own.

    open the session -> lease what the role names -> start the watcher, then the program -> keep all fresh
                                                     -> the program ends -> the session ends

When the program is killed, the session ends as if it had ended by itself.  When we are killed, the kernel kills the
program, and the watcher ends the session.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from smartagent.cli.exits import REFUSED, UNREACHABLE, USAGE, Exit
from smartagent.cli.run.process import die_with_parent, keep_to_oneself
from smartagent.cli.run.proxy import LocalProxy
from smartagent.cli.run.socket import CredentialSocket
from smartagent.crypto import system_entropy, unb64u
from smartagent.sdk import (
    Agent,
    AgentSession,
    AiohttpExchange,
    AuthorityRefused,
    AuthorityUnreachable,
    Available,
    Holder,
    load_key_file,
    rotate_key_file,
    session,
)

_FORWARDED: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT)
_TOLD_SECONDS: Final = 5.0
_NOT_FOUND: Final = 127
_NOT_RUNNABLE: Final = 126
_BY_SIGNAL: Final = 128


class Wanted(msgspec.Struct, frozen=True):
    """What shall run, with what.

    `role` must be the agent's.  `only` names credentials; empty means all that have variables.  With
    `socket_only` nothing is put into the environment but where the socket is.
    `prompt_file` is what the program runs with as its prompt; the role may ask for it.
    """

    command: Sequence[str]
    role: str
    key_file: Path
    server: str = ""
    only: tuple[str, ...] = ()
    socket_only: bool = False
    rotate_after_days: int = 0
    proxy: bool = False
    prompt_file: Path | None = None


def run(wanted: Wanted, environ: Mapping[str, str]) -> int:
    """Run the program, and return its exit code; 128 and the signal's number when one ended it.

    Raises:
        Exit: There is no session, or no credential; the program was not started.
    """
    keep_to_oneself()
    holder = _holder_of(wanted)
    try:
        if wanted.rotate_after_days and not wanted.server:
            asyncio.run(rotate_key_file(wanted.key_file, older_than_days=wanted.rotate_after_days))
            holder = _holder_of(wanted)
        return asyncio.run(_run(wanted, holder, environ))
    except AuthorityUnreachable as error:
        raise Exit(UNREACHABLE, f"The authority at {holder.issuer} does not answer ({error}).") from None
    except AuthorityRefused as error:
        raise Exit(REFUSED, f"The authority refused: {error}.") from None


def _holder_of(wanted: Wanted) -> Holder:
    holder = load_key_file(wanted.key_file)
    if not holder.principal:
        raise Exit(USAGE, f"The key in {wanted.key_file} is not enrolled.")
    if wanted.server:
        return Holder(holder.key, wanted.server, holder.principal, holder.path)
    return holder


async def _run(wanted: Wanted, holder: Holder, environ: Mapping[str, str]) -> int:
    prompt = None if wanted.prompt_file is None else _prompt_in(wanted.prompt_file)
    async with Agent(holder, prompt=prompt) as agent, session(agent) as own:
        _check_role(wanted.role, own)
        names = _chosen(await own.available(), wanted)
        child_environment = dict(environ)
        for name in names:
            kept = await own.credential(name)
            if not wanted.socket_only:
                child_environment |= {variable: value.reveal() for variable, value in kept.env.items()}
        place = CredentialSocket(own, frozenset(names), system_entropy)
        await place.start()
        child_environment["SMARTAGENT_SOCKET"] = place.address
        proxy = await _local_proxy(own, holder.issuer) if wanted.proxy else None
        if proxy is not None:
            child_environment |= proxy.environment(environ)
        watcher = await _start_watcher(environ)
        try:
            return await _with_child(wanted.command, child_environment, own, watcher, holder.issuer)
        finally:
            if proxy is not None:
                await proxy.close()
            await place.close()
            # The session ends in the next line of the caller: should we be killed in it, the watcher goes on.
            await own.close()
            await _dismiss(watcher)


def _prompt_in(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Exit(USAGE, f"{file} cannot be read: {error.strerror}.") from None


async def _local_proxy(own: AgentSession, issuer: str) -> LocalProxy:
    exchange = AiohttpExchange()
    try:
        about = await exchange("GET", f"{issuer}/.well-known/smartagent", {}, b"")
        authority = await exchange("GET", f"{issuer}/gateway-ca.pem", {}, b"")
        gateway = str(json.loads(about.body)["gateway_url"])
    except (ValueError, KeyError):
        raise Exit(REFUSED, f"The authority at {issuer} does not say where its gateway is.") from None
    finally:
        await exchange.close()
    proxy = LocalProxy(own, gateway, authority.body, system_entropy)
    await proxy.start()
    return proxy


async def _with_child(
    command: Sequence[str],
    environment: Mapping[str, str],
    own: AgentSession,
    watcher: asyncio.subprocess.Process,
    issuer: str,
) -> int:
    # In the foreground of a terminal it stays in our group, so that it may read from there.
    alone = not sys.stdin.isatty()
    url = f"{issuer}/v1/sessions/{own.id}"
    _tell(watcher, {"url": url, "token": own.token.reveal()})
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            preexec_fn=die_with_parent,
            process_group=0 if alone else None,
        )
    except FileNotFoundError:
        raise Exit(_NOT_FOUND, f"{command[0]}: there is no such program.") from None
    except OSError as error:
        raise Exit(_NOT_RUNNABLE, f"{command[0]}: {error.strerror}.") from None
    _tell(watcher, {"child": child.pid, "group": alone})
    telling = asyncio.create_task(_keep_telling(watcher, own))
    with _forwarding(child, alone=alone):
        code = await child.wait()
    telling.cancel()
    return code if code >= 0 else _BY_SIGNAL - code


async def _start_watcher(environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    plain = {
        name: value
        for name, value in environ.items()
        if name in {"PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG"}
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "smartagent.cli.run.watcher",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=plain,
        start_new_session=True,
    )


async def _dismiss(watcher: asyncio.subprocess.Process) -> None:
    _tell(watcher, {"goodbye": True})
    if watcher.stdin is not None:
        watcher.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_TOLD_SECONDS):
            await watcher.wait()


async def _keep_telling(watcher: asyncio.subprocess.Process, own: AgentSession) -> None:
    """Let the watcher have the session's token as it is now."""
    told = ""
    while True:
        current = own.token.reveal()
        if current != told:
            _tell(watcher, {"token": current})
            told = current
        await asyncio.sleep(_TOLD_SECONDS)


def _tell(watcher: asyncio.subprocess.Process, said: Mapping[str, object]) -> None:
    if watcher.stdin is not None:
        with contextlib.suppress(OSError):
            watcher.stdin.write(json.dumps(said).encode() + b"\n")


@contextlib.contextmanager
def _forwarding(child: asyncio.subprocess.Process, *, alone: bool) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def forward(number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if alone:
                os.killpg(child.pid, number)
            else:
                child.send_signal(number)

    # A terminal sends Ctrl-C to the whole foreground group itself.
    numbers = (*_FORWARDED, signal.SIGINT) if alone else _FORWARDED
    for number in numbers:
        loop.add_signal_handler(number, forward, number)
    if not alone:
        loop.add_signal_handler(signal.SIGINT, lambda: None)
    try:
        yield
    finally:
        for number in (*_FORWARDED, signal.SIGINT):
            loop.remove_signal_handler(number)


def _check_role(role: str, own: AgentSession) -> None:
    payload = own.token.reveal().split(".")[1]
    held = json.loads(unb64u(payload)).get("role", "")
    if role and held != role:
        raise Exit(REFUSED, f"The agent's role is {held}, not {role}.")


def _chosen(available: Sequence[Available], wanted: Wanted) -> tuple[str, ...]:
    names = {each.name for each in available}
    missing = [name for name in wanted.only if name not in names]
    if missing:
        raise Exit(REFUSED, f"The role does not have the credential {missing[0]}.")
    if wanted.only:
        return wanted.only
    return tuple(each.name for each in available if each.env or wanted.socket_only)
