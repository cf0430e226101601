# SPDX-License-Identifier: Apache-2.0
"""Compiling statements once."""

import pytest
import sqlalchemy as sa

from smartagent.storage.postgres_session import numbered
from smartagent.storage.statement import postgres_compiler, sqlite_compiler

THINGS = sa.table("things", sa.column("name", sa.Text), sa.column("size", sa.BigInteger))
FIND = sa.select(THINGS.c.name).where(
    sa.or_(THINGS.c.name == sa.bindparam("name"), THINGS.c.size > 7, THINGS.c.name > sa.bindparam("name"))
)


def test_values_stand_in_the_order_of_their_places():
    assert sqlite_compiler()(FIND).values({"name": "a"}) == ("a", 7, "a")
    assert postgres_compiler()(FIND).values({"name": "a"}) == ("a", 7)


def test_a_statement_is_compiled_once():
    compiled = sqlite_compiler()
    assert compiled(FIND) is compiled(FIND)


def test_statements_made_per_call_do_not_pile_up():
    compiled = sqlite_compiler(most=3)
    for size in range(10):
        compiled(sa.select(THINGS).where(THINGS.c.size == size))
        assert len(compiled._compiled) <= 3


@pytest.mark.parametrize("parameters", [{}, {"name": "a", "other": 1}])
def test_values_missing_or_without_a_place_are_refused(parameters):
    with pytest.raises(TypeError):
        sqlite_compiler()(FIND).values(parameters)


@pytest.mark.parametrize(
    "refused",
    [
        "SELECT 1",
        sa.select(THINGS).where(THINGS.c.name.in_(["a", "b"])),
        sa.select(THINGS).where(sa.literal(1.5) < THINGS.c.size),
        sa.select(THINGS).where(sa.bindparam("when", type_=sa.DateTime) == THINGS.c.size),
    ],
)
def test_what_would_need_a_conversion_is_refused(refused):
    with pytest.raises(TypeError):
        sqlite_compiler()(refused)


def test_named_places_become_numbered_ones():
    assert numbered("SELECT :a, :b, :a, '12:30' || x::text") == (
        "SELECT $1, $2, $1, '12:30' || x::text",
        ("a", "b"),
    )
