# SPDX-License-Identifier: Apache-2.0
"""What a request may say, and in which revision it is read."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.edge import Inbound
from smartagent.mcp.errors import McpMessageRefused
from smartagent.mcp.protocol import MAX_MESSAGE_BYTES, check_parameter_headers, read_message
from tests.e2e.mcpserver import LEGACY, MODERN, message

NAMES = st.sampled_from(
    [
        "name",
        "arguments",
        "_meta",
        "protocolVersion",
        *(
            f"io.modelcontextprotocol/{each}"
            for each in ("protocolVersion", "clientCapabilities", "clientInfo")
        ),
    ]
) | st.text(max_size=5)
INFO = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=9)
    | st.sampled_from(["tools/call", MODERN, "2.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | VALUES, "method": st.sampled_from(["tools/call", "initialize"]) | VALUES},
    optional={"id": VALUES, "params": st.dictionaries(NAMES, VALUES, max_size=4) | VALUES},
)


def inbound(body, headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Inbound("req_1", "POST", "/mcp/files", headers=headers, body=raw)


def read(body, headers):
    return read_message(inbound(body, headers))


def refused(body, headers):
    with pytest.raises(McpMessageRefused) as error:
        read(body, headers)
    return error.value


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY, MODERN])
def test_every_revision_is_read(revision):
    got = read(*message("tools/call", {"name": "x", "arguments": {"a": 1}}, revision))
    assert (got.id, got.method, got.revision, got.modern) == (7, "tools/call", revision, revision == MODERN)
    assert (got.name, got.arguments, got.progress_token) == ("x", {"a": 1}, None)


def test_without_the_header_it_is_the_revision_before_there_was_one():
    body, headers = message("tools/list", {}, LEGACY)
    del headers["mcp-protocol-version"]
    assert read(body, headers).revision == "2025-03-26"


@pytest.mark.parametrize(
    ("wanted", "got"),
    [(LEGACY, LEGACY), ("2025-06-18", "2025-06-18"), ("1999-01-01", LEGACY), (MODERN, LEGACY)],
)
def test_initialize_settles_on_a_revision_with_a_handshake(wanted, got):
    body, headers = message("initialize", INFO | {"protocolVersion": wanted}, LEGACY)
    del headers["mcp-protocol-version"]
    assert read(body, headers).revision == got


@pytest.mark.requirement("MCP-HTTP-1")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"mcp-method": "tools/list"}, -32020),
        ({"mcp-method": "tools/call, tools/call"}, -32020),
        ({"mcp-name": "y"}, -32020),
        ({"mcp-name": "=?base64?eQ==?="}, -32020),
        ({"mcp-name": "=?base64?!?="}, -32020),
        ({"mcp-protocol-version": "2027-01-01"}, -32020),
        ({"mcp-protocol-version": f"{MODERN}, {MODERN}"}, -32020),
        ({"accept": "application/json"}, -32600),
        ({"accept": ""}, -32600),
    ],
)
def test_headers_agree_with_the_body_or_it_is_refused(changed, code):
    body, headers = message("tools/call", {"name": "x", "arguments": {}})
    error = refused(body, headers | changed)
    assert (error.rpc_code, error.rpc_status, error.rpc_id) == (code, 400, 7)


def test_a_name_that_no_header_can_carry_comes_in_base64():
    body, headers = message("tools/call", {"name": "ü", "arguments": {}})
    assert read(body, headers | {"mcp-name": "=?base64?w7w=?="}).name == "ü"


@pytest.mark.requirement("MCP-HTTP-3")
def test_a_revision_that_is_not_spoken_is_told_which_are():
    body, headers = message("tools/list")
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2027-01-01"
    error = refused(body, headers | {"mcp-protocol-version": "2027-01-01"})
    assert (error.rpc_code, error.rpc_data["supported"]) == (-32022, [MODERN])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"method":7}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping"}' + b" " * MAX_MESSAGE_BYTES,
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(body):
    assert refused(body, {"accept": "*/*"}).rpc_code in {-32700, -32600}


@pytest.mark.parametrize(
    ("method", "params", "revision", "code"),
    [
        ("tools/call", {}, MODERN, -32602),
        ("tools/call", {"name": 7}, LEGACY, -32602),
        ("tools/call", {"name": "x", "arguments": []}, LEGACY, -32602),
        ("initialize", {}, LEGACY, -32602),
        ("initialize", INFO, MODERN, -32601),
        ("server/discover", {}, LEGACY, -32601),
        ("resources/subscribe", {"uri": "x"}, LEGACY, -32601),
        ("tools/x", {}, MODERN, -32601),
    ],
)
def test_methods_and_parameters_are_those_of_the_revision(method, params, revision, code):
    error = refused(*message(method, params, revision))
    statuses = {-32602: 400, -32601: 404} if revision == MODERN else {}
    assert (error.rpc_code, error.rpc_status) == (code, statuses.get(code, 200))


@given(BODIES, st.sampled_from([MODERN, LEGACY, "2025-06-18", "x", ""]))
def test_whatever_comes_is_read_or_refused(body, revision):
    with contextlib.suppress(McpMessageRefused):
        got = read(body, {"accept": "*/*", "mcp-protocol-version": revision, "mcp-method": "tools/call"})
        assert got.method


def test_a_notification_has_no_id_and_needs_no_headers():
    got = read({"jsonrpc": "2.0", "method": "notifications/cancelled"}, {})
    assert got.id is None


@pytest.mark.requirement("MCP-HTTP-2")
def test_headers_that_mirror_arguments_agree_with_them():
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    body, headers = message("tools/call", {"name": "x", "arguments": {"region": "eu"}})
    for sent, good in (({"mcp-param-region": "eu"}, True), ({"mcp-param-region": "us"}, False), ({}, False)):
        request = inbound(body, headers | sent)
        if good:
            check_parameter_headers(read_message(request), request, schema)
        else:
            with pytest.raises(McpMessageRefused):
                check_parameter_headers(read_message(request), request, schema)
