# SPDX-License-Identifier: Apache-2.0
"""Role files: TOML in, a checked `Role` out, and every complaint says where.

name = "order-reader"
description = "Reads orders"
ttl = "15m"
networks = ["10.0.0.0/8"]
hours = ["Mon-Fri 08:00-18:00 Europe/Berlin"]
scopes = ["revocations.follow"]
credentials = ["orders-db"]

[[allow]]
scope = "orders:read"
upstream = "orders"
methods = ["GET"]
paths = ["/orders/**"]

[[allow]]
scope = "refunds:write"
upstream = "orders"
methods = ["POST"]
paths = ["/refunds"]
ask = "four-eyes"

[limits]
rate = "10/s"
concurrent = 4

[shared_limits]
rate = "100/s"

[[mcp]]
server = "files"
tools = ["read_*"]

[[database]]
credential = "billing-db"
tables = ["public.invoices"]
privileges = ["select"]
"""

import ipaddress
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import msgspec

from smartagent.edge import TargetRefused, parse_target
from smartagent.kernel import UNLIMITED, Limits, UnusableLimit, parse_limits
from smartagent.policy.errors import MalformedRoleFile
from smartagent.policy.hours import parse_window
from smartagent.policy.mcpfile import McpFile, parse_mcp
from smartagent.policy.model import ANY, Allow, Ask, ResourceAllow, Role
from smartagent.policy.operations import parse_operation
from smartagent.policy.patterns import parse_pattern
from smartagent.policy.resourcefile import (
    CloudFile,
    DatabaseFile,
    FilesFile,
    HostsFile,
    parse_cloud,
    parse_database,
    parse_files,
    parse_hosts,
)

MAX_ROLE_FILE_BYTES: Final = 32_768
MAX_TTL_SECONDS: Final = 3600
MAX_ITEMS: Final = 64
MAX_TEXT_CHARS: Final = 255
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SCOPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/-]{0,127}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_METHOD: Final = re.compile(r"[A-Z]{3,20}")
_TTL: Final = re.compile(r"([1-9][0-9]{0,4})([smh])")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!$-~]+")
_CONTENT_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_BLOCKS: Final = "allow|mcp|database|files|hosts|cloud"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_NEVER_SENT: Final = frozenset({"CONNECT", "TRACE"})

S = TypeVar("S")
T = TypeVar("T")


class _AllowFile(msgspec.Struct, forbid_unknown_fields=True):
    scope: str
    upstream: str
    methods: list[str]
    paths: list[str]
    content_types: list[str] = []
    operations: list[str] = []
    ask: Ask | None = None


