# SPDX-License-Identifier: Apache-2.0
"""A scan as it is asked for: exit codes, JSON, baselines, and what a repository had once."""

import json
import subprocess

import pytest

from smartagent.cli.exits import Exit
from smartagent.cli.scan import Asked, History, scan
from smartagent.cli.scan.baseline import read_baseline
from tests.unit.cli.scan.planted import chars, nothing, openai, planted

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_DIR": "/nowhere"}


class Chance:
    """Entropy that is different each time, and the same in each run."""

    def __init__(self):
        self.calls = 0

    def __call__(self, count):
        self.calls += 1
        return bytes([self.calls]) * count


@pytest.fixture
def scanned(capsys):
    chance = Chance()

    def run(path, *, detect=nothing, **asked):
        code = scan(Asked(path, **asked), detect, chance)
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "project"
    made.mkdir()
    (made / ".env").write_text(f"OPENAI_API_KEY={openai()}\nDB_PASSWORD={chars('p', 20)}\n", encoding="utf-8")
    return made


def git(folder, *words):
    names = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    environ = {"PATH": ENVIRON["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(
        ["git", *names, *words], cwd=folder, env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    made = tmp_path / "repository"
    made.mkdir()
    git(made, "init")
    (made / "old.py").write_text(f'KEY = "{openai("old")}"\n', encoding="utf-8")
    git(made, "add", ".")
    git(made, "commit", "-m", "one")
    (made / "old.py").write_text("KEY = load()\n", encoding="utf-8")
    git(made, "commit", "-am", "two")
    return made


def test_a_clean_folder_is_0_and_says_so(tmp_path, scanned):
    (tmp_path / "a.py").write_text("print(1)\n", encoding="utf-8")
    assert scanned(tmp_path) == (0, "No long-lived key was found.\n")


def test_findings_are_1_and_say_what_replaces_them(folder, scanned):
    code, out = scanned(folder)
    assert code == 1
    assert out.startswith(
        ".env:1:16 (environment file)\n  OpenAI API key in OPENAI_API_KEY: sk-... (164 characters"
    )
    assert "-> gateway: upstream openai (https://api.openai.com), --place bearer, role project\n" in out
    assert "-> vault. Put it into the vault and lease it to programs" in out
    assert out.endswith("Found 2: 1 can be moved by a script, 1 need a person.\n")


def test_a_part_that_cannot_be_looked_at_is_2_unless_something_was_found(tmp_path, folder, scanned):
    def slow(raw):
        raise TimeoutError

    (tmp_path / "a").write_text("a", encoding="utf-8")
    code, out = scanned(tmp_path / "a", detect=slow)
    assert code == 2
    assert "note: a took too long to look at." in out
    assert scanned(folder)[0] == 1


def test_json_has_everything_and_no_value(folder, scanned, tmp_path):
    code, out = scanned(folder, as_json=True, write=tmp_path / "m", role="shop")
    told = json.loads(out)
    first, second = told["findings"]
    assert code == 1
    assert (first["file"], first["line"], first["column"]) == (".env", 1, 16)
    assert (first["upstream"], first["place"], first["secret"], first["role"]) == (
        "openai", "bearer", "openai-key", "shop",
    )  # fmt: skip
    assert second["replaced_by"] == "vault"
    assert (told["role"], told["notes"], len(told["changes"])) == ("shop", [], 5)
    assert told["accepted"] == 0
    assert openai()[8:20] not in out
    assert chars("p", 20) not in out
    assert (tmp_path / "m" / "migrate.sh").exists()


def test_one_file_is_migrated_where_it_is(folder, scanned, tmp_path):
    code, out = scanned(folder / ".env", write=tmp_path / "m")
    assert code == 1
    assert "role project" in out
    assert str(folder) in (tmp_path / "m" / "migrate.sh").read_text(encoding="utf-8")


def test_what_is_accepted_is_not_shown_again_wherever_it_moves_in_its_file(folder, scanned, tmp_path):
    file = tmp_path / "baseline.json"
    assert scanned(folder, baseline=file, accept=True) == (0, f"{file} accepts 2 findings.\n")
    text = (folder / ".env").read_text(encoding="utf-8")
    (folder / ".env").write_text(f"# a comment\n{text}", encoding="utf-8")
    assert scanned(folder, baseline=file) == (0, "No long-lived key was found. 2 are accepted.\n")
    (folder / "copy.env").write_text(text, encoding="utf-8")
    code, out = scanned(folder, baseline=file)
    assert (code, out.count("copy.env:")) == (1, 2)


def test_a_baseline_keeps_its_key_and_forgets_what_is_gone(folder, scanned, tmp_path):
    file = tmp_path / "baseline.json"
    scanned(folder, baseline=file, accept=True)
    before = read_baseline(file)
    (folder / ".env").write_text(f"OPENAI_API_KEY={openai()}\n", encoding="utf-8")
    code, out = scanned(folder, baseline=file, accept=True, as_json=True)
    after = read_baseline(file)
    assert (code, json.loads(out)) == (0, {"accepted": 1})
    assert after.key == before.key
    assert set(after.accepted) < set(before.accepted)
    assert openai()[8:20] not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", [None, "[]", "{}", '{"key": "zz", "accepted": []}', '{"key": "00", "accepted": [], "version": 2}']
)
def test_a_file_that_is_no_baseline_is_refused(folder, scanned, tmp_path, text):
    file = tmp_path / "baseline.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(Exit) as refused:
        scanned(folder, baseline=file)
    assert refused.value.code == 2


def test_accepting_needs_a_place(folder, scanned):
    with pytest.raises(Exit, match="--baseline FILE"):
        scanned(folder, accept=True)


@pytest.mark.needs("git")
def test_what_a_repository_had_once_is_found_with_its_commit(repository, scanned):
    assert scanned(repository)[0] == 0
    code, out = scanned(repository, history=History(repository, ENVIRON))
    assert code == 1
    assert f"old.py:1:8 in commit {git(repository, 'rev-parse', '--short', 'HEAD')} (file)" in out
    assert "It is in the history only: end it where it was made." in out


@pytest.mark.needs("git")
def test_what_the_files_have_still_is_said_once(repository, scanned):
    (repository / "old.py").write_text(f'# moved\n\nKEY = "{openai("old")}"\n', encoding="utf-8")
    git(repository, "commit", "-am", "three")
    code, out = scanned(repository, history=History(repository, ENVIRON))
    assert (code, out.count("old.py:")) == (1, 1)
    assert "in commit" not in out


@pytest.mark.needs("git")
def test_stashes_other_branches_and_dropped_commits_are_looked_at(repository, scanned):
    git(repository, "checkout", "-b", "side")
    (repository / "side.py").write_text(openai("side"), encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "side")
    git(repository, "reset", "--hard", "main")
    (repository / "old.py").write_text(planted()["GROQ_API_KEY"][0], encoding="utf-8")
    git(repository, "stash")
    out = scanned(repository, history=History(repository, ENVIRON))[1]
    assert "side.py:1:1 in commit" in out
    assert "Groq API key" in out


@pytest.mark.needs("git")
def test_only_the_folder_that_was_asked_for_is_looked_at(repository, scanned):
    (repository / "sub").mkdir()
    (repository / "sub" / "x.py").write_text(openai("x"), encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "three")
    git(repository, "rm", "-q", "sub/x.py")
    git(repository, "commit", "-m", "four")
    (repository / "sub").mkdir()
    out = scanned(repository / "sub", history=History(repository / "sub", ENVIRON))[1]
    assert out.startswith("x.py:1:1 in commit")
    assert "old.py" not in out


@pytest.mark.needs("git")
def test_the_history_of_one_file_is_its_own(repository, scanned):
    (repository / "größe\t1").write_text(openai("x"), encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "three")
    (repository / "größe\t1").write_text("nothing", encoding="utf-8")
    out = scanned(repository / "größe\t1", history=History(repository / "größe\t1", ENVIRON))[1]
    assert out.startswith("größe\\t1:1:1 in commit")
    assert "old.py" not in out


@pytest.mark.needs("git")
def test_nothing_of_a_repository_is_run(repository, scanned, tmp_path):
    ran = tmp_path / "ran"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch '{ran}'\ncat\n", encoding="utf-8")
    script.chmod(0o755)
    for name in (
        "core.fsmonitor",
        "core.pager",
        "diff.x.textconv",
        "filter.x.smudge",
        "diff.external",
        "gpg.program",
    ):
        git(repository, "config", name, str(script))
    (repository / ".gitattributes").write_text("* diff=x filter=x\n", encoding="utf-8")
    git(repository, "config", "log.showSignature", "true")
    assert scanned(repository, history=History(repository, ENVIRON))[0] == 1
    assert not ran.exists()


@pytest.mark.needs("git")
def test_a_folder_without_a_history_is_refused(folder, scanned):
    with pytest.raises(Exit, match="no history that git can read") as refused:
        scanned(folder, history=History(folder, ENVIRON))
    assert refused.value.code == 2


def test_without_git_there_is_no_history_to_read(folder, scanned):
    with pytest.raises(Exit, match="no git on this machine"):
        scanned(folder, history=History(folder, {"PATH": "/nowhere"}))
