# SPDX-License-Identifier: Apache-2.0
"""Operations as targets of rules: what a call does, where its path does not say it.

    git-read                  clone and fetch
    git-write                 push
    graphql:query:viewer      a query whose top-level fields are all listed, once fragments are put in
    graphql:mutation:*        any mutation
    graphql:persisted:<hash>  an operation that the server knows by the SHA-256 of its text

Pure: the gateway finds out which operation a call is, `compile` turns a rule into Cedar.
"""

import re
from collections.abc import Iterable
from typing import Final

ANY_FIELD: Final = "*"
PLAIN: Final = ("git-read", "git-write")
_GRAPHQL: Final = re.compile(
    r"(graphql:(?:query|mutation|subscription)):(\*|[_A-Za-z][_0-9A-Za-z]{0,127})|(graphql:persisted):(\*|[0-9a-f]{64})"
)


def parse_operation(raw: str) -> str:
    """Read an operation of a rule.

    Raises:
        ValueError: It is none; the text says how they look.
    """
    if raw not in PLAIN and not _GRAPHQL.fullmatch(raw):
        msg = (
            "an operation is git-read, git-write, graphql:query:<field>, graphql:mutation:<field>, "
            "graphql:subscription:<field> or graphql:persisted:<hash>; * for any field"
        )
        raise ValueError(msg)
    return raw


def by_kind(operations: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the fields that are listed for each kind of operation; none for the kinds that have none."""
    found: dict[str, tuple[str, ...]] = {}
    for operation in operations:
        kind, _, field = (operation, "", "") if operation in PLAIN else operation.rpartition(":")
        found[kind] = found.get(kind, ()) + ((field,) if field else ())
    return found


def covers(operations: Iterable[str], kind: str, fields: Iterable[str]) -> bool:
    """Say whether a rule's operations allow one: of a kind that is listed, and with fields that all are."""
    listed = by_kind(operations).get(kind)
    return listed is not None and (not listed or ANY_FIELD in listed or set(fields).issubset(listed))
