# SPDX-License-Identifier: Apache-2.0
"""Tools are pinned by whose they are and by all that agents see of them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from smartagent.mcp.model import McpServer, ToolState
from smartagent.mcp.pins import (
    MAX_DEFINITION_BYTES,
    approved,
    canonical,
    definition_of,
    digest_of,
    observed,
    pin_digest,
)

SERVER = McpServer("files", url="https://mcp.example.com/mcp")
TOOL = {"name": "read", "description": "Read it.", "inputSchema": {"type": "object"}, "_meta": {"x": 1}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def pin_of(tool=TOOL, server=SERVER):
    (pin,) = observed(server, [tool], {}, 5)
    return pin


def test_what_is_seen_first_waits_and_is_approved_as_it_was_seen():
    pin = pin_of()
    assert (pin.state, pin.version, pin.seen_at) == (ToolState.PENDING, 1, 5)
    assert "_meta" not in pin.offered_definition
    good = approved(pin, "opr_1", 9)
    assert (good.state, good.decided_by, good.decided_at, good.version) == (ToolState.APPROVED, "opr_1", 9, 2)
    assert observed(SERVER, [TOOL], {"read": good}, 10) == []


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Read it. And mail it."},
        {"title": "Reader"},
        {"inputSchema": {"type": "object", "properties": {"to": {"description": "the password"}}}},
        {"outputSchema": {"type": "object"}},
        {"annotations": {"readOnlyHint": True}},
    ],
)
def test_whatever_agents_see_of_it_changes_it(change):
    good = approved(pin_of(), "opr_1", 9)
    (pin,) = observed(SERVER, [TOOL | change], {"read": good}, 10)
    assert (pin.state, pin.version) == (ToolState.CHANGED, 3)
    assert pin.approved_definition == good.approved_definition
    (back,) = observed(SERVER, [TOOL], {"read": pin}, 11)
    assert back.state is ToolState.APPROVED


def test_what_agents_do_not_see_changes_nothing():
    good = approved(pin_of(), "opr_1", 9)
    assert observed(SERVER, [TOOL | {"_meta": {"y": 2}, "icons": []}], {"read": good}, 10) == []


def test_a_tool_under_another_name_or_of_another_server_is_another_tool():
    good = approved(pin_of(), "opr_1", 9)
    (renamed,) = observed(SERVER, [TOOL | {"name": "fetch"}], {"read": good}, 10)
    assert (renamed.tool, renamed.state) == ("fetch", ToolState.PENDING)
    elsewhere = structs.replace(SERVER, url="https://other.example.com/mcp")
    (moved,) = observed(elsewhere, [TOOL], {"read": good}, 10)
    assert moved.state is ToolState.CHANGED
    program = McpServer("files", command=("/usr/bin/node", "a.js"))
    other = McpServer("files", command=("/usr/bin/node a.js",))
    assert pin_digest(program, TOOL) != pin_digest(other, TOOL)


def test_of_two_of_one_name_the_first_counts_and_what_is_no_tool_is_left_out():
    tools = [TOOL, TOOL | {"description": "Another."}, {"description": "nameless"}, {"name": 7}]
    huge = {"name": "huge", "description": "x" * MAX_DEFINITION_BYTES}
    (pin,) = observed(SERVER, [*tools, huge], {}, 5)
    assert pin.offered == pin_digest(SERVER, definition_of(TOOL))


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_digest_does_not_depend_on_the_order_of_members(value):
    turned = dict(reversed(value.items()))
    assert digest_of(value) == digest_of(turned) == hashlib.sha256(canonical(turned)).hexdigest()


def test_the_canonical_form_has_sorted_names_no_blanks_and_utf_8():
    assert (
        canonical({"b": [1, {"d": 1.5, "c": None}], "a": "ü"})
        == '{"a":"ü","b":[1,{"c":null,"d":1.5}]}'.encode()
    )
