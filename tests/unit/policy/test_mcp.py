# SPDX-License-Identifier: Apache-2.0
"""Who may reach what of MCP servers: by name, by kind, by arguments, and by what forbids it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from smartagent.kernel import Denied, Permitted
from smartagent.policy import ArgumentRule, MalformedRoleFile, McpCall, McpKind, parse_role_file
from smartagent.policy.arguments import failing, matches
from smartagent.policy.compile import compile_role
from tests.unit.policy.fakes import agent, book_of, policy, role

ROLE = """\
name = "filer"
networks = ["10.0.0.0/8"]

[[allow]]
scope = "read"
upstream = "shop"
methods = ["GET"]
paths = ["/x"]

[[mcp]]
server = "files"
tools = ["list", "read_*"]
prompts = ["greet"]
resources = ["file:///srv/*.txt"]

[[mcp]]
server = "files"
tools = ["write"]

[[mcp.arguments]]
path = "path"
prefix = "/srv/"

[[mcp.arguments]]
path = "size"
max = 10
optional = true
"""
OTHER = 'name = "other"\n[[mcp]]\nserver = "files"\ntools = ["list"]\n'
FORBID = '@id("role/filer/mcp/2")\nforbid(principal, action, resource == Upstream::"mcp:files") when { context.path == "read_secret" };'


def filer(**more):
    return structs.replace(agent(), role="filer", scopes=frozenset({"mcp:files"}), **more)


def tool(name, **arguments):
    return McpCall("files", McpKind.TOOL, name, arguments)


@pytest.fixture
async def book(store):
    return await book_of(store, role(ROLE), role(OTHER))


@pytest.mark.parametrize(
    ("asked", "good"),
    [
        (tool("list"), True),
        (tool("read_text"), True),
        (tool("read_"), True),
        (tool("read"), False),
        (tool("LIST"), False),
        (tool("list "), False),
        (tool(""), False),
        (tool("greet"), False),
        (McpCall("files", McpKind.PROMPT, "greet"), True),
        (McpCall("files", McpKind.PROMPT, "list"), False),
        (McpCall("files", McpKind.RESOURCE, "file:///srv/a/b.txt"), True),
        (McpCall("files", McpKind.RESOURCE, "file:///srv/a.pdf"), False),
        (McpCall("other", McpKind.TOOL, "list", {}), False),
        (tool("write", path="/srv/a"), True),
        (tool("write", path="/srv/a", size=10), True),
        (tool("write", path="/srv/a", size=10.5), False),
        (tool("write", path="/srv/a", size=True), False),
        (tool("write", path="/etc/passwd"), False),
        (tool("write", path="/srv/../etc/passwd"), False),
        (tool("write", path="/srv/..\\etc"), False),
        (tool("write", path=["/srv/a"]), False),
        (tool("write"), False),
        (McpCall("files", McpKind.TOOL, "write"), True),
    ],
)
async def test_the_role_says_what_may_be_reached(book, asked, good):
    verdict = book.decide_mcp(filer(), asked)
    assert isinstance(verdict, Permitted if good else Denied), verdict
    if good:
        assert all(rule.startswith("role/filer/") for rule in verdict.rules)
    else:
        assert verdict.missing == str(asked.call)


async def test_the_scope_the_network_and_the_role_are_needed(book):
    assert isinstance(book.decide_mcp(filer(client_ip="11.0.0.1"), tool("list")), Denied)
    assert isinstance(book.decide_mcp(structs.replace(filer(), scopes=frozenset()), tool("list")), Denied)
    assert isinstance(book.decide_mcp(structs.replace(filer(), role="nobody"), tool("list")), Denied)
    assert isinstance(book.decide_mcp(structs.replace(filer(), role=""), tool("list")), Denied)


async def test_who_acts_for_another_may_reach_what_both_may(book):
    both = filer(subject="agt_2", subject_role="other")
    assert isinstance(book.decide_mcp(both, tool("list")), Permitted)
    assert isinstance(book.decide_mcp(both, tool("read_text")), Denied)


async def test_a_policy_forbids_whatever_its_id_says(store):
    book = await book_of(store, role(ROLE), policy("no-secrets", FORBID))
    assert isinstance(book.decide_mcp(filer(), tool("read_text")), Permitted)
    verdict = book.decide_mcp(filer(), tool("read_secret"))
    assert isinstance(verdict, Denied)
    assert verdict.rules == ("policy/no-secrets/1",)


async def test_a_policy_written_in_cedar_permits_without_rules_about_arguments(store):
    text = '@id("role/filer/mcp/2")\npermit(principal in Role::"filer", action == Action::"call", resource == Upstream::"mcp:files") when { context.path == "write" };'
    book = await book_of(store, role(ROLE), policy("writers", text))
    assert book.decide_mcp(filer(), tool("write")).rules == ("policy/writers/1",)


async def test_no_upstream_and_no_lease_comes_of_it(book):
    from smartagent.policy import Call

    assert isinstance(
        book.decide_call(
            structs.replace(filer(), scopes=frozenset({"mcp:files"})), Call("files", "TOOL", "list")
        ),
        Denied,
    )
    assert isinstance(book.decide_lease(filer(), "files"), Denied)


async def test_tokens_may_be_for_the_servers_that_the_role_names(store):
    from smartagent.policy import Book

    await book_of(store, role(ROLE))
    book = Book(store, "https://auth.example/mcp")
    await book.reload_roles(())
    grants = book.grants("filer")
    assert grants.audiences == ("https://auth.example/mcp", "https://auth.example/mcp/files")
    assert grants.scopes == ("read", "mcp:files")


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ('server = "Files"\ntools = ["x"]', "server"),
        ('server = "*"\ntools = ["x"]', "server"),
        ('server = "files"', "allow nothing"),
        ('server = "files"\ntools = [""]', "tools"),
        ('server = "files"\ntools = ["a\\nb"]', "tools"),
        ('server = "files"\ntool = ["x"]', "no such member"),
        ('server = "files"\nprompts = ["x"]\n[[mcp.arguments]]\npath = "a"\nprefix = "b"', "arguments"),
        ('server = "files"\ntools = ["x"]\n[[mcp.arguments]]\npath = "a"', "write one of"),
        (
            'server = "files"\ntools = ["x"]\n[[mcp.arguments]]\npath = "a"\nprefix = "b"\nmin = 1',
            "write one of",
        ),
        ('server = "files"\ntools = ["x"]\n[[mcp.arguments]]\npath = "a..b"\nprefix = "b"', "path"),
        ('server = "files"\ntools = ["x"]\n[[mcp.arguments]]\npath = ""\nprefix = "b"', "path"),
        ('server = "files"\ntools = ["x"]\n[[mcp.arguments]]\npath = "a"\nequals = [1]', "a role file"),
    ],
)
def test_a_block_that_cannot_be_meant_is_refused(block, why):
    with pytest.raises(MalformedRoleFile) as refused:
        parse_role_file(f'name = "r"\n[[mcp]]\n{block}\n')
    assert why in str(refused.value) or why == "a role file"


def test_a_name_cannot_leave_the_policy_it_is_written_into():
    role = parse_role_file(
        'name = "r"\n[[mcp]]\nserver = "files"\ntools = [\'a" || true || "\', "b\\\\*", "c*d"]\n'
    )
    cedar = compile_role(role)
    assert '"a\\" || true || \\""' in cedar
    assert '"c*d"' in cedar


@given(st.text("ab*/", max_size=8), st.text("ab/", max_size=8))
def test_a_pattern_means_what_a_regular_expression_would(pattern, text):
    import re

    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    assert matches(pattern, text) == bool(re.fullmatch(expression, text, re.DOTALL))


@pytest.mark.parametrize(
    ("rule", "arguments", "good"),
    [
        (ArgumentRule("a", one_of=(1, "x")), {"a": 1}, True),
        (ArgumentRule("a", one_of=(1, "x")), {"a": True}, False),
        (ArgumentRule("a", one_of=(1, "x")), {"a": 1.0}, False),
        (ArgumentRule("a", one_of=(False,)), {"a": 0}, False),
        (ArgumentRule("a", pattern="x*y"), {"a": "x/y"}, True),
        (ArgumentRule("a", pattern="x/*"), {"a": "x/../y"}, False),
        (ArgumentRule("a", minimum=1, maximum=2), {"a": 2}, True),
        (ArgumentRule("a", minimum=1, maximum=2), {"a": 0}, False),
        (ArgumentRule("a", minimum=1), {"a": "1"}, False),
        (ArgumentRule("a.b", one_of=("x",)), {"a": {"b": "x"}}, True),
        (ArgumentRule("a.b", one_of=("x",), optional=True), {"a": {}}, True),
        (ArgumentRule("a.b", one_of=("x",), optional=True), {"a": "x"}, False),
        (ArgumentRule("a.b", one_of=("x",), optional=True), {"a": [{"b": "y"}]}, False),
        (ArgumentRule("a.*", prefix="x"), {"a": ["x1", "x2"]}, True),
        (ArgumentRule("a.*", prefix="x"), {"a": ["x1", "y2"]}, False),
        (ArgumentRule("a.*", prefix="x"), {"a": {"k": "x1"}}, True),
        (ArgumentRule("a.*", prefix="x"), {"a": []}, False),
        (ArgumentRule("a.*", prefix="x"), {"a": "x1"}, False),
        (ArgumentRule("a", prefix="x", optional=True), {"a": None}, False),
    ],
)
def test_every_value_that_a_path_leads_to_keeps_to_the_rule(rule, arguments, good):
    assert (failing((rule,), arguments) is None) == good
