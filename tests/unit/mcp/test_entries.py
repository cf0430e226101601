# SPDX-License-Identifier: Apache-2.0
"""What may be written in a server's entry."""

import pytest

from smartagent.mcp.entries import account_name, allowed_program, parse_server
from smartagent.mcp.errors import MalformedMcpServer
from smartagent.mcp.model import McpServer

URL = {"url": "https://Mcp.Example.com:443/mcp/"}
PROGRAM = {"command": ("/usr/bin/node", "server.js")}


def test_an_address_is_brought_into_one_form():
    assert parse_server(McpServer("files", **URL)).url == "https://mcp.example.com/mcp"
    entry = McpServer("files", **PROGRAM, env={"A": "b"}, secret="s", place="env:API_KEY")
    assert parse_server(entry) == entry


@pytest.mark.parametrize(
    ("field", "entry"),
    [
        ("name", {"name": "smartagent", **URL}),
        ("name", {"name": "a/b", **URL}),
        ("name", {"name": "", **URL}),
        ("url", {}),
        ("url", {**URL, **PROGRAM}),
        ("url", {"url": "http://mcp.example.com/mcp"}),
        ("url", {"url": "https://127.0.0.1/mcp"}),
        ("url", {"url": "https://169.254.169.254/mcp", "allow_private": True}),
        ("url", {"url": "https://u:p@mcp.example.com/mcp"}),
        ("url", {"url": "https://mcp.example.com/mcp?key=1"}),
        ("url", {"url": "ftp://mcp.example.com/"}),
        ("timeout_seconds", {**URL, "timeout_seconds": 0}),
        ("timeout_seconds", {**URL, "timeout_seconds": 601}),
        ("people_role", {**URL, "people_role": "A role"}),
        ("env", {**URL, "env": {"A": "b"}}),
        ("place", {**URL, "place": "bearer"}),
        ("place", {**URL, "secret": "s"}),
        ("place", {**URL, "secret": "s", "place": "env:KEY"}),
        ("place", {**URL, "secret": "s", "place": "query:key"}),
        ("place", {**URL, "secret": "s", "place": "header:Host"}),
        ("place", {**URL, "secret": "s", "place": "header:Mcp-Session-Id"}),
        ("place", {**URL, "secret": "s", "place": "header:a\r\nb"}),
        ("place", {**PROGRAM, "secret": "s", "place": "bearer"}),
        ("place", {**PROGRAM, "secret": "s", "place": "env:LD_PRELOAD"}),
        ("place", {**PROGRAM, "secret": "s", "place": "env:A=B"}),
        ("account", {**URL, "account": "idp", "secret": "s", "place": "bearer"}),
        ("account", {**URL, "account": "idp", "place": "header:X-Key"}),
        ("account", {**URL, "account": "Idp"}),
        ("account", {**PROGRAM, "account": "idp"}),
        ("command", {"command": ("node", "server.js")}),
        ("command", {"command": ("/usr/bin/node", "a\0b")}),
        ("command", {"command": ("/usr/bin/node", *["x"] * 64)}),
        ("env", {**PROGRAM, "env": {"LD_PRELOAD": "x.so"}}),
        ("env", {**PROGRAM, "env": {"A": "\0"}}),
        ("env", {**PROGRAM, "env": {"1A": "x"}}),
    ],
)
def test_what_is_not_safe_is_refused_by_the_name_of_its_field(field, entry):
    with pytest.raises(MalformedMcpServer) as refused:
        parse_server(McpServer(**{"name": "files", **entry}))
    assert refused.value.field == field


def test_only_programs_that_the_setting_names_whole_are_started():
    programs = "/usr/bin/node /opt/mcp/server"
    assert allowed_program(("/opt/mcp/server", "--x"), programs)
    for other in ("/usr/bin/nod", "/usr/bin/node2", "/bin/sh", "/usr/bin/../bin/node", "/usr/bin"):
        assert not allowed_program((other,), programs)
    assert not allowed_program(("/usr/bin/node",), "")


def test_no_two_users_have_one_account():
    assert account_name("agt_01abc") == "agt-01abc"
    assert account_name("opr_01abc") != account_name("agt_01abc")
