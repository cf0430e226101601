# SPDX-License-Identifier: Apache-2.0
"""Blocks that narrow a credential: how they are written, what they compile to, and what of them two roles leave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.kernel import Caller, CallerKind, Denied, Permitted
from smartagent.policy import (
    Book,
    Item,
    MalformedRoleFile,
    RuleKind,
    difference,
    drafted,
    no_rules,
    parse_role_file,
)
from smartagent.policy.compile import compile_role

READER = """name = "reader"

[[database]]
credential = "shop-db"
tables = ["public.orders", "items"]
columns = { "public.orders" = ["id", "status"] }
privileges = ["select"]
sequences = ["public.numbers"]
"""
WHOLE = 'name = "whole"\ncredentials = ["shop-db", "disk"]\n'


def caller(role, *scopes, subject_role="", **more):
    scopes = frozenset(scopes or ("credential:shop-db", "credential:disk", "credential:reports"))
    acting = {"subject": "agt_2", "subject_role": subject_role} if subject_role else {}
    return Caller("agt_1", CallerKind.AGENT, role=role, scopes=scopes, client_ip="10.0.0.1", **acting, **more)


def book(*files, **policies) -> Book:
    return drafted(no_rules(), files, policies)


def named(items):
    return None if items is None else {str(item) for item in items}


def test_a_block_is_all_that_a_lease_of_its_credential_gives():
    rules = book(READER)
    assert isinstance(rules.decide_lease(caller("reader"), "shop-db"), Permitted)
    assert named(rules.narrowed_lease(caller("reader"), "shop-db")) == {
        "SELECT public.orders/id",
        "SELECT public.orders/status",
        "SELECT items",
        "USAGE public.numbers",
    }
    assert rules.grants("reader").scopes == ("credential:shop-db",)
    assert rules.credentials_of("reader") == ("shop-db",)
    assert isinstance(rules.decide_lease(caller("reader", "else"), "shop-db"), Denied)
    assert rules.narrowed_lease(caller("reader", "else"), "shop-db") == ()


def test_a_credential_that_no_block_names_is_whole():
    rules = book(WHOLE)
    assert isinstance(rules.decide_lease(caller("whole"), "shop-db"), Permitted)
    assert rules.narrowed_lease(caller("whole"), "shop-db") is None


def test_it_compiles_to_text_that_a_person_can_read():
    assert (
        compile_role(parse_role_file(READER))
        == """@id("role/reader/database/1")