class _RoleFile(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    description: str = ""
    ttl: str = "15m"
    networks: list[str] = []
    hours: list[str] = []
    audiences: list[str] = []
    scopes: list[str] = []
    credentials: list[str] = []
    allow: list[_AllowFile] = []
    limits: Limits = UNLIMITED
    shared_limits: Limits = UNLIMITED
    mcp: list[McpFile] = []
    database: list[DatabaseFile] = []
    files: list[FilesFile] = []
    hosts: list[HostsFile] = []
    cloud: list[CloudFile] = []
    flow: str = "shadow"
    prompt: str = ""


def parse_role_file(text: str) -> Role:
    """Read a role file.

    Raises:
        MalformedRoleFile: It is not TOML, has unknown members, or a value is not what its
            member takes; names the line and the field.
    """
    if len(text.encode("utf-8", "replace")) > MAX_ROLE_FILE_BYTES:
        raise MalformedRoleFile(f"a role file has at most {MAX_ROLE_FILE_BYTES} bytes")
    checker = _Checker(text)
    raw = checker.read()
    role = Role(
        name=checker.one("name", raw.name, parse_name),
        description=checker.one("description", raw.description, _parse_description),
        ttl_seconds=checker.one("ttl", raw.ttl, _parse_ttl),
        networks=checker.each("networks", raw.networks, _parse_network),
        hours=checker.each("hours", raw.hours, _parse_hours),
        audiences=checker.each("audiences", raw.audiences, _parse_audience),
        other_scopes=checker.each("scopes", raw.scopes, _parse_scope),
        credentials=checker.each("credentials", raw.credentials, parse_name),
        allow=tuple(_parse_allow(checker, index, block) for index, block in enumerate(raw.allow)),
        limits=checker.limits("limits", raw.limits),
        shared_limits=checker.limits("shared_limits", raw.shared_limits),
        mcp=tuple(checker.one(f"mcp[{index}]", block, parse_mcp) for index, block in enumerate(raw.mcp)),
        flow=raw.flow,
        prompt=checker.one("prompt", raw.prompt, _parse_digest),
        resources=_parse_resources(checker, raw),
    )
    if role.flow not in {"shadow", "stop"}:
        raise checker.complaint("flow", "shadow or stop")
    if len(role.mcp) > MAX_ITEMS:
        raise MalformedRoleFile(f"a role has at most {MAX_ITEMS} mcp blocks", field="mcp")
    if len(role.allow) > MAX_ITEMS:
        raise MalformedRoleFile(f"a role has at most {MAX_ITEMS} allow blocks", field="allow")
    return role


def parse_name(raw: str) -> str:
    """Read the name of a role, a policy, an upstream or a credential.

    Raises:
        ValueError: It is not 1 to 63 of a-z, 0-9 and inner hyphens.
    """
    if not _NAME.fullmatch(raw):
        msg = "a name is 1 to 63 of a-z, 0-9 and inner hyphens"
        raise ValueError(msg)
    return raw


def _parse_allow(checker: "_Checker", index: int, raw: _AllowFile) -> Allow:
    place = f"allow[{index}]."
    for member in ("methods", "paths"):
        if not getattr(raw, member):
            raise checker.complaint(place + member, "is empty, so this block would allow nothing")
    methods = checker.each(place + "methods", raw.methods, _parse_method)
    if ANY in methods and len(methods) > 1:
        raise checker.complaint(place + "methods", "`*` means every method; let it stand alone")
    return Allow(
        scope=checker.one(place + "scope", raw.scope, _parse_scope),
        upstream=checker.one(place + "upstream", raw.upstream, _parse_upstream),
        methods=methods,
        paths=checker.each(place + "paths", raw.paths, _parse_path),
        content_types=checker.each(place + "content_types", raw.content_types, _parse_content_type),
        operations=checker.each(place + "operations", raw.operations, parse_operation),
        ask=raw.ask,
    )


def _parse_resources(checker: "_Checker", raw: _RoleFile) -> tuple[ResourceAllow, ...]:
    found = (
        *(
            checker.one(f"database[{index}]", block, parse_database)
            for index, block in enumerate(raw.database)
        ),
        *(checker.one(f"files[{index}]", block, parse_files) for index, block in enumerate(raw.files)),
        *(checker.one(f"hosts[{index}]", block, parse_hosts) for index, block in enumerate(raw.hosts)),
        *(checker.one(f"cloud[{index}]", block, parse_cloud) for index, block in enumerate(raw.cloud)),
    )
    if len(found) > MAX_ITEMS:
        raise MalformedRoleFile(f"a role has at most {MAX_ITEMS} blocks that narrow credentials")
    for index, name in enumerate(raw.credentials):
        if any(block.credential == name for block in found):
            reason = f"{name} is narrowed by a block, which this line would undo; take it out here"
            raise checker.complaint(f"credentials[{index}]", reason)
    return found


def _parse_description(raw: str) -> str:
    if len(raw) > MAX_TEXT_CHARS or not raw.isprintable():
        raise ValueError(f"one line of at most {MAX_TEXT_CHARS} characters")
    return raw


def _parse_digest(raw: str) -> str:
    if raw and not _DIGEST.fullmatch(raw):
        msg = "the SHA-256 of a prompt file, as 64 of 0-9 and a-f"
        raise ValueError(msg)
    return raw


def _parse_ttl(raw: str) -> int:
    found = _TTL.fullmatch(raw)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= MAX_TTL_SECONDS:
        msg = 'a whole number with its unit, "1s" to "1h", as in "15m"'
        raise ValueError(msg)
    return seconds


def _parse_network(raw: str) -> str:
    if "%" in raw:
        msg = "a network has no zone"
        raise ValueError(msg)
    try:
        return str(ipaddress.ip_network(raw))
    except ValueError as error:
        raise ValueError(f"not a network in CIDR form ({error})") from error


def _parse_hours(raw: str) -> str:
    parse_window(raw)
    return raw


def _parse_audience(raw: str) -> str:
    if len(raw) > MAX_TEXT_CHARS or "#" in raw or not _URI.fullmatch(raw):
        msg = "an audience is an absolute URI without a fragment"
        raise ValueError(msg)
    return raw


def _parse_scope(raw: str) -> str:
    if not _SCOPE.fullmatch(raw):
        msg = "a scope is 1 to 128 of A-Z, a-z, 0-9 and : . _ / -"
        raise ValueError(msg)
    return raw


def _parse_upstream(raw: str) -> str:
    return raw if raw == ANY else parse_name(raw)


def _parse_method(raw: str) -> str:
    if raw in _NEVER_SENT:
        raise ValueError(f"the gateway never sends {raw}")
    if raw != ANY and not _METHOD.fullmatch(raw):
        msg = 'a method is in upper case, as in "GET", or "*"'
        raise ValueError(msg)
    return raw


def _parse_path(raw: str) -> str:
    pattern = parse_pattern(raw)
    # A path that could match it goes through the gateway's own check: what is never let in is never meant.
    example = "/" + "/".join("x" if segment is None else segment for segment in pattern.segments)
    try:
        parse_target(example)
    except TargetRefused as error:
        raise ValueError(f"no such path is ever let through ({error})") from error
    return raw


def _parse_content_type(raw: str) -> str:
    if not _CONTENT_TYPE.fullmatch(raw):
        msg = 'a content type is in lower case and has no parameters, as in "application/json"'
        raise ValueError(msg)
    return raw


class _Checker:
    """Applies a parser to a value and says where it stood when the parser complains."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> _RoleFile:
        try:
            return msgspec.convert(tomllib.loads(self._text), _RoleFile)
        except tomllib.TOMLDecodeError as error:
            raise MalformedRoleFile(f"not TOML: {error}") from error
        except RecursionError:
            msg = "not a role: nested too deeply"
            raise MalformedRoleFile(msg) from None
        except msgspec.ValidationError as error:
            reason, _, place = str(error).partition(" - at `")
            field = place.rstrip("`").removeprefix("$").removeprefix(".")
            unknown = re.search(r"unknown field `([^`]*)`", reason)
            if unknown:
                field = f"{field}.{unknown[1]}".removeprefix(".")
                reason = "a role file has no such member"
            raise self.complaint(field, reason[:MAX_TEXT_CHARS]) from error

    def one(self, field: str, value: S, parse: Callable[[S], T]) -> T:
        try:
            return parse(value)
        except ValueError as error:
            raise self.complaint(field, str(error)) from error

    def each(self, field: str, values: list[str], parse: Callable[[str], str]) -> tuple[str, ...]:
        if len(values) > MAX_ITEMS:
            raise self.complaint(field, f"at most {MAX_ITEMS} of them")
        parsed = tuple(self.one(f"{field}[{index}]", value, parse) for index, value in enumerate(values))
        for index, value in enumerate(parsed):
            if value in parsed[:index]:
                raise self.complaint(f"{field}[{index}]", "stands here twice")
        return parsed

    def limits(self, field: str, value: Limits) -> Limits:
        try:
            return parse_limits(value, shared=field == "shared_limits")
        except UnusableLimit as error:
            raise self.complaint(f"{field}.{error.field}", error.reason) from error

    def complaint(self, field: str, reason: str) -> MalformedRoleFile:
        return MalformedRoleFile(reason, field=field, line=line_of(self._text.splitlines(), field))


def line_of(lines: Iterable[str], field: str) -> int:
    """Find the line that sets `field`, as in `allow[2].paths`; 0 when it cannot be told.  Only ever used in a complaint."""
    found = re.fullmatch(rf"(?:(?:({_BLOCKS})\[(\d+)\]|(limits|shared_limits))\.?)?(\w*)(?:\[.*)?", field)
    if not found:
        return 0
    wanted, key = (found[1] or found[3] or "", int(found[2] or 0)), found[4]
    table, blocks = ("", 0), Counter[str]()
    for number, line in enumerate(lines, 1):
        header = re.match(r"\s*\[+\s*(\w+)\s*\]", line)
        if header:
            table = (header[1], blocks[header[1]])
            blocks[header[1]] += 1
        at_key = key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line)
        if table == wanted and (at_key or (header and not key)):
            return number
    return 0
