# SPDX-License-Identifier: Apache-2.0
"""Which files are drafts, and how far back history goes."""

from pathlib import Path

import pytest

from smartagent.cli.ctl.drafts import parse_since, read_drafts
from smartagent.cli.exits import Exit


def test_files_and_directories_are_read_by_their_endings(tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("b.toml", "a.cedar", "notes.md", "more/c.toml"):
        (tmp_path / name).write_text(name, encoding="utf-8")

    drafts = read_drafts([tmp_path, tmp_path / "more" / "c.toml"])

    assert [Path(file).name for file in drafts.roles] == ["b.toml", "c.toml"]
    assert drafts.named == {"a": "a.cedar"}
    assert drafts.body() == {"roles": ["b.toml", "more/c.toml"], "policies": {"a": "a.cedar"}}


def test_what_is_no_draft_is_refused(tmp_path):
    for name in ("x.txt", "bad.toml", "one/p.cedar", "two/p.cedar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\xff" if name == "bad.toml" else b"x")
    (tmp_path / "empty").mkdir()

    for places in (["x.txt"], ["bad.toml"], ["gone.toml"], ["empty"], ["one", "two"]):
        with pytest.raises(Exit):
            read_drafts([tmp_path / place for place in places])


@pytest.mark.parametrize(("raw", "seconds"), [("45s", 45), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)])
def test_a_time_is_a_number_and_a_unit(raw, seconds):
    assert parse_since(raw) == seconds


@pytest.mark.parametrize("raw", ["", "7", "d", "0d", "-1d", "7 d", "7w", "1.5h"])
def test_everything_else_is_no_time(raw):
    with pytest.raises(Exit):
        parse_since(raw)
