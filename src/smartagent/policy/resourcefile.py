# SPDX-License-Identifier: Apache-2.0
"""The blocks of a role file that narrow a credential: what of it a lease of this role gives.

[[database]]
credential = "orders-db"
tables = ["public.orders", "public.items"]
columns = { "public.orders" = ["id", "status"] }
privileges = ["select"]

[[files]]
credential = "build-files"
read = ["/srv/build"]

[[hosts]]
credential = "web-hosts"
principals = ["deploy"]

[[cloud]]
credential = "reports"
actions = ["s3:GetObject"]
resources = ["arn:aws:s3:::reports/*"]

Whether the credential is one of that kind, and gives so much at all, is asked where credentials are known.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

import msgspec

from smartagent.policy.model import Item, ResourceAllow, ResourceKind

MAX_NAMES: Final = 64
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_$]{0,62})?")
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")
_PRINCIPAL: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_ACTION: Final = re.compile(r"[a-z0-9-]{1,64}:[A-Za-z0-9*?]{1,128}")
_RESOURCE: Final = re.compile(r"[!-~]{1,1024}")
_SCOPE: Final = re.compile(r"https://[a-z0-9./_-]{1,200}|[a-z]{1,32}")
_PRIVILEGES: Final = frozenset({"select", "insert", "update", "delete"})
_OF_COLUMNS: Final = _PRIVILEGES - {"delete"}


class DatabaseFile(msgspec.Struct, forbid_unknown_fields=True):
    """A database block, as it is written.  `columns` are by table; a table without has all of its own."""

    credential: str
    tables: list[str] = []
    privileges: list[str] = []
    columns: dict[str, list[str]] = {}
    sequences: list[str] = []


class FilesFile(msgspec.Struct, forbid_unknown_fields=True):
    """A files block, as it is written: directories, each with all that is below it."""

    credential: str
    read: list[str] = []
    write: list[str] = []


class HostsFile(msgspec.Struct, forbid_unknown_fields=True):
    """A hosts block, as it is written: whom a host that trusts the CA lets log in."""

    credential: str
    principals: list[str]


class CloudFile(msgspec.Struct, forbid_unknown_fields=True):
    """A cloud block, as it is written: every action on every resource, or scopes."""

    credential: str
    actions: list[str] = []
    resources: list[str] = []
    scopes: list[str] = []


def parse_database(raw: DatabaseFile) -> ResourceAllow:
    """Read a block.

    Raises:
        ValueError: It is none; the text says which member, and why.
    """
    tables = _each(
        "tables", raw.tables, _TABLE.fullmatch, "a name, or one with its schema: letters, digits and _"
    )
    if bool(tables) != bool(raw.privileges):
        msg = "privileges: go with tables, and say what may be done there"
        raise ValueError(msg)
    if not _PRIVILEGES.issuperset(raw.privileges):
        raise ValueError(f"privileges: of {', '.join(sorted(_PRIVILEGES))}")
    items = [item for table in tables for item in _of_table(table, raw)]
    unknown = next((table for table in raw.columns if table not in tables), None)
    if unknown is not None:
        raise ValueError(f"columns: {unknown[:64]} is not one of the tables")
    sequences = _each("sequences", raw.sequences, _TABLE.fullmatch, "a name, or one with its schema")
    items += [Item("USAGE", name) for name in sequences]
    return _block(ResourceKind.DATABASE, raw.credential, items, "tables or sequences")


def parse_files(raw: FilesFile) -> ResourceAllow:
    """Read a block.

    Raises:
        ValueError: It is none; the text says which member, and why.
    """
    why = "absolute paths of directories, with no dots, patterns, doubled or final slashes"
    items = [Item("READ", path) for path in _each("read", raw.read, _is_directory, why)]
    items += [Item("WRITE", path) for path in _each("write", raw.write, _is_directory, why)]
    return _block(ResourceKind.FILES, raw.credential, items, "directories to read or write")


def parse_hosts(raw: HostsFile) -> ResourceAllow:
    """Read a block.

    Raises:
        ValueError: It is none; the text says which member, and why.
    """
    names = _each("principals", raw.principals, _PRINCIPAL.fullmatch, "1 to 64 of A-Z, a-z, 0-9 and . _ @ -")
    return _block(ResourceKind.HOSTS, raw.credential, [Item("LOGIN", name) for name in names], "principals")


def parse_cloud(raw: CloudFile) -> ResourceAllow:
    """Read a block.

    Raises:
        ValueError: It is none; the text says which member, and why.
    """
    if bool(raw.actions) != bool(raw.resources):
        msg = "resources: go with actions; every action on every resource is meant"
        raise ValueError(msg)
    actions = _each("actions", raw.actions, _ACTION.fullmatch, 'as in "s3:GetObject"; never "*" alone')
    resources = _each("resources", raw.resources, _RESOURCE.fullmatch, "printable characters without spaces")
    scopes = _each("scopes", raw.scopes, _SCOPE.fullmatch, "an https URL, or a word")
    items = [Item(action, resource) for action in actions for resource in resources]
    items += [Item("SCOPE", scope) for scope in scopes]
    return _block(ResourceKind.CLOUD, raw.credential, items, "actions with resources, or scopes")


def _of_table(table: str, raw: DatabaseFile) -> Iterable[Item]:
    verbs = list(dict.fromkeys(each.upper() for each in raw.privileges))
    if table not in raw.columns:
        return [Item(verb, table) for verb in verbs]
    if not _OF_COLUMNS.issuperset(raw.privileges):
        raise ValueError(f"columns: nothing is deleted by column; {table} has columns here")
    columns = _each("columns", raw.columns[table], _COLUMN.fullmatch, "letters, digits and _")
    if not columns:
        raise ValueError(f"columns: {table} has none, so it would allow nothing")
    return [Item(verb, f"{table}/{column}") for verb in verbs for column in columns]


def _block(kind: ResourceKind, credential: str, items: Sequence[Item], what: str) -> ResourceAllow:
    if not _NAME.fullmatch(credential):
        msg = "credential: a name is 1 to 63 of a-z, 0-9 and inner hyphens"
        raise ValueError(msg)
    if not items:
        raise ValueError(f"names no {what}, so it would allow nothing")
    if len(items) > MAX_NAMES:
        raise ValueError(
            f"at most {MAX_NAMES} things in one block, and these are {len(items)}; write two blocks"
        )
    return ResourceAllow(kind, credential, tuple(items))


def _each(member: str, written: list[str], fits: Callable[[str], object], why: str) -> tuple[str, ...]:
    for each in written:
        if not fits(each):
            raise ValueError(f"{member}: {each[:64]!r} is none: {why}")
    return tuple(dict.fromkeys(written))


def _is_directory(raw: str) -> bool:
    path = PurePosixPath(raw)
    return (
        raw.startswith("/")
        and not raw.startswith("//")
        and str(path) == raw
        and len(path.parts) > 1
        and ".." not in path.parts
        and raw.isprintable()
        and not any(char in raw for char in "*?[]{}\\")
    )