permit (
  principal in Role::"reader",
  action == Action::"lease",
  resource == Upstream::"credential:shop-db"
)
when {
  context.scopes.contains("credential:shop-db") &&
  (
    (context.method == "LEASE") ||
    (context.method == "SELECT" && (context.path == "/shop-db/public.orders/id" || context.path like "/shop-db/public.orders/id/*")) ||
    (context.method == "SELECT" && (context.path == "/shop-db/public.orders/status" || context.path like "/shop-db/public.orders/status/*")) ||
    (context.method == "SELECT" && (context.path == "/shop-db/items" || context.path like "/shop-db/items/*")) ||
    (context.method == "USAGE" && (context.path == "/shop-db/public.numbers" || context.path like "/shop-db/public.numbers/*"))
  )
};
"""
    )


def test_a_policy_takes_a_column_away_from_every_role_that_names_it():
    forbid = 'forbid(principal, action == Action::"lease", resource) when { context.path like "*/status" };'
    assert named(book(READER, **{"no-status": forbid}).narrowed_lease(caller("reader"), "shop-db")) == {
        "SELECT public.orders/id",
        "SELECT items",
        "USAGE public.numbers",
    }


def block(role, credential, kind, **members):
    lines = [f'name = "{role}"', f"[[{kind}]]", f'credential = "{credential}"']
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in members.items())]).replace("'", '"')


@pytest.mark.parametrize(
    ("mine", "theirs", "left"),
    [
        ((["orders"], ["select", "delete"]), (["orders", "items"], ["select"]), {"SELECT orders"}),
        ((["orders"], ["select"]), (["items"], ["select"]), set()),
        ((["orders"], ["insert"]), (["orders"], ["select"]), set()),
    ],
)
def test_who_acts_for_another_gets_what_both_roles_name(mine, theirs, left):
    files = [
        block(role, "shop-db", "database", tables=tables, privileges=privileges)
        for role, (tables, privileges) in (("mine", mine), ("theirs", theirs))
    ]
    for one, other in (("mine", "theirs"), ("theirs", "mine")):
        found = book(*files).narrowed_lease(caller(one, subject_role=other), "shop-db")
        assert named(found) == left


def test_of_a_table_and_its_columns_two_roles_leave_the_columns_and_of_two_paths_the_deeper_one():
    whole = block("tables", "shop-db", "database", tables=["public.orders"], privileges=["select"])
    rules = book(READER, whole, WHOLE)
    columns = {"SELECT public.orders/id", "SELECT public.orders/status"}
    for pair in (("reader", "tables"), ("tables", "reader")):
        assert named(rules.narrowed_lease(caller(pair[0], subject_role=pair[1]), "shop-db")) == columns
    assert len(rules.narrowed_lease(caller("whole", subject_role="reader"), "shop-db")) == 4
    disks = book(block("all", "disk", "files", read=["/srv"]), block("one", "disk", "files", read=["/srv/a"]))
    assert named(disks.narrowed_lease(caller("all", subject_role="one"), "disk")) == {"READ /srv/a"}
    near = book(block("all", "disk", "files", read=["/srv"]), block("one", "disk", "files", read=["/srv2"]))
    assert near.narrowed_lease(caller("all", subject_role="one"), "disk") == ()


def test_of_patterns_of_a_cloud_two_roles_leave_the_narrower_one():
    wide = block("wide", "reports", "cloud", actions=["s3:Get*"], resources=["arn:aws:s3:::r/*"])
    narrow = block(
        "narrow", "reports", "cloud", actions=["s3:GetObject"], resources=["arn:aws:s3:::r/2026/*"]
    )
    found = book(wide, narrow).narrowed_lease(caller("wide", subject_role="narrow"), "reports")
    assert named(found) == {"s3:GetObject arn:aws:s3:::r/2026/*"}


HEAD = 'name = "x"\n'


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ('[[database]]\ncredential = "db"\ntables = ["a"]\n', 2, "privileges: go with tables"),
        ('[[database]]\ncredential = "db"\nprivileges = ["select"]\n', 2, "privileges: go with tables"),
        ('[[database]]\ncredential = "db"\n', 2, "names no tables or sequences"),
        ('[[database]]\ncredential = "DB"\ntables = ["a"]\nprivileges = ["select"]\n', 2, "credential: "),
        (
            '[[database]]\ncredential = "db"\ntables = ["a.b.c"]\nprivileges = ["select"]\n',
            2,
            "tables: 'a.b.c'",
        ),
        ('[[database]]\ncredential = "db"\ntables = ["a;"]\nprivileges = ["select"]\n', 2, "tables: 'a;'"),
        (
            '[[database]]\ncredential = "db"\ntables = ["a"]\nprivileges = ["drop"]\n',
            2,
            "privileges: of delete",
        ),
        (
            '[[database]]\ncredential = "db"\ntables = ["a"]\nprivileges = ["delete"]\ncolumns = {a = ["b"]}\n',
            2,
            "nothing is deleted by column",
        ),
        (
            '[[database]]\ncredential = "db"\ntables = ["a"]\nprivileges = ["select"]\ncolumns = {b = ["b"]}\n',
            2,
            "columns: b is not one of the tables",
        ),
        (
            '[[database]]\ncredential = "db"\ntables = ["a"]\nprivileges = ["select"]\ncolumns = {a = []}\n',
            2,
            "columns: a has none",
        ),
        ('[[files]]\ncredential = "disk"\nread = ["/srv/../etc"]\n', 2, "read: '/srv/../etc'"),
        ('[[files]]\ncredential = "disk"\nwrite = ["/"]\n', 2, "write: '/'"),
        ('[[files]]\ncredential = "disk"\n', 2, "names no directories"),
        ('[[hosts]]\ncredential = "ssh"\nprincipals = ["*"]\n', 2, "principals: '*'"),
        ('[[hosts]]\ncredential = "ssh"\nhosts = ["web1"]\nprincipals = ["a"]\n', 4, "no such member"),
        ('[[cloud]]\ncredential = "aws"\nactions = ["s3:GetObject"]\n', 2, "resources: go with actions"),
        ('[[cloud]]\ncredential = "aws"\nactions = ["*"]\nresources = ["*"]\n', 2, "actions: '*'"),
        (
            '[[files]]\ncredential = "a"\nread = ["/srv"]\n[[files]]\ncredential = "b"\nread = ["srv"]\n',
            5,
            "read: 'srv'",
        ),
    ],
)
def test_a_block_that_is_none_is_refused_with_its_line_and_the_reason(text, line, why):
    with pytest.raises(MalformedRoleFile) as caught:
        parse_role_file(HEAD + text)
    assert caught.value.line == line
    assert why in str(caught.value)


def test_a_credential_is_not_narrowed_and_whole_at_once():
    text = HEAD + 'credentials = ["disk"]\n[[files]]\ncredential = "disk"\nread = ["/srv"]\n'
    with pytest.raises(MalformedRoleFile, match="narrowed by a block") as caught:
        parse_role_file(text)
    assert (caught.value.field, caught.value.line) == ("credentials[0]", 2)


def test_a_block_names_at_most_so_much():
    tables = [f"t{number}" for number in range(65)]
    with pytest.raises(MalformedRoleFile, match="at most 64 things"):
        parse_role_file(block("x", "db", "database", tables=tables, privileges=["select"]))


TABLES = st.lists(st.sampled_from(["a", "b", "s.a", "s.b"]), min_size=1, unique=True)
VERBS = st.lists(st.sampled_from(["select", "insert", "update"]), min_size=1, unique=True)
COLUMNS = st.lists(st.sampled_from(["x", "y"]), unique=True)


@st.composite
def blocks(draw, role):
    tables, columns = draw(TABLES), draw(COLUMNS)
    members = {"tables": tables, "privileges": draw(VERBS)}
    text = block(role, "shop-db", "database", **members)
    return f'{text}\ncolumns = {{ "{tables[0]}" = {columns} }}'.replace("'", '"') if columns else text


def reached(items):
    """Say which columns of each table can be used how, of tables with the columns x, y and z."""
    return {
        (item.verb, table, each)
        for item in items
        for table, _, column in [item.name.partition("/")]
        for each in ([column] if column else ["x", "y", "z"])
    }


@given(blocks("mine"), blocks("theirs"))
def test_delegation_never_widens_and_loses_nothing_that_both_name(mine, theirs):
    rules = book(mine, theirs)
    each = [reached(rules.narrowed_lease(caller(role), "shop-db")) for role in ("mine", "theirs")]
    together = rules.narrowed_lease(caller("mine", subject_role="theirs"), "shop-db")
    assert reached(together) == each[0] & each[1]
    assert all(isinstance(item, Item) for item in together)


def test_versions_are_compared_thing_by_thing():
    wider = READER.replace('"id", "status"', '"id", "status", "total"')
    found = difference(RuleKind.ROLE, READER, wider, ("old", "new"))
    assert (found.comes, found.goes) == (("lease shop-db: SELECT public.orders/total",), ())
