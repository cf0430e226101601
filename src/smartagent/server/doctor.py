# SPDX-License-Identifier: Apache-2.0
"""`smartagent doctor`: what is wrong with a set-up, in plain words, and what to do about it.

It changes nothing, and works whether the authority runs or not.
"""

import asyncio
import shutil
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from smartagent.crypto import SystemClock
from smartagent.kernel import SmartAgentError
from smartagent.server.errors import PortTaken
from smartagent.server.premises import check_port_free
from smartagent.server.rootkey import is_wrapped, read_root_key, wrapped_path
from smartagent.server.settings import Settings, shown
from smartagent.server.stores import opened_store
from smartagent.storage import SchemaTooOld, read_size

PYTHON: Final = (3, 11)
LEAST_FREE_BYTES: Final = 512 * 1024 * 1024
MOST_DRIFT_SECONDS: Final = 5.0
_OTHERS: Final = 0o077
_EARLIEST: Final = 1_767_225_600  # 2026-01-01: a clock before that was never set
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_PATIENCE_SECONDS: Final = 3.0

State = Literal["well", "note", "wrong"]


class Finding(msgspec.Struct, frozen=True):
    """What one check found.  `remedy` is empty when there is nothing to do."""

    check: str
    state: State
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Run every check, whatever the others found."""
    findings: list[Finding] = []
    for check in _CHECKS:
        findings.extend(check(settings))
    return findings


def _python(_: Settings) -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        yield Finding("python", "wrong", found, "install Python 3.11 or later")
    else:
        yield Finding("python", "well", found)


def _data_dir(settings: Settings) -> Iterator[Finding]:
    path = settings.data_path
    if not path.exists():
        yield Finding("data directory", "note", f"{path} does not exist yet", "smartagent serve makes it")
    elif not path.is_dir():
        yield Finding("data directory", "wrong", f"{path} is no directory", "set another data_dir")
    elif stat.S_IMODE(path.stat().st_mode) & _OTHERS:
        yield Finding("data directory", "wrong", f"others can enter {path}", f"run: chmod 700 {path}")
    else:
        yield Finding("data directory", "well", str(path))


def _root_key(settings: Settings) -> Iterator[Finding]:
    path = wrapped_path(settings) if is_wrapped(settings.root_key) else Path(settings.root_key)
    if not path.exists():
        if not settings.is_postgres and Path(settings.store).exists():
            yield Finding(
                "root key", "wrong", f"{path} is gone, and the store needs it", "restore it from its copy"
            )
        else:
            yield Finding("root key", "note", f"{path} does not exist yet", "smartagent serve makes it")
        return
    try:
        read_root_key(settings)
    except SmartAgentError as error:
        yield Finding("root key", "wrong", str(error), "until then nothing in the vault can be opened")
    else:
        yield Finding("root key", "well", f"{settings.root_key} gives it")


def _ports(settings: Settings) -> Iterator[Finding]:
    for name, port in (("authority's port", settings.port), ("gateway's port", settings.gateway_port)):
        try:
            check_port_free(settings.listen, port)
        except PortTaken:
            if _health(settings) is not None:
                yield Finding(name, "well", f"{port}: this authority runs there")
            else:
                yield Finding(
                    name, "wrong", f"{port}: somebody else listens there", "stop it, or set another port"
                )
        except SmartAgentError as error:
            yield Finding(name, "wrong", str(error), "set listen to an address of this machine")
        else:
            yield Finding(name, "well", f"{port} is free")


def _store(settings: Settings) -> Iterator[Finding]:
    where = shown("store", settings.store)
    if not settings.is_postgres and not Path(settings.store).exists():
        yield Finding("store", "note", f"{where} does not exist yet", "smartagent serve makes it")
        return
    try:
        size = asyncio.run(_read_size(settings))
    except SchemaTooOld as error:
        yield Finding("store", "note", f"{where}: {error}", "smartagent serve brings it up to date")
    except SmartAgentError as error:
        yield Finding(
            "store", "wrong", f"{where}: {error}", "check that it runs, its name, user and password"
        )
    except Exception as error:  # noqa: BLE001 -- a damaged store can fail in any way, and that is what is asked
        found = f"{where} cannot be read ({type(error).__name__})"
        yield Finding("store", "wrong", found, "restore it from a backup, or name another")
    else:
        yield Finding("store", "well", f"{where} answers; its log holds {size} entries")


async def _read_size(settings: Settings) -> int:
    async with opened_store(settings) as store:
        return await read_size(store.database)


def _clock(settings: Settings) -> Iterator[Finding]:
    now = SystemClock().now()
    if now < _EARLIEST:
        yield Finding(
            "clock", "wrong", "it was never set", "set it (timedatectl set-ntp true): tokens would be dead"
        )
        return
    headers = _health(settings)
    date = headers.get("date") if headers else None
    if date is None:
        yield Finding("clock", "well", "it looks set; run on a node that serves to compare")
        return
    drift = abs(parsedate_to_datetime(date).timestamp() - now)
    if drift > MOST_DRIFT_SECONDS:
        yield Finding(
            "clock", "wrong", f"{drift:.0f} s apart from the authority's", "synchronise both clocks"
        )
    else:
        yield Finding("clock", "well", "it agrees with the authority's")


def _issuer(settings: Settings) -> Iterator[Finding]:
    for name, url, port in (
        ("issuer", settings.issuer, settings.port),
        ("gateway_url", settings.gateway_url, settings.gateway_port),
    ):
        parts = urlsplit(url)
        local = (parts.hostname or "") in _LOCAL
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            yield Finding(name, "wrong", f"{url} is no plain http(s) URL", f"set {name} to the public URL")
        elif parts.scheme == "http" and not local:
            yield Finding(name, "wrong", f"{url} is not encrypted", "put TLS before it and use https://")
        elif local and settings.listen not in _LOCAL:
            yield Finding(
                name,
                "note",
                f"{url} is this machine's, but it listens on {settings.listen}",
                f"set {name} to the URL that others use",
            )
        elif local and parts.port not in {None, port}:
            yield Finding(name, "note", f"{url} is not port {port}", "right only behind a proxy")
        else:
            yield Finding(name, "well", url)


def _disk(settings: Settings) -> Iterator[Finding]:
    path = settings.data_path if settings.data_path.exists() else Path()
    free = shutil.disk_usage(path).free
    megabytes = f"{free // 1_048_576} MB free"
    if free < LEAST_FREE_BYTES:
        yield Finding(
            "disk", "wrong", megabytes, "make room: when the disk is full nothing is recorded or answered"
        )
    else:
        yield Finding("disk", "well", megabytes)


def _log(settings: Settings) -> Iterator[Finding]:
    from smartagent.server.logcheck import check_head  # noqa: PLC0415 -- loads the audit room

    try:
        yield Finding("audit log", "well", check_head(settings))
    except FileNotFoundError:
        yield Finding("audit log", "note", "there is none yet", "smartagent serve begins it")
    except SmartAgentError as error:
        yield Finding(
            "audit log", "wrong", f"{error.title} {error}", "keep this store as evidence; restore a backup"
        )


def _health(settings: Settings) -> dict[str, str] | None:
    host = f"[{settings.listen}]" if ":" in settings.listen else settings.listen
    if settings.listen in {"0.0.0.0", "::"}:  # noqa: S104 -- compared, not listened on
        host = "127.0.0.1"
    try:
        with urllib.request.urlopen(
            f"http://{host}:{settings.port}/healthz", timeout=_PATIENCE_SECONDS
        ) as answer:
            raw = answer.read(4096)
            headers = {name.lower(): value for name, value in answer.headers.items()}
    except (OSError, urllib.error.URLError, ValueError):
        return None
    return headers if b'"smartagent"' in raw else None


_CHECKS: Final[tuple[Callable[[Settings], Iterator[Finding]], ...]] = (
    _python,
    _data_dir,
    _root_key,
    _ports,
    _store,
    _clock,
    _issuer,
    _log,
    _disk,
)
