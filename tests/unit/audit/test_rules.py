# SPDX-License-Identifier: Apache-2.0
"""What the index files a record under, and the names of tiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.audit import NotInLog
from smartagent.audit.routes import parse_tile_path, tile_path
from smartagent.audit.rules import filed_under
from smartagent.audit.tiles import TileKey, place
from smartagent.kernel import Record


def test_a_record_is_filed_under_those_it_concerns():
    record = Record(
        "e", 1, "req_1", caller="agt_1", session="ses_1", jti="aat_1", subject="sub_1", target="t"
    )

    assert set(filed_under(record.encode())) == {"agt_1", "ses_1", "aat_1", "sub_1"}


@pytest.mark.parametrize("event", ["agent.enrolled", "challenge.issued", "revoked"])
def test_rare_events_are_filed_by_their_name_too(event):
    assert f"{event} agt_1" in filed_under(Record(event, 1, "req_1", subject="agt_1").encode())
    assert not any(filed_under(Record(event, 1, "req_1").encode()))


@pytest.mark.parametrize("leaf", [b"", b"{", b"[]", b'{"jti":5}', b"\xff", b'{"jti":"\xff"}'])
def test_what_is_no_record_is_filed_under_nothing(leaf):
    assert filed_under(leaf) == ()


@pytest.mark.parametrize(
    ("path", "number", "width"),
    [
        ("000", 0, 256),
        ("067", 67, 256),
        ("x001/x234/067", 1_234_067, 256),
        ("x001/x234/067.p/8", 1_234_067, 8),
        ("x001/000", 1000, 256),
    ],
)
def test_tiles_are_named_as_the_specification_says(path, number, width):
    assert parse_tile_path(path) == (number, width)
    assert tile_path(number, width) == path


@given(st.integers(0, 10**12), st.integers(1, 256))
def test_every_tile_has_one_name(number, width):
    assert parse_tile_path(tile_path(number, width)) == (number, width)


@pytest.mark.parametrize(
    "path",
    ["", "67", "0067", "x000/067", "001/067", "x001", "067.p/0", "067.p/256", "067.p/257", "067.p/08", "067.p/", "067.P/8", "067/", "x1/067", "\u0660\u0661\u0662"],
)  # fmt: skip
def test_no_other_spelling_is_a_tile(path):
    with pytest.raises(NotInLog):
        parse_tile_path(path)


@given(st.integers(0, 40), st.integers(0, 2**40))
def test_a_subtree_stands_in_the_tile_that_covers_its_leaves(level, index):
    key, height, position = place(level, index)

    assert key.level * 8 + height == level
    assert ((key.number * 256 >> height) + position) == index


@pytest.mark.parametrize(
    ("level", "number", "size", "width"),
    [
        (0, 0, 0, 0),
        (0, 0, 1, 1),
        (0, 0, 256, 256),
        (0, 1, 256, 0),
        (0, 1, 300, 44),
        (1, 0, 255, 0),
        (1, 0, 513, 2),
    ],
)
def test_a_tiles_width_follows_from_the_size(level, number, size, width):
    assert TileKey(level, number).width(size) == width
