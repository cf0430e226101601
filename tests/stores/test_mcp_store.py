# SPDX-License-Identifier: Apache-2.0
"""What MCP says to its tables, on both engines."""

import pytest
from msgspec import structs

from smartagent.kernel import Label
from smartagent.mcp import McpChanged
from smartagent.mcp.model import McpServer, Pin, StoredServer
from smartagent.mcp.store import (
    add_met,
    drop_server,
    forget_met,
    put_pin,
    put_server,
    read_met,
    read_pins,
    read_servers,
)
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]

FILES = StoredServer(
    McpServer(
        "files", command=("/usr/bin/x", "ü"), env={"A": "b"}, labels={"read_*": (Label.READS_PRIVATE,)}
    ),
    1,
    5,
    "opr_1",
)
PIN = Pin("files", "read", "d1", '{"name":"ü"}', seen_at=2**40)


async def test_a_server_is_read_as_it_was_written_and_changed_once(engine):
    await engine.apply(put_server(FILES))
    assert await read_servers(engine) == [FILES]
    newer = structs.replace(FILES, version=2, server=structs.replace(FILES.server, secret="s"))
    await engine.apply(put_server(newer))
    assert await read_servers(engine, "files") == [newer]
    for stale in (put_server(newer), put_server(FILES), drop_server(FILES)[0]):
        with pytest.raises(McpChanged):
            await engine.apply(stale)


async def test_what_was_approved_goes_with_the_server(engine):
    other = structs.replace(PIN, server="other")
    await engine.apply(put_server(FILES), put_pin(PIN), put_pin(other))
    assert await read_pins(engine, "files") == [PIN]
    await engine.apply(*drop_server(FILES))
    assert await read_servers(engine) == []
    assert await read_pins(engine) == [other]


async def test_of_two_nodes_that_see_a_tool_first_one_writes_it(engine):
    await engine.apply(put_pin(PIN))
    with pytest.raises(McpChanged):
        await engine.apply(put_pin(PIN))
    approved = structs.replace(PIN, approved="d1", approved_definition=PIN.offered_definition, version=2)
    await engine.apply(put_pin(approved))
    with pytest.raises(McpChanged):
        await engine.apply(put_pin(approved))
    assert await read_pins(engine) == [approved]


async def test_labels_are_met_for_a_while_and_forgotten(engine):
    await engine.apply(
        add_met("r1", "reads-private", "agt_1", 100), add_met("r1", "sends-outside", "agt_1", 100)
    )
    await engine.apply(
        add_met("r2", "reads-private", "agt_1", 200), add_met("r3", "reads-private", "agt_2", 300)
    )
    assert await read_met(engine, "agt_1", 0) == {"reads-private": 200, "sends-outside": 100}
    assert await read_met(engine, "agt_1", 101) == {"reads-private": 200}
    await engine.apply(forget_met("agt_1", 150))
    assert await read_met(engine, "agt_1", 0) == {"reads-private": 200}
    await engine.apply(forget_met("agt_1"))
    assert await read_met(engine, "agt_1", 0) == {}
    assert await read_met(engine, "agt_2", 0) == {"reads-private": 300}
