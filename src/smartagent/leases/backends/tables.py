# SPDX-License-Identifier: Apache-2.0
"""What a role narrows a database's grants to: the things that both the role and the credential name, and no more."""

from collections.abc import Iterable, Sequence

import msgspec

from smartagent.policy import Item

Place = tuple[str, str]
"""A schema (in MariaDB: a database) and a table."""


class Held(msgspec.Struct, frozen=True):
    """Privileges on a table, or on some of its columns.  No table: all tables of the schema."""

    place: Place
    privileges: tuple[str, ...]
    columns: tuple[str, ...] = ()


def narrow_tables(held: Sequence[Held], items: Iterable[Item], schema: str) -> list[Held]:
    """Return what of `held` the `items` name; with columns where either says them.

    Args:
        held: What the credential grants.
        items: What the role names: a privilege, and a table or `table/column`.
        schema: That of a table which is named without one.
    """
    # No columns are all of them.
    found: dict[Place, dict[str, frozenset[str]]] = {}
    for item in items:
        table, _, column = item.name.partition("/")
        place = place_of(table, schema)
        for each in held:
            if each.place not in {place, (place[0], "")} or item.verb not in each.privileges:
                continue
            if column and each.columns and column not in each.columns:
                continue
            columns = frozenset({column} if column else each.columns)
            verbs = found.setdefault(place, {})
            before = verbs.get(item.verb, columns)
            verbs[item.verb] = columns | before if columns and before else frozenset()
    return [
        Held(place, tuple(verb for verb, its in verbs.items() if its == columns), tuple(sorted(columns)))
        for place, verbs in found.items()
        for columns in dict.fromkeys(verbs.values())
    ]


def place_of(name: str, schema: str) -> Place:
    """Return which table, or sequence, `name` is."""
    first, dot, second = name.partition(".")
    return (first, second) if dot else (schema, first)
