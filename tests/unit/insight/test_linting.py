# SPDX-License-Identifier: Apache-2.0
"""What is wrong with rules."""

import pytest
from msgspec import structs
from typer.testing import CliRunner

from smartagent.cli.exits import Exit
from smartagent.cli.smartagentctl import app
from smartagent.insight import Known, lint_rules

HEAD = 'name = "reader"\n'
BLOCK = '[[allow]]\nscope = "{scope}"\nupstream = "{upstream}"\nmethods = {methods}\npaths = {paths}\n'
EVERYTHING = Known(
    upstreams={"orders"}, credentials={"orders-db"}, roles={"reader"}, used={"role/reader/1", "policy/p/1"}
)


def block(paths, *, scope="read", upstream="orders", methods='["GET"]'):
    return BLOCK.format(scope=scope, upstream=upstream, methods=methods, paths=paths)


def found(text, known=EVERYTHING):
    return [(each.line, each.severity, each.kind, each.rule) for each in lint_rules({"f": text}, {}, known)]


def found_in_policy(cedar, known=EVERYTHING):
    return [
        (each.line, each.severity, each.kind, each.rule)
        for each in lint_rules({}, {"p.cedar": ("p", cedar)}, known)
    ]


def test_a_block_about_an_mcp_server_that_does_not_exist_is_found_where_servers_are_known():
    text = HEAD + '[[mcp]]\nserver = "gone"\ntools = ["*"]\n'

    assert found(text) == []
    known = structs.replace(EVERYTHING, servers={"files"})
    assert [(kind, rule) for _, _, kind, rule in found(text, known)] == [("unknown", "role/reader/1")]


def test_a_role_that_is_in_order_has_no_findings():
    assert found(HEAD + block('["/orders/*"]')) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name = "reader"\nttl = "9d"\n', (2, "error", "malformed", "")),
        (HEAD + block('["/**"]', methods='["*"]'), (2, "error", "too-broad", "role/reader/1")),
        (HEAD + block('["/x"]', methods='["*"]'), (5, "warning", "too-broad", "role/reader/1")),
        (HEAD + block('["/x"]', upstream="gone"), (4, "error", "unknown", "role/reader/1")),
        (
            HEAD + 'credentials = ["gone"]\n' + block('["/x"]'),
            (2, "error", "unknown", "role/reader/2"),
        ),
        (
            HEAD + block('["/x"]') + '[[files]]\ncredential = "gone"\nread = ["/srv"]\n',
            (7, "error", "unknown", "role/reader/2"),
        ),
        (HEAD + block('["/x/**", "/x/y"]'), (6, "warning", "shadowed", "role/reader/1")),
        (HEAD + block('["/x/**"]') + block('["/x/*"]'), (7, "warning", "shadowed", "role/reader/2")),
        (HEAD + block('["/x"]') + block('["/x"]'), (7, "warning", "shadowed", "role/reader/2")),
        (HEAD + block('["/x/*"]') + block('["/x/**"]'), (2, "warning", "shadowed", "role/reader/1")),
        (HEAD + block('["/x"]') + block('["/y"]'), (7, "warning", "unused", "role/reader/2")),
    ],
)
def test_a_finding_says_which_line_and_which_rule(text, expected):
    assert expected in found(text)


@pytest.mark.parametrize(
    "second",
    [
        block('["/x/y"]', scope="other"),
        block('["/x/y"]', methods='["POST"]'),
        block('["/x/y"]', upstream="mail"),
        block('["/z"]'),
    ],
    ids=["scope", "method", "upstream", "path"],
)
def test_a_rule_that_adds_something_is_not_shadowed(second):
    assert found(HEAD + block('["/x/**"]') + second, Known()) == []


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        ("", "", True),
        ("", 'content_types = ["application/json"]\n', True),
        ('content_types = ["application/json"]\n', "", False),
        ('operations = ["git-read"]\n', "", False),
        ('operations = ["git-read"]\n', 'operations = ["git-read"]\n', True),
    ],
)
def test_a_rule_with_further_conditions_covers_only_what_has_them_too(first, second, shadowed):
    text = HEAD + block('["/x/**"]') + first + block('["/x/y"]') + second

    assert bool(found(text, Known())) is shadowed


def test_nothing_is_said_about_what_is_not_known():
    assert found(HEAD + 'credentials = ["x"]\n' + block('["/x"]', upstream="gone"), Known()) == []


@pytest.mark.parametrize(
    ("cedar", "expected"),
    [
        ("permit(principal, action, resource);", (1, "error", "too-broad", "policy/p/1")),
        ("forbid(", (0, "error", "malformed", "")),
        (
            'forbid(principal in Role::"gone", action, resource);',
            (1, "error", "unknown", "policy/p/1"),
        ),
        (
            'forbid(principal, action, resource == Upstream::"gone");',
            (1, "error", "unknown", "policy/p/1"),
        ),
        (
            'forbid(principal, action, resource == Upstream::"credential:gone");',
            (1, "error", "unknown", "policy/p/1"),
        ),
        (
            '// why\nforbid(principal, action, resource == Upstream::"orders");\n\nforbid(principal in Role::"reader", action, resource);',
            (4, "warning", "unused", "policy/p/2"),
        ),
    ],
)
def test_policies_are_looked_at_too(cedar, expected):
    assert expected in found_in_policy(cedar)


def test_an_mcp_server_is_not_taken_for_an_upstream():
    cedar = 'forbid(principal, action, resource == Upstream::"mcp:files");'

    assert [kind for _, _, kind, _ in found_in_policy(cedar)] == []


def test_the_command_fails_on_errors_and_asks_nobody_offline(tmp_path):
    file = tmp_path / "reader.toml"
    file.write_text(HEAD + block('["/**"]', methods='["*"]'), encoding="utf-8")

    done = CliRunner().invoke(app, ["policy", "lint", str(tmp_path), "--offline"])

    assert isinstance(done.exception, Exit)
    assert f"{file}:2: error: too-broad: role/reader/1" in done.output
    assert "1 errors, 0 warnings." in done.output


def test_the_command_is_content_with_warnings(tmp_path):
    (tmp_path / "reader.toml").write_text(HEAD + block('["/x"]') + block('["/x"]'), encoding="utf-8")

    done = CliRunner().invoke(app, ["policy", "lint", str(tmp_path), "--offline"])

    assert done.exit_code == 0, done.output
    assert "0 errors, 1 warnings." in done.output
