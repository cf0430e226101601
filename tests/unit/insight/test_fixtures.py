# SPDX-License-Identifier: Apache-2.0
"""Tests of rules."""

import json

import pytest
from typer.testing import CliRunner

from smartagent.cli.exits import Exit
from smartagent.cli.smartagentctl import app
from smartagent.insight import MalformedTests, parse_cases, run_cases
from smartagent.policy import drafted, no_rules
from tests.unit.insight.past import READER

CALL = 'upstream = "orders"\nmethod = "GET"\npath = "/orders/7"\n'
WHO = '[[test]]\nname = "it"\nrole = "order-reader"\n'
GOOD = WHO + CALL + 'expect = "permit"\nrule = "role/order-reader/1"\n'


def run(text, role_of={}.get, **policies):
    return run_cases(text, drafted(no_rules(), [READER], policies), role_of)


def test_what_is_expected_passes():
    (result,) = run(GOOD)

    assert (result.name, result.passed, result.line) == ("it", True, 1)


@pytest.mark.parametrize(
    ("text", "expected", "got", "reason"),
    [
        (GOOD.replace("permit", "deny"), "deny by role/order-reader/1", "permit by role/order-reader/1", ""),
        (GOOD.replace("reader/1", "reader/2"), "permit by role/order-reader/2", "permit by role/order-reader/1", ""),
        (GOOD.replace("GET", "DELETE"), "permit by role/order-reader/1", "deny", "the method is DELETE, not GET"),
        (GOOD + "scopes = []\n", "permit by role/order-reader/1", "deny", "the scope is none"),
        (GOOD + 'for_role = "gone"\n', "permit by role/order-reader/1", "deny", "there is no role 'gone'"),
    ],
)  # fmt: skip
def test_what_is_not_expected_is_told_with_what_was_decided_and_why(text, expected, got, reason):
    (result,) = run(text)

    assert (result.passed, result.expected, result.got) == (False, expected, got)
    assert reason in result.reason


def test_the_rule_that_forbids_can_be_expected():
    text = GOOD.replace("permit", "deny").replace("role/order-reader/1", "policy/closed/1")

    (result,) = run(text, closed='forbid(principal, action, resource == Upstream::"orders");')

    assert result.passed


def test_leases_and_agents_are_asked_about_too():
    text = '[[test]]\nname = "one"\nagent = "agt_1"\nlease = "orders-db"\nexpect = "permit"\n'

    assert [each.passed for each in run(text, {"agt_1": "order-reader"}.get)] == [True]


def test_a_failure_says_its_line_when_tests_stand_as_tables():
    results = run(GOOD + "\n" + GOOD.replace("permit", "deny"))

    assert [result.line for result in results] == [1, 10]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "test = []",
        "[[test",
        GOOD + 'wrong = "x"\n',
        GOOD.replace("permit", "maybe"),
        GOOD.replace('path = "/orders/7"\n', ""),
        GOOD + 'lease = "orders-db"\n',
        GOOD + 'agent = "agt_1"\n',
        GOOD.replace('role = "order-reader"\n', ""),
    ],
)
def test_what_is_no_file_of_tests_is_refused(text):
    with pytest.raises(MalformedTests):
        parse_cases(text)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "reader.toml").write_text(READER, encoding="utf-8")
    return tmp_path


def command(files, text, *more):
    (files / "cases").write_text(text, encoding="utf-8")
    arguments = ["policy", "test", str(files / "cases"), "--rules", str(files / "reader.toml"), "--offline"]
    return CliRunner().invoke(app, [*arguments, *more])


def test_the_command_says_what_passed(files):
    done = command(files, GOOD)

    assert (done.exit_code, done.output) == (0, "ok    it\n1 passed, 0 failed.\n")


def test_the_command_fails_with_a_readable_difference(files):
    done = command(files, GOOD.replace("GET", "DELETE"))

    assert isinstance(done.exception, Exit)
    assert done.output.startswith(
        "FAIL  it (line 1)\n  - expected permit by role/order-reader/1\n  + got      deny: no rule of role"
    )
    assert done.output.endswith("0 passed, 1 failed.\n")


def test_the_command_writes_json(files):
    assert json.loads(command(files, GOOD, "--json").output)[0]["passed"] is True


def test_the_command_needs_rules_offline_and_a_role(files):
    by_agent = GOOD.replace('role = "order-reader"', 'agent = "agt_1"')

    assert isinstance(command(files, by_agent).exception, Exit)
    assert isinstance(
        CliRunner().invoke(app, ["policy", "test", str(files / "cases"), "--offline"]).exception, Exit
    )
