# SPDX-License-Identifier: Apache-2.0
"""Who may lease what: the role names it, the token has its scope, nothing forbids it, and both of two roles do."""

import pytest
from msgspec import structs

from smartagent.kernel import CallerKind, Denied, Permitted
from smartagent.policy.compile import compile_role
from tests.unit.policy.fakes import agent, book_of, policy, role

LEASER = """\
name = "leaser"
networks = ["10.0.0.0/8"]
credentials = ["orders-read", "bucket"]
"""
OTHER = 'name = "other"\ncredentials = ["bucket"]\n'
FORBID = '@id("not this one")\nforbid(principal, action == Action::"lease", resource == Upstream::"credential:bucket");'


def leaser(*names, **more):
    scopes = frozenset(f"credential:{name}" for name in names or ("orders-read", "bucket"))
    return structs.replace(agent(), role="leaser", scopes=scopes, **more)


@pytest.fixture
async def book(store):
    return await book_of(store, role(LEASER), role(OTHER))


async def test_what_the_role_names_may_be_leased_and_the_rule_is_named(book):
    verdict = book.decide_lease(leaser(), "orders-read")
    assert isinstance(verdict, Permitted)
    assert all(rule.startswith("role/leaser/") for rule in verdict.rules)
    assert book.credentials_of("leaser") == ("orders-read", "bucket")


@pytest.mark.parametrize(
    "name", ["other", "", "orders", "orders-read ", "ORDERS-READ", "*", "credential:bucket"]
)
async def test_nothing_else_may(book, name):
    assert isinstance(book.decide_lease(leaser("orders-read", "bucket", name), name), Denied)


async def test_the_token_must_hold_the_scope_of_this_credential(book):
    assert isinstance(book.decide_lease(leaser("bucket"), "orders-read"), Denied)
    assert isinstance(book.decide_lease(leaser("bucket"), "bucket"), Permitted)


async def test_the_caller_must_be_where_the_role_says(book):
    assert isinstance(book.decide_lease(leaser(client_ip="192.0.2.1"), "bucket"), Denied)


async def test_who_acts_for_another_may_lease_what_both_may(book):
    acting = leaser(subject_role="other", client_ip="10.0.0.1")
    assert isinstance(book.decide_lease(acting, "bucket"), Permitted)
    assert isinstance(book.decide_lease(acting, "orders-read"), Denied)


async def test_a_policy_can_forbid_what_roles_allow(store):
    book = await book_of(store, role(LEASER), policy("no-bucket", FORBID))
    verdict = book.decide_lease(leaser(), "bucket")
    assert isinstance(verdict, Denied)
    assert verdict.rules == ("policy/no-bucket/1",)
    assert isinstance(book.decide_lease(leaser(), "orders-read"), Permitted)


async def test_only_agents_lease_and_only_by_roles_that_there_are(book):
    assert isinstance(book.decide_lease(leaser(kind=CallerKind.OPERATOR), "bucket"), Denied)
    assert isinstance(book.decide_lease(structs.replace(leaser(), role="nobody"), "bucket"), Denied)


async def test_leasing_allows_no_call_and_a_call_no_lease(book, store):
    from smartagent.policy import Call

    assert isinstance(book.decide_call(leaser(), Call("credential:bucket", "LEASE", "/bucket")), Denied)


def test_the_compiled_role_speaks_of_leasing():
    assert 'Action::"lease"' in compile_role(role(LEASER).role)
