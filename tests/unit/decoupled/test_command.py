# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl request`: what it takes, and that nothing a client chose can steer a terminal."""

import json

import pytest
import typer
from typer.testing import CliRunner

from smartagent.cli.ctl.place import Place
from smartagent.cli.ctl.requests import _CODE, _readable, app
from smartagent.cli.exits import USAGE, Exit
from smartagent.decoupled.codes import make_user_code
from smartagent.decoupled.rules import shown_code
from tests.unit.identity.world import FakeEntropy

RUNNER = CliRunner()


def test_the_noun_explains_its_verbs():
    shown = RUNNER.invoke(app, ["--help"])
    assert shown.exit_code == 0
    for verb in ("list", "allow", "deny", "end"):
        assert verb in shown.output


def test_every_code_that_is_made_is_known_as_one():
    entropy = FakeEntropy()
    for _ in range(200):
        code = make_user_code(entropy)
        for typed in (code, shown_code(code), code.lower()):
            assert _CODE.fullmatch(typed)


@pytest.mark.parametrize("which", ["gnt_00000000000000000000000000", "BCDF-GHJ", "BCDF-GHJA", "BCDF GHJK"])
def test_an_id_is_not_taken_for_a_code(which):
    assert _CODE.fullmatch(which) is None


def test_a_program_must_say_yes_itself(tmp_path):
    root = typer.Typer()

    @root.callback()
    def place(ctx: typer.Context) -> None:
        ctx.obj = Place("default", "", tmp_path)

    root.add_typer(app, name="request")
    done = RUNNER.invoke(root, ["request", "allow", "BCDF-GHJK", "--json"])
    assert isinstance(done.exception, Exit)
    assert done.exception.code == USAGE


def test_a_name_cannot_steer_the_terminal():
    row = _readable({"client_name": "\x1b[2Jbot\u202egpj", "scopes": ["a"]})
    assert row == {"client_name": "[U+001B][2Jbot[U+202E]gpj", "scopes": ["a"], "call": ""}
    assert "\x1b" not in json.dumps(row)
