# SPDX-License-Identifier: Apache-2.0
"""A draft: rules that are asked but not in force."""

from collections.abc import Mapping, Sequence
from typing import Final

from smartagent.kernel import Scalar
from smartagent.policy.book import Book
from smartagent.policy.rolefile import parse_role_file
from smartagent.policy.writing import Stamp, written_policy, written_role
from smartagent.storage import Row

_DRAFT: Final = Stamp(0, 0, "draft")


class _Nowhere:
    """A database with nothing in it."""

    async def fetch(self, statement: object, parameters: Mapping[str, Scalar] = {}) -> list[Row]:  # noqa: ARG002 -- the seam's shape
        return []


def no_rules() -> Book:
    """Return a book in which nothing stands: what is drafted on it is all that it says."""
    return Book(_Nowhere())


def drafted(book: Book, role_files: Sequence[str], policies: Mapping[str, str]) -> Book:
    """Return what `book` would be with these role files and policies written.

    A role or a policy of the same name is replaced.  What would be refused as too broad is taken: this is
    where its author sees what it does.

    Args:
        book: The rules in force, or `no_rules()`.
        role_files: TOML, as written.
        policies: Name to Cedar text.

    Raises:
        MalformedRoleFile: One is none.
        MalformedPolicy: One is none.
    """
    roles = [written_role(parse_role_file(text).name, text, _DRAFT, allow_broad=True) for text in role_files]
    named = [written_policy(name, text, _DRAFT, allow_broad=True) for name, text in policies.items()]
    return book.drafted(roles, named)
