# SPDX-License-Identifier: Apache-2.0
"""Answers on the terminal."""

import json

import pytest

from smartagent.cli.render import readable, show_fields, show_rows

ROWS = [{"id": "agt_1", "name": "[red]a[/red]", "made": None}, {"id": "agt_2", "name": "b", "made": True}]


def test_rows_become_a_table_that_shows_what_it_was_given_and_no_markup(capsys):
    show_rows(ROWS, ("id", "name", "made"), as_json=False, empty="none")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "name", "made"]
    assert lines[1].split() == ["agt_1", "[red]a[/red]", "-"]
    assert lines[2].split() == ["agt_2", "b", "yes"]


def test_a_long_cell_is_not_cut_when_a_program_reads(capsys):
    show_rows([{"id": "x" * 150, "b": "y" * 100}], ("id", "b"), as_json=False, empty="")

    out = capsys.readouterr().out
    assert "x" * 150 in out
    assert "y" * 100 in out


def test_no_rows_are_said_in_a_sentence(capsys):
    show_rows([], ("id",), as_json=False, empty="There are none.")

    assert capsys.readouterr().out == "There are none.\n"


def test_json_has_all_members_and_nothing_else(capsys):
    show_rows(ROWS, ("id",), as_json=True, empty="none")

    assert json.loads(capsys.readouterr().out) == ROWS


def test_fields_stand_below_each_other(capsys):
    show_fields({"id": "a", "base_url": "b"}, as_json=False)

    assert capsys.readouterr().out == "id        a\nbase url  b\n"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("a", None, "-"),
        ("a", "", "-"),
        ("a", [], "-"),
        ("a", 0, "0"),
        ("a", False, "no"),
        ("at", 1_800_000_000, "2027-01-15 08:00:00Z"),
        ("created_at", 1_800_000_000, "2027-01-15 08:00:00Z"),
        ("size", 1_800_000_000, "1800000000"),
        ("a", ["x", 1], "x, 1"),
        ("a", {"x": 1}, '{"x": 1}'),
    ],
)
def test_values_are_shown_as_people_read_them(name, value, text):
    assert readable(name, value) == text
