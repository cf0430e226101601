# SPDX-License-Identifier: Apache-2.0
"""What is read, what is left out, and that leaving out is said."""

import os

import pytest

from smartagent.cli.exits import Exit
from smartagent.cli.scan.filekinds import FileKind, file_kind
from smartagent.cli.scan.reading import MAX_BYTES, Notes, shown, texts_below


def read(root):
    notes = Notes()
    return {each.name: each for each in texts_below(root, notes)}, notes


def test_hidden_files_are_read_in_the_order_of_their_names(tmp_path):
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".cursor" / "mcp.json").write_text("{}", encoding="utf-8")
    (tmp_path / "b").write_text("b", encoding="utf-8")
    (tmp_path / ".env").write_text("A=1", encoding="utf-8")
    texts, notes = read(tmp_path)
    assert list(texts) == [".cursor/mcp.json", ".env", "b"]
    assert notes == Notes()


def test_one_file_may_be_asked_for(tmp_path):
    (tmp_path / ".env").write_text("A=1", encoding="utf-8")
    assert list(read(tmp_path / ".env")[0]) == [".env"]


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(Exit, match="no such file") as refused:
        read(tmp_path / "none")
    assert refused.value.code == 2


def test_links_are_not_followed_and_pipes_are_not_waited_for(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x", encoding="utf-8")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(outside)
    (inside / "file").symlink_to(outside / "secret")
    (inside / "self").symlink_to(inside)
    os.mkfifo(inside / "pipe")
    assert read(inside)[0] == {}


def test_binary_huge_and_installed_files_are_skipped_with_a_note(tmp_path):
    (tmp_path / "image").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "huge").write_bytes(b"a" * (MAX_BYTES + 1))
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x").write_text("x", encoding="utf-8")
    texts, notes = read(tmp_path)
    assert texts == {}
    assert notes.sentences == [
        "huge has more than 5 MiB.",
        "image is binary.",
        "node_modules holds installed packages.",
    ]
    assert not notes.incomplete


def test_what_may_not_be_read_makes_the_scan_incomplete(tmp_path):
    # Root reads everything, so the file goes away instead of being forbidden.
    (tmp_path / "a").write_text("a", encoding="utf-8")
    (tmp_path / "b").write_text("b", encoding="utf-8")
    notes = Notes()
    texts = texts_below(tmp_path, notes)
    assert next(texts).name == "a"
    (tmp_path / "b").unlink()
    assert list(texts) == []
    assert notes.incomplete
    assert notes.sentences == ["b cannot be read: No such file or directory."]


def test_of_a_repository_the_configuration_is_read_and_its_objects_are_not(tmp_path):
    (tmp_path / ".git" / "objects").mkdir(parents=True)
    (tmp_path / ".git" / "objects" / "ab").write_text("x", encoding="utf-8")
    (tmp_path / ".git" / "config").write_text("[remote]", encoding="utf-8")
    assert list(read(tmp_path)[0]) == [".git/config"]


def test_a_file_in_utf_16_is_read_and_known_to_be_no_copy(tmp_path):
    (tmp_path / ".env").write_bytes("KEY=pässword".encode("utf-16"))
    (only,) = read(tmp_path)[0].values()
    assert (only.raw.decode(), only.exact) == ("KEY=pässword", False)


def test_a_files_name_cannot_write_on_the_terminal():
    assert shown("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"
    assert shown(os.fsdecode(b"\xff.env")) == "\\xff.env"
    assert shown("größe.md") == "größe.md"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".env", FileKind.ENVIRONMENT),
        ("deploy/.env.local", FileKind.ENVIRONMENT),
        ("prod.env", FileKind.ENVIRONMENT),
        (".mcp.json", FileKind.AGENT),
        (".claude/settings.json", FileKind.AGENT),
        (".codex/config.toml", FileKind.AGENT),
        (".continue/config.yaml", FileKind.AGENT),
        (".aider.conf.yml", FileKind.AGENT),
        (".claude/agents/shop.md", FileKind.PROMPT),
        ("CLAUDE.md", FileKind.PROMPT),
        (".zshrc", FileKind.SHELL),
        ("docker-compose.prod.yml", FileKind.COMPOSE),
        ("environment.py", FileKind.OTHER),
    ],
)
def test_a_files_name_says_what_it_is(name, kind):
    assert file_kind(name) is kind
