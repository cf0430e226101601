# SPDX-License-Identifier: Apache-2.0
"""The plan, the edited copies and the script: no key in any of them, and none lost on the way."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartagent.cli.exits import Exit
from smartagent.cli.scan.editing import by_file, checksum, difference, edited
from smartagent.cli.scan.migration import role_file, write_migration
from smartagent.cli.scan.model import PLACEHOLDER
from smartagent.cli.scan.planning import plan_for, role_named
from smartagent.cli.scan.reading import Notes, texts_below
from smartagent.kernel import Secret
from smartagent.policy.rolefile import parse_role_file
from smartagent.policy.rules import grants_everything
from tests.unit.cli.scan.planted import chars, for_people, found, openai, planted

KEY = Secret(b"k" * 16)
KEYS = {name: planted()[name] for name in ("OPENAI_API_KEY", "SLACK_BOT_TOKEN", "GROQ_API_KEY", "DD_API_KEY")}
CTL = """#!/bin/sh
# Stands for smartagentctl: writes down what it was told, and says that nothing is there yet.
echo "$*" >> "$LOG"
case "$2" in
show) [ -e "$KEPT/there-$1-$3" ] ;;
put) [ "$1" = secret ] && cat > "$KEPT/$3"; [ "$1" != "$FAIL" ] ;;
esac
"""


def plan_of(folder, role="shop"):
    notes = Notes()
    return plan_for(
        [each for text in texts_below(folder, notes) for each in found(text.name, text.raw)], role
    )


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "it's a project"
    (folder / ".cursor").mkdir(parents=True)
    (folder / ".env").write_text(
        "".join(f"{name}={value}\n" for name, (value, _) in KEYS.items()), encoding="utf-8"
    )
    (folder / ".cursor" / "mcp.json").write_text(
        f'{{"env": {{"K": "{KEYS["OPENAI_API_KEY"][0]}"}}, "größe": 1}}', encoding="utf-8"
    )
    (folder / "-odd\nname$(x).md").write_text(f"use {KEYS['GROQ_API_KEY'][0]}", encoding="utf-8")
    (folder / "plain.txt").write_text("nothing", encoding="utf-8")
    return folder


class Machine:
    """A shell with a command that stands for smartagentctl."""

    def __init__(self, folder):
        self.kept = folder / "kept"
        self.kept.mkdir()
        self.log = folder / "log"
        (folder / "bin").mkdir()
        (folder / "bin" / "smartagentctl").write_text(CTL, encoding="utf-8")
        (folder / "bin" / "smartagentctl").chmod(0o755)
        self.path = f"{folder / 'bin'}:/usr/bin:/bin"

    def run(self, script, fail=""):
        environ = {"PATH": self.path, "LOG": str(self.log), "KEPT": str(self.kept), "FAIL": fail}
        return subprocess.run(["sh", script], env=environ, capture_output=True, text=True, check=False)

    def secrets(self):
        return {each.name: each.read_text(encoding="utf-8") for each in self.kept.iterdir()}


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def without(raw):
    for value, _ in KEYS.values():
        raw = raw.replace(value.encode(), PLACEHOLDER.encode())
    return raw


def contents(folder):
    return {each: each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()}


def test_the_script_moves_every_key_and_then_edits_the_files(project, machine, tmp_path):
    write_migration(tmp_path / "new" / "migration", project, plan_of(project))
    before = contents(project)
    done = machine.run(tmp_path / "new" / "migration" / "migrate.sh")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.secrets() == {f"{upstream}-key": value for value, upstream in KEYS.values()}
    assert not (tmp_path / "new" / "migration" / "edited").exists()
    after = contents(project)
    for path, raw in before.items():
        assert after[path] == without(raw)
    assert plan_of(project).moves == []


def test_no_part_of_the_migration_has_a_key_and_only_its_owner_may_read_it(project, tmp_path):
    folder = tmp_path / "migration"
    with (project / ".env").open("a", encoding="utf-8") as file:
        file.write("OTHER_SECRET=which-nobody-moves-1\n")
    write_migration(folder, project, plan_of(project))
    for path, raw in contents(folder).items():
        assert not any(value[8:].encode() in raw for value, _ in KEYS.values()), path
        assert b"which-nobody-moves" not in raw
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *contents(folder))}
    assert modes == {"migration": 0o700, "migrate.sh": 0o700, "role.toml": 0o600}


def test_no_key_is_ever_an_argument(project, machine, tmp_path):
    write_migration(tmp_path / "m", project, plan_of(project))
    assert machine.run(tmp_path / "m" / "migrate.sh").returncode == 0
    told = machine.log.read_text(encoding="utf-8")
    assert "secret put openai-key --cas 0" in told
    assert "upstream put openai https://api.openai.com --secret openai-key --place bearer" in told
    assert not any(value[8:] in told for value, _ in KEYS.values())


def test_a_file_that_changed_since_stops_the_script_before_anything(project, machine, tmp_path):
    write_migration(tmp_path / "m", project, plan_of(project))
    with (project / ".env").open("a", encoding="utf-8") as file:
        file.write("MORE=1\n")
    before = contents(project)
    done = machine.run(tmp_path / "m" / "migrate.sh")
    assert done.returncode == 1
    assert ".env was changed since the scan" in done.stderr
    assert (machine.secrets(), contents(project)) == ({}, before)


@pytest.mark.parametrize("fail", ["secret", "upstream", "role"])
def test_after_a_failure_the_files_are_as_they_were_and_it_can_be_run_again(project, machine, tmp_path, fail):
    write_migration(tmp_path / "m", project, plan_of(project))
    before = contents(project)
    assert machine.run(tmp_path / "m" / "migrate.sh", fail).returncode != 0
    assert contents(project) == before
    assert machine.run(tmp_path / "m" / "migrate.sh").returncode == 0
    assert plan_of(project).moves == []
    assert machine.run(tmp_path / "m" / "migrate.sh").returncode == 0, "and once more"


@pytest.mark.parametrize("there", ["secret-openai-key", "upstream-openai", "role-shop"])
def test_what_the_authority_has_already_is_left_alone(project, machine, tmp_path, there):
    write_migration(tmp_path / "m", project, plan_of(project))
    before = contents(project)
    (machine.kept / f"there-{there}").touch()
    done = machine.run(tmp_path / "m" / "migrate.sh")
    assert done.returncode == 1
    assert "already" in done.stderr
    assert contents(project) == before
    assert there.partition("-")[2] not in machine.secrets()


def test_a_folder_that_is_there_is_not_written_into(project, tmp_path):
    (tmp_path / "m").mkdir()
    with pytest.raises(Exit, match="is there already"):
        write_migration(tmp_path / "m", project, plan_of(project))
    assert list((tmp_path / "m").iterdir()) == []


def test_a_file_that_changed_during_the_scan_is_not_edited(project, tmp_path):
    plan = plan_of(project)
    (project / ".env").write_text("A=1\n", encoding="utf-8")
    with pytest.raises(Exit, match="changed while it was looked at"):
        write_migration(tmp_path / "m", project, plan)
    assert not (tmp_path / "m").exists()


def test_without_anything_to_move_there_is_no_migration(tmp_path):
    plan = plan_for([each for text, *_ in for_people() for each in found("x", text)], "shop")
    with pytest.raises(Exit, match="Nothing of it"):
        write_migration(tmp_path / "m", tmp_path, plan)


def test_different_keys_for_one_upstream_are_left_to_a_person():
    findings = found(".env", f"A={openai('a')}\nB={openai('b')}\nC={chars('m', 3)}\n")
    plan = plan_for([*findings, *found("x", planted()["GROQ_API_KEY"][0])], "shop")
    assert [move.secret for move in plan.moves] == ["groq-key"]
    assert all("decide which role gets which" in each.advice for each in plan.left)
    assert len(plan.left) == 2


def test_the_role_file_is_one_that_the_authority_takes(project):
    text = role_file(plan_of(project, "shop"))
    role = parse_role_file(text)
    assert {each.upstream for each in role.allow} == {upstream for _, upstream in KEYS.values()}
    assert grants_everything(role) is None
    assert tomllib.loads(text)["name"] == "shop"


@pytest.mark.parametrize(
    ("raw", "name"),
    [("My Project", "my-project"), ("_x_", "x"), ("größe", "gr-e"), ("日本", "agent"), ("a" * 70, "a" * 63)],
)
def test_a_role_is_called_like_its_folder(raw, name):
    assert role_named(raw) == name


def test_the_difference_shows_nothing_else_of_a_line():
    value = openai()
    plan = plan_for(
        found(".env", f"URL=https://host/unknown-secret-9 OPENAI_API_KEY={value} X=other-secret-8\n"), "shop"
    )
    lines = list(difference(plan, KEY))
    assert lines[:3] == ["--- .env", "+++ .env", "@@ line 1, column 50 @@"]
    assert lines[3].startswith(f"-OPENAI_API_KEY: sk-... ({len(value)} characters, #")
    assert lines[4] == f"+OPENAI_API_KEY: {PLACEHOLDER}"
    assert not any(word in "".join(lines) for word in ("unknown-secret", "other-secret", value[8:16]))


@pytest.mark.parametrize("raw", [b"", b"a", b"hello\n", bytes(range(256)) * 5])
def test_the_checksum_is_that_of_the_program(raw, tmp_path):
    file = tmp_path / "f"
    file.write_bytes(raw)
    with Path(file).open("rb") as opened:
        said = subprocess.run(["cksum"], stdin=opened, capture_output=True, text=True, check=True).stdout
    assert checksum(raw) == said.strip()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(["a", "b"]), st.binary(max_size=30)), max_size=8))
def test_all_bytes_that_are_no_key_survive_an_edit(parts):
    value = openai()
    raw = b"\n".join(value.encode() if part in ("a", "b") else part for part in parts)
    plan = plan_for(found("x", raw), "shop")
    places = by_file(plan).get("x", [])
    assert edited(raw, places) == raw.replace(value.encode(), PLACEHOLDER.encode())


def test_a_migration_of_files_with_any_names_runs(tmp_path, machine):
    folder = tmp_path / "names"
    folder.mkdir()
    for name in (b"\xff", b"a b", b"'", b'"', b"-n", b"$HOME", b"`x`", b"a;b"):
        (folder / os.fsdecode(name)).write_text(openai(), encoding="utf-8")
    write_migration(tmp_path / "m", folder, plan_of(folder))
    done = machine.run(tmp_path / "m" / "migrate.sh")
    assert (done.returncode, done.stderr) == (0, "")
    assert {each.read_text(encoding="utf-8") for each in folder.iterdir()} == {PLACEHOLDER}
    assert machine.secrets() == {"openai-key": openai()}
