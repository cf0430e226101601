# SPDX-License-Identifier: Apache-2.0
"""From a denial to the narrowest change of a role file: it allows that, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from smartagent.governance.access.drafting import draft_of, named_anew, wish_of
from smartagent.governance.access.model import Wish, WishKind
from smartagent.governance.errors import NoDraft
from smartagent.kernel import Decision, Record
from smartagent.policy import Allow, McpAllow, parse_role_file

ROLE = """# what it needs every day
name = "worker"   # its name
scopes = ["a"]

[[allow]]
scope = "orders:read"
upstream = "orders"
methods = ["GET"]
paths = ["/orders/*"]  # not the archive

[limits]
rate = "5/s"
"""
REFUND = Wish(WishKind.CALL, "orders", "POST", "/orders/17/refund")


def record(**said):
    denied = {
        "event": "gateway.call",
        "decision": Decision.DENY,
        "outcome": "not-permitted",
        "request": "req_1",
    }
    return structs.replace(Record("", 0, ""), **(denied | said))


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ({"target": "POST /orders/orders/17/refund"}, REFUND),
        ({"target": "GET /orders"}, Wish(WishKind.CALL, "orders", "GET", "/")),
        ({"event": "lease.made", "detail": {"wanted": "credential:db"}}, Wish(WishKind.LEASE, "db")),
        (
            {"event": "mcp.called", "detail": {"wanted": "mcp:files TOOL read all"}},
            Wish(WishKind.MCP, "files", "TOOL", "read all"),
        ),
        ({"target": "GET /orders/x", "decision": Decision.PERMIT}, None),
        ({"target": "GET /orders/x", "outcome": "upstream-unknown"}, None),
        ({"event": "role.written", "outcome": "not-permitted"}, None),
    ],
)
def test_a_record_says_what_was_denied(said, wish):
    assert wish_of(record(**said)) == wish


def test_a_call_becomes_one_block_with_its_method_and_its_path_and_comments_stay():
    text = draft_of(ROLE, REFUND)
    added = Allow("orders:read", "orders", ("POST",), ("/orders/17/refund",))
    assert parse_role_file(text).allow == (*parse_role_file(ROLE).allow, added)
    assert text.startswith(ROLE.rstrip())


def test_an_upstream_that_the_role_does_not_know_gets_a_scope_of_its_own():
    added = parse_role_file(draft_of(ROLE, structs.replace(REFUND, place="mail"))).allow[-1]
    assert (added.scope, added.upstream) == ("mail:post", "mail")


def test_a_wider_pattern_is_a_persons_wish_and_must_match_what_was_denied():
    assert parse_role_file(draft_of(ROLE, REFUND, "/orders/*/refund")).allow[-1].paths == (
        "/orders/*/refund",
    )
    with pytest.raises(NoDraft, match="does not match"):
        draft_of(ROLE, REFUND, "/orders/*")
    with pytest.raises(NoDraft):
        draft_of(ROLE, REFUND, "orders")


@pytest.mark.parametrize(
    "role", [ROLE, 'name = "worker"\n', 'name = "worker"\ncredentials = []\n', 'name = "worker"']
)
def test_a_lease_becomes_a_credential(role):
    before, after = parse_role_file(role), parse_role_file(draft_of(role, Wish(WishKind.LEASE, "db")))
    assert after == structs.replace(before, credentials=("db",))


def test_a_credential_comes_to_those_there_are():
    role = 'name = "worker"\ncredentials = [\n  "other",\n]\n'
    assert parse_role_file(draft_of(role, Wish(WishKind.LEASE, "db"))).credentials == ("db", "other")


@pytest.mark.parametrize(
    ("verb", "member"), [("TOOL", "tools"), ("PROMPT", "prompts"), ("RESOURCE", "resources")]
)
def test_a_thing_of_an_mcp_server_becomes_a_block_with_its_name(verb, member):
    wish = Wish(WishKind.MCP, "files", verb, "file:///srv/a b")
    assert parse_role_file(draft_of(ROLE, wish)).mcp == (McpAllow("files", **{member: ("file:///srv/a b",)}),)


@pytest.mark.parametrize(
    ("role", "wish", "why"),
    [
        (ROLE, Wish(), "in its own words"),
        (ROLE, structs.replace(REFUND, name="/a/*"), "asterisk"),
        (ROLE, Wish(WishKind.MCP, "files", "TOOL", "*"), "asterisk"),
        (ROLE, structs.replace(REFUND, name="/" + "x/" * 40), "segments"),
        ('name = "worker"\nallow = []\n', REFUND, "TOML"),
        (
            'name = "worker"\n[[files]]\ncredential = "db"\nread = ["/srv"]\n',
            Wish(WishKind.LEASE, "db"),
            "narrowed",
        ),
    ],
)
def test_what_cannot_be_drafted_says_why(role, wish, why):
    with pytest.raises(NoDraft, match=why):
        draft_of(role, wish)


def test_a_role_file_gets_another_name_and_nothing_else():
    renamed = parse_role_file(named_anew(ROLE, "worker-1"))
    assert renamed == structs.replace(parse_role_file(ROLE), name="worker-1")
    with pytest.raises(NoDraft):
        named_anew('"name" = "worker"\n', "worker-1")


SEGMENT = st.text("abz019-._~", min_size=1, max_size=8).filter(lambda raw: raw.strip("."))


@given(st.lists(SEGMENT, min_size=1, max_size=6), st.sampled_from(["GET", "POST", "DELETE"]))
def test_a_draft_is_the_role_and_the_call_and_nothing_else(segments, method):
    path = "/" + "/".join(segments)
    after = parse_role_file(draft_of(ROLE, Wish(WishKind.CALL, "orders", method, path)))
    before = parse_role_file(ROLE)
    assert structs.replace(after, allow=after.allow[:-1]) == before
    assert (after.allow[-1].methods, after.allow[-1].paths) == ((method,), (path,))
