# SPDX-License-Identifier: Apache-2.0
"""The tables `mcp_servers`, `mcp_tools` and `mcp_labels_met`, and everything that is said to them."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.sql.elements import BindParameter

from smartagent.kernel import Change, Scalar, Write
from smartagent.mcp.errors import McpChanged
from smartagent.mcp.model import McpServer, Pin, StoredServer
from smartagent.storage import Database, metadata

SERVERS_TOPIC: Final = "mcp-servers"
TOOLS_TOPIC: Final = "mcp-tools"

mcp_servers: Final = Table(
    "mcp_servers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("entry", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
mcp_tools: Final = Table(
    "mcp_tools",
    metadata,
    Column("server", Text, primary_key=True),
    Column("tool", Text, primary_key=True),
    Column("offered", Text, nullable=False),
    Column("offered_definition", Text, nullable=False),
    Column("approved", Text, nullable=False),
    Column("approved_definition", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)
mcp_labels_met: Final = Table(
    "mcp_labels_met",
    metadata,
    Column("request", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_mcp_labels_met_agent", "agent", "at"),
)

_SERVER: Final = ("name", "entry", "version", "changed_at", "changed_by")
_PIN: Final = Pin.__struct_fields__


class _Row(msgspec.Struct, array_like=True):
    name: str
    entry: str
    version: int
    changed_at: int
    changed_by: str


def _values(names: Sequence[str]) -> dict[str, BindParameter[object]]:
    return {name: bindparam("new_" + name) for name in names}


_ALL: Final = select(mcp_servers)
_ONE: Final = select(mcp_servers).where(mcp_servers.c.name == bindparam("old_name"))
_ADD: Final = insert(mcp_servers).values(_values(_SERVER))
_CHANGE: Final = (
    update(mcp_servers)
    .where(mcp_servers.c.name == bindparam("old_name"), mcp_servers.c.version == bindparam("old_version"))
    .values(_values(_SERVER))
)
_DROP: Final = delete(mcp_servers).where(
    mcp_servers.c.name == bindparam("old_name"), mcp_servers.c.version == bindparam("old_version")
)
_ALL_PINS: Final = select(*[mcp_tools.c[name] for name in _PIN])
_SOME_PINS: Final = _ALL_PINS.where(mcp_tools.c.server == bindparam("old_server"))
_ADD_PIN: Final = insert(mcp_tools).values(_values(_PIN))
_CHANGE_PIN: Final = (
    update(mcp_tools)
    .where(
        mcp_tools.c.server == bindparam("old_server"),
        mcp_tools.c.tool == bindparam("old_tool"),
        mcp_tools.c.version == bindparam("old_version"),
    )
    .values(_values(_PIN))
)
_DROP_PINS: Final = delete(mcp_tools).where(mcp_tools.c.server == bindparam("old_server"))
_MET: Final = (
    select(mcp_labels_met.c.label, func.max(mcp_labels_met.c.at))
    .where(mcp_labels_met.c.agent == bindparam("old_agent"), mcp_labels_met.c.at >= bindparam("since"))
    .group_by(mcp_labels_met.c.label)
)
_ADD_MET: Final = insert(mcp_labels_met).values(_values(("request", "label", "agent", "at")))
_DROP_MET: Final = delete(mcp_labels_met).where(
    mcp_labels_met.c.agent == bindparam("old_agent"), mcp_labels_met.c.at < bindparam("before")
)


async def read_servers(database: Database, name: str = "") -> list[StoredServer]:
    """Read the server `name`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_ONE, {"old_name": name}) if name else await database.fetch(_ALL)
    return [
        StoredServer(
            msgspec.json.decode(row.entry, type=McpServer), row.version, row.changed_at, row.changed_by
        )
        for row in msgspec.convert(found, list[_Row])
    ]


def put_server(new: StoredServer) -> Write:
    """Write `new` over the version before it; version 1 is a new server."""
    name = new.server.name
    values: dict[str, Scalar] = {
        "new_name": name,
        "new_entry": msgspec.json.encode(new.server).decode(),
        "new_version": new.version,
        "new_changed_at": new.changed_at,
        "new_changed_by": new.changed_by,
    }
    if new.version == 1:
        return Write(_ADD, values, McpChanged(name))
    return Write(_CHANGE, values | {"old_name": name, "old_version": new.version - 1}, McpChanged(name))


def drop_server(old: StoredServer) -> tuple[Write, ...]:
    """Delete the version of a server that was seen, and what was pinned of it."""
    name = old.server.name
    seen: dict[str, Scalar] = {"old_name": name, "old_version": old.version}
    return (
        Write(_DROP, seen, McpChanged(name)),
        Write(_DROP_PINS, {"old_server": name}, McpChanged(name), rows=None),
    )


async def read_pins(database: Database, server: str = "") -> list[Pin]:
    """Read what is pinned of `server`, or of all servers.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = (
        await database.fetch(_SOME_PINS, {"old_server": server})
        if server
        else await database.fetch(_ALL_PINS)
    )
    return [
        msgspec.convert(dict(zip(_PIN, msgspec.convert(row, list[object]), strict=True)), Pin)
        for row in found
    ]


def put_pin(pin: Pin) -> Write:
    """Write a pin over the version before it; version 1 is a new one."""
    values: dict[str, Scalar] = {f"new_{name}": getattr(pin, name) for name in _PIN}
    lost = McpChanged(f"{pin.server}/{pin.tool[:64]}")
    if pin.version == 1:
        return Write(_ADD_PIN, values, lost)
    seen: dict[str, Scalar] = {
        "old_server": pin.server,
        "old_tool": pin.tool,
        "old_version": pin.version - 1,
    }
    return Write(_CHANGE_PIN, values | seen, lost)


async def read_met(database: Database, agent: str, since: int) -> dict[str, int]:
    """Read which labels an agent has met since an instant, and when each last (Unix seconds).

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_MET, {"old_agent": agent, "since": since})
    return dict(msgspec.convert(found, list[tuple[str, int]]))


def add_met(request: str, label: str, agent: str, now: int) -> Write:
    """Keep that an agent met a label."""
    values: dict[str, Scalar] = {
        "new_request": request,
        "new_label": label,
        "new_agent": agent,
        "new_at": now,
    }
    return Write(_ADD_MET, values, McpChanged(request))


def forget_met(agent: str, before: int = 2**53) -> Write:
    """Forget which labels an agent met before an instant; by default, all."""
    return Write(_DROP_MET, {"old_agent": agent, "before": before}, McpChanged(agent), rows=None)


def server_changed(name: str) -> Change:
    """Tell every node that this server is not what it was."""
    return Change(SERVERS_TOPIC, name)


def tools_changed(server: str) -> Change:
    """Tell every node that what is pinned of this server is not what it was."""
    return Change(TOOLS_TOPIC, server)
