# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl issuer` and `agent attest`: what they take, before anybody is asked."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from smartagent.cli.ctl import issuers
from smartagent.cli.ctl.place import Place
from smartagent.cli.exits import Exit

RUNNER = CliRunner()
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "attest-workloads.md"
LINE = ["issuer", "add", "cluster", "--kind", "kubernetes"]


@pytest.fixture
def run(tmp_path):
    app = typer.Typer()
    app.add_typer(issuers.app, name="issuer")
    app.command("attest")(issuers.attest)
    place = Place("default", "", tmp_path)
    return lambda *line, **more: RUNNER.invoke(app, list(line), obj=place, **more)


def why(done):
    assert isinstance(done.exception, Exit), done.output
    return str(done.exception)


def test_every_command_explains_itself(run):
    for command in ("add", "list", "show", "remove"):
        assert run("issuer", command, "--help").exit_code == 0
    assert "--key-file" in run("attest", "--help").output


def test_a_claim_is_a_name_and_a_value(run):
    for claim in ("namespace", "=agents", ""):
        assert "NAME=VALUE" in why(run(*LINE, "--claim", claim, "--role", "r"))
    twice = ("--claim", "a=1", "--claim", "a=2")
    assert "each claim once" in why(run(*LINE, *twice, "--role", "r"))


def test_rules_and_keys_are_json_in_files(run, tmp_path):
    (tmp_path / "broken").write_text("{", encoding="utf-8")
    for flag in ("--rules", "--jwks"):
        assert "as JSON" in why(run(*LINE, flag, str(tmp_path / "broken")))
        assert "cannot be read" in why(run(*LINE, flag, str(tmp_path / "nothing")))


def test_a_rule_of_flags_stands_behind_those_of_a_file(tmp_path):
    given = [{"claims": {"sub": "a"}, "role": "r"}]
    (tmp_path / "rules").write_text(json.dumps(given), encoding="utf-8")
    assert issuers._rules(tmp_path / "rules", [], "") == given
    assert issuers._rules(tmp_path / "rules", ["a.b=c=d"], "s") == [
        *given,
        {"claims": {"a.b": "c=d"}, "role": "s"},
    ]
    assert issuers._rules(None, [], "") == []


def test_without_a_login_the_way_to_one_is_named(run):
    assert "login" in why(run(*LINE, "--claim", "a=b", "--role", "r"))


def test_the_platforms_token_is_not_taken_from_the_command_line(run, tmp_path):
    key = str(tmp_path / "agent.key")
    assert run("attest", "--key-file", key, "a.b.c").exit_code == 2
    assert "empty" in why(run("attest", "--key-file", key, "--server", "https://auth.example", input=" \n"))


def commands_of(page):
    """Every `smartagentctl` line of a page's shell blocks, as words."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^ *```sh\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("smartagentctl ")]


@pytest.mark.parametrize("line", [line for line in commands_of(PAGE) if line[0] == "issuer"], ids=" ".join)
def test_what_the_how_to_says_can_be_pasted(run, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jwks.json").write_text('{"keys": []}', encoding="utf-8")
    # Every flag is taken and every file is read; only the login is missing.
    assert "login" in why(run(*line))
