# SPDX-License-Identifier: Apache-2.0
"""Operations as rules name them."""

import pytest

from smartagent.policy.operations import by_kind, covers, parse_operation

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
