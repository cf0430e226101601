# SPDX-License-Identifier: Apache-2.0
"""Reading .env files as their users mean them, and never showing what is in them."""

import pytest

from smartagent.cli.ctl.dotenv import read_dotenv, shredded
from smartagent.cli.exits import Exit


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / ".env"
        path.write_bytes(text.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=plain", "plain"),
        ("  export KEY = plain  ", "plain"),
        ("KEY=plain # a comment", "plain"),
        ("KEY=with#hash", "with#hash"),
        ("KEY='single $NOT \\n'", "single $NOT \\n"),
        ('KEY="double \\"quoted\\" \\n line"', 'double "quoted" \n line'),
        ("KEY=\"with 'other' quotes\" # comment", "with 'other' quotes"),
        ("KEY=a=b==", "a=b=="),
        ("KEY=pässword", "pässword"),
        ("KEY='-----BEGIN-----\nabc\n-----END-----'", "-----BEGIN-----\nabc\n-----END-----"),
        ("# first\n\nKEY=x\r", "x"),
    ],
)
def test_a_value_is_read_as_it_is_meant(file, line, value):
    (found,) = read_dotenv(file(line), "")
    assert found.value == value


def test_variables_become_names_of_secrets(file):
    found = read_dotenv(file("DATABASE_URL=a\n_API__KEY_=b\nEMPTY=\n"), "Shop_")
    assert [(each.variable, each.name) for each in found] == [
        ("DATABASE_URL", "shop-database-url"),
        ("_API__KEY_", "shop-api-key"),
    ]


def test_the_last_of_two_lines_counts(file):
    assert [each.value for each in read_dotenv(file("A=1\nA=2\n"), "")] == ["2"]


@pytest.mark.parametrize(
    "text", ["not a line", "1A=x", "KEY='s3cret", 'KEY="s3cret', "KEY=s3cret'x", "A_B=1\nA__B=2"]
)
def test_what_is_not_understood_is_named_by_its_line_and_not_shown(file, text):
    with pytest.raises(Exit) as refused:
        read_dotenv(file(text), "")
    assert "s3cret" not in str(refused.value)
    assert ".env" in str(refused.value)


def test_what_cannot_be_read_is_refused(tmp_path, file):
    with pytest.raises(Exit, match="No such file"):
        read_dotenv(tmp_path / "none", "")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(Exit, match="no text"):
        read_dotenv(tmp_path / "binary", "")


def test_a_value_is_not_in_the_repr(file):
    assert "s3cret" not in repr(read_dotenv(file("A=s3cret"), ""))


def test_shredding_overwrites_before_it_deletes(file, tmp_path):
    path = file("A=s3cret")
    other = tmp_path / "same bytes"
    other.hardlink_to(path)
    assert shredded(path)
    assert not path.exists()
    assert other.read_bytes() == bytes(8)
