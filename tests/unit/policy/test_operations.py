# SPDX-License-Identifier: Apache-2.0
"""Operations as rules name them, and what is decided by them."""

import pytest
from msgspec import structs

from smartagent.kernel import Denied, Permitted
from smartagent.policy import Call
from smartagent.policy.operations import by_kind, covers, parse_operation
from tests.unit.policy.fakes import agent, book_of, policy, role

HASH = "0" * 64


@pytest.mark.parametrize(
    "raw",
    [
        "git-read",
        "git-write",
        "graphql:query:viewer",
        "graphql:query:__schema",
        "graphql:mutation:*",
        "graphql:subscription:a1",
        f"graphql:persisted:{HASH}",
        "graphql:persisted:*",
    ],
)
def test_an_operation_is_read(raw):
    assert parse_operation(raw) == raw


@pytest.mark.parametrize(
    "raw",
    ["", "git", "git-*", "graphql", "graphql:query", "graphql:query:", "graphql:query:a-b", "graphql:query:1a",
     "graphql:fragment:a", "graphql:persisted:abc", f"graphql:persisted:{HASH.replace('0', 'F')}", "git-read\n",
     "graphql:query:a b", "graphql:query:**", "graphql:query:é"],
)  # fmt: skip
def test_what_is_none_is_refused(raw):
    with pytest.raises(ValueError, match="an operation is"):
        parse_operation(raw)


def test_fields_are_listed_by_kind():
    assert by_kind(["git-read", "graphql:query:a", "graphql:query:b", f"graphql:persisted:{HASH}"]) == {
        "git-read": (),
        "graphql:query": ("a", "b"),
        "graphql:persisted": (HASH,),
    }


def test_every_field_must_be_listed():
    listed = ["graphql:query:a", "graphql:query:b", "graphql:mutation:*"]
    assert covers(listed, "graphql:query", ("a", "b"))
    assert covers(listed, "graphql:mutation", ("anything",))
    assert not covers(listed, "graphql:query", ("a", "c"))
    assert not covers(listed, "graphql:subscription", ())
    assert not covers(listed, "git-read", ())
    assert not covers(["git-read"], "", ())


OPERATIONS = """\
name = "order-reader"
[[allow]]
scope = "code:read"
upstream = "code"
methods = ["GET", "POST"]
paths = ["/**"]
operations = ["git-read", "graphql:query:viewer", "graphql:query:repository", "graphql:mutation:*"]
[[allow]]
scope = "code:read"
upstream = "orders"
methods = ["POST"]
paths = ["/orders"]
content_types = ["application/json"]
"""


@pytest.mark.parametrize(
    ("operation", "fields", "permitted"),
    [
        ("git-read", (), True),
        ("git-write", (), False),
        ("", (), False),
        ("graphql:query", ("viewer",), True),
        ("graphql:query", ("repository", "viewer"), True),
        ("graphql:query", (), True),
        ("graphql:query", ("viewer", "users"), False),
        ("graphql:mutation", ("anything",), True),
        ("graphql:subscription", ("viewer",), False),
        ("graphql:persisted", ("viewer",), False),
    ],
)
async def test_operations_are_allowed_by_kind_and_by_every_field(store, operation, fields, permitted):
    book = await book_of(store, role(OPERATIONS))
    call = Call("code", "POST", "/x", "application/json", operation, fields)
    verdict = book.decide_call(agent(scopes=("code:read",)), call)

    assert isinstance(verdict, Permitted) is permitted
    if not permitted:
        assert "the operation is" in verdict.reason


@pytest.mark.parametrize(
    ("content_type", "permitted"), [("application/json", True), ("", True), ("text/plain", False)]
)
async def test_a_body_has_a_content_type_that_is_allowed_or_there_is_none(store, content_type, permitted):
    book = await book_of(store, role(OPERATIONS))
    call = Call("orders", "POST", "/orders", content_type)
    verdict = book.decide_call(agent(scopes=("code:read",)), call)

    assert isinstance(verdict, Permitted) is permitted
    if not permitted:
        assert "the content type is text/plain, not application/json" in verdict.reason


async def test_no_caller_fills_the_memory_of_decisions_with_what_is_long(store):
    book = await book_of(store, role(OPERATIONS))
    for call in (
        Call("code", "POST", "/x", "", "graphql:query", ("a" * 300,)),
        Call("code", "POST", "/x", "", "graphql:query", tuple(f"field{number}" for number in range(99))),
        Call("orders", "POST", "/orders", "a/" + "b" * 300),
    ):
        assert isinstance(book.decide_call(agent(scopes=("code:read",)), call), Denied)

    assert len(book._judgements._remembered) == 0


async def test_a_policy_sees_operations_and_content_types(store):
    forbids = "forbid(principal, action, resource) when {"
    book = await book_of(
        store,
        role(OPERATIONS),
        policy("no-secrets", forbids + 'context.fields.contains("viewer")};'),
        policy("no-yaml", forbids + 'context.content_type == "application/yaml"};'),
    )
    allowed = Call("code", "POST", "/x", "application/json", "graphql:query", ("repository",))
    caller = agent(scopes=("code:read",))

    assert isinstance(book.decide_call(caller, allowed), Permitted)
    for forbidden in (
        structs.replace(allowed, fields=("repository", "viewer")),
        structs.replace(allowed, content_type="application/yaml"),
    ):
        assert isinstance(book.decide_call(caller, forbidden), Denied)
