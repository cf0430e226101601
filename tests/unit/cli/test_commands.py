# SPDX-License-Identifier: Apache-2.0
"""The two command lines: what they take, and what they refuse."""

import json

import pytest
from typer.testing import CliRunner

from smartagent.cli.smartagent import app as smartagent
from smartagent.cli.smartagentctl import app as smartagentctl
from smartagent.server import ConfigError

RUNNER = CliRunner()


def test_config_show_says_where_each_value_came_from(tmp_path, monkeypatch):
    file = tmp_path / "c.toml"
    file.write_text("store = 'postgresql://app:s3cret@db/x'\n", encoding="utf-8")
    monkeypatch.setenv("SMARTAGENT_PORT", "9000")

    done = RUNNER.invoke(
        smartagent, ["config", "show", "--config", str(file), "--set", "workers=3", "--json"]
    )

    rows = {row["name"]: row for row in json.loads(done.output)}
    assert (rows["port"]["value"], rows["port"]["origin"]) == ("9000", "environment SMARTAGENT_PORT")
    assert (rows["workers"]["value"], rows["workers"]["origin"]) == ("3", "flag")
    assert rows["store"]["origin"] == str(file)
    assert rows["issuer"]["value"] == "http://127.0.0.1:9000"
    assert "s3cret" not in done.output


def test_an_unknown_setting_is_refused_with_what_was_probably_meant():
    done = RUNNER.invoke(smartagent, ["config", "show", "--set", "worker=3"])

    assert isinstance(done.exception, ConfigError)
    assert "did you mean --workers?" in str(done.exception)


NOUNS = [
    "secret",
    "upstream",
    "role",
    "policy",
    "enrolment",
    "agent",
    "audit",
    "revoke",
    "keys",
    "delegation",
    "issuer",
    "client",
    "resource",
    "request",
    "approvals",
    "signals",
    "provider",
    "credential",
    "lease",
    "rotation",
    "account",
    "honeytoken",
    "sealing-key",
    "scim",
    "channel",
    "review",
]


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_explains_itself(noun):
    done = RUNNER.invoke(smartagentctl, [noun, "--help"])

    assert done.exit_code == 0
    assert "Commands" in done.output


@pytest.mark.parametrize("noun", ["config", "root-key", "backup"])
def test_every_noun_of_the_authority_explains_itself(noun):
    done = RUNNER.invoke(smartagent, [noun, "--help"])

    assert done.exit_code == 0
    assert "Commands" in done.output


def test_elevating_says_for_how_long_and_why():
    assert RUNNER.invoke(smartagentctl, ["elevate", "--help"]).exit_code == 0
    for line in (
        ["--role", "x"],
        ["--role", "x", "--for", "1h"],
        ["--role", "x", "--for", "soon", "--reason", "y"],
    ):
        done = RUNNER.invoke(smartagentctl, ["elevate", "agt_1", *line])
        assert "--" in str(done.exception)


@pytest.mark.parametrize("verb", ["list", "show", "suspend", "resume", "retire", "assign", "terms", "import"])
def test_every_verb_on_agents_explains_itself(verb):
    assert RUNNER.invoke(smartagentctl, ["agent", verb, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "line",
    [
        ["account", "connect", "idp/ada", "--refresh-token", "s3cret"],
        ["backup", "create", "x", "--passphrase", "s3cret"],
        ["secret", "put", "name", "s3cret"],
        ["agent", "enrol", "--key-file", "x", "--token", "s3cret"],
    ],
)
def test_no_secret_is_taken_from_the_command_line(line):
    assert RUNNER.invoke(smartagentctl, line).exit_code == 2


def test_without_a_login_the_way_to_one_is_named(tmp_path):
    done = RUNNER.invoke(smartagentctl, ["whoami"], env={"XDG_CONFIG_HOME": str(tmp_path)})

    assert "smartagentctl login LINK" in str(done.exception)
