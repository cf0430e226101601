# SPDX-License-Identifier: Apache-2.0
"""Prompt files: what their front matter grants, and what is refused where."""

import contextlib
import hashlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.policy import (
    MalformedPromptFile,
    MalformedRoleFile,
    parse_role_file,
    role_from_prompt,
    with_prompt,
)
from smartagent.policy.frontmatter import read_front_matter

PROMPT = """---
name: order-reader
description: Reads orders: for example "the last ten"   # a note
model: sonnet
tools: Read, Bash(git:*, npm:*), mcp__files__read_*, mcp__github
permissions:
  # What it needs today.
  - GET /orders/** on orders
  - GET /customers/* on orders
  - "GET, POST /refunds on orders"
  - lease orders-db
  - scope revocations.follow
ttl: '5m'
---
You read orders.
"""


def made(text):
    return role_from_prompt(text.encode())


def test_the_front_matter_becomes_a_role_that_names_the_file():
    found = made(PROMPT)
    role = parse_role_file(found.role_file)

    assert (role.name, role.ttl_seconds) == ("order-reader", 300)
    assert role.description == 'Reads orders: for example "the last ten"'
    assert role.prompt == found.digest == hashlib.sha256(PROMPT.encode()).hexdigest()
    assert [(block.scope, block.methods, block.paths) for block in role.allow] == [
        ("orders:read", ("GET",), ("/orders/**", "/customers/*")),
        ("orders:write", ("GET", "POST"), ("/refunds",)),
    ]
    assert [(block.server, block.tools) for block in role.mcp] == [("files", ("read_*",)), ("github", ("*",))]
    assert (role.credentials, role.other_scopes) == (("orders-db",), ("revocations.follow",))


def test_the_programs_own_tools_grant_nothing_and_are_told():
    assert [warning.partition(" is ")[0] for warning in made(PROMPT).warnings] == [
        "line 5: Read",
        "line 5: Bash(git:*, npm:*)",
    ]


def test_lists_are_read_in_both_ways_and_texts_over_several_lines():
    text = (
        "---\nname: a\ndescription: >\n  Reads\n  orders\ntools: [Read, 'mcp__x__y']\npermissions: []\n---\n"
    )
    found = made(text)

    assert tomllib.loads(found.role_file)["description"] == "Reads orders"
    assert tomllib.loads(found.role_file)["mcp"] == [{"server": "x", "tools": ["y"]}]


def test_a_long_description_is_cut_and_that_is_told():
    found = made(f"---\nname: a\ndescription: {'x' * 300}\n---\n")

    assert parse_role_file(found.role_file).description == "x" * 255
    assert "cut to 255" in found.warnings[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("You read orders.", "line 1: a prompt file begins with its front matter"),
        ("---\nname: a\n", "line 1: the front matter does not end"),
        ("---\ndescription: x\n---\n", "does not say its name"),
        ("---\nname: a\nhooks: x\n---\n", "line 3: hooks: is no member"),
        ("---\nname: a\nname: b\n---\n", "line 3: name stands here twice"),
        ("---\nname: a\nmodel: &x y\n---\n", "line 3: write a plain text"),
        ("---\nname: a\nmodel: !!python/x y\n---\n", "line 3: write a plain text"),
        ("---\nname: {a: b}\n---\n", "line 2: write a plain text"),
        ('---\nname: "a\n---\n', "line 2: a text in quotes ends in its line"),
        ("---\nname: a\n  nested: b\n---\n", "line 3: write `name: value`"),
        ("---\nname: a\npermissions:\n  allow:\n    - x\n---\n", "line 4: write `name: value`"),
        ("---\nname: a\ntools: [Read\n---\n", "line 3: a list in brackets ends in its line"),
        ("---\nname:\n  - a\n---\n", "line 2: is one text, not a list"),
        ("---\nname: a\npermissions: GET /x on y\n---\n", "line 3: permissions are a list"),
        ("---\nname: a\npermissions:\n  - read everything\n---\n", "line 4: 'read everything' is no permission"),
        ("---\nname: a\npermissions:\n  - GET /x/../y on z\n---\n", "line 3: .*dot segments"),
        ("---\nname: a\ntools: mcp__\n---\n", "line 3: an MCP tool is"),
        ("---\nname: A B\n---\n", "line 2: name: a name is"),
        ("---\nname: a\nttl: 2h\n---\n", "line 3: ttl: a whole number"),
        ("", "begins with"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_line(text, why):
    with pytest.raises(MalformedPromptFile, match=why):
        made(text)


def test_what_is_no_text_or_has_no_end_is_refused():
    with pytest.raises(MalformedPromptFile, match="UTF-8"):
        role_from_prompt(b"---\nname: \xff\n---\n")
    with pytest.raises(MalformedPromptFile, match="at most 1048576 bytes"):
        role_from_prompt(b"-" * 1_048_577)
    with pytest.raises(MalformedPromptFile, match="at most 256 lines"):
        made("---\n" + "".join(f"m{number}: y\n" for number in range(300)) + "---\n")


@given(st.text(alphabet=st.sampled_from("abc:-#[]\"'|>&* \n\t"), max_size=200))
def test_any_front_matter_is_read_or_refused(text):
    with contextlib.suppress(MalformedPromptFile):
        members = read_front_matter(f"---\n{text}\n---\n")
        assert all(each.line > 1 for each in members.values())


@given(st.text(max_size=60))
def test_no_text_of_a_prompt_file_becomes_a_rule(text):
    """A description or a tool that looks like TOML stays a text."""
    raw = f"---\nname: a\ndescription: {text}\ntools: {text}\n---\n"
    try:
        role = parse_role_file(made(raw).role_file)
    except MalformedPromptFile:
        return
    assert (role.name, role.allow, role.credentials) == ("a", (), ())


def test_a_file_is_taken_without_a_change_of_rules():
    present = made(PROMPT).role_file + '\n[limits]\nrate = "1/s"\n'

    assert parse_role_file(with_prompt(present, "c" * 64)).prompt == "c" * 64
    assert with_prompt(present, "c" * 64).replace("c" * 64, made(PROMPT).digest) == present
    with pytest.raises(MalformedRoleFile, match="does not name a prompt file"):
        with_prompt('name = "a"\n', "c" * 64)


def test_a_prompt_is_named_by_its_digest():
    with pytest.raises(MalformedRoleFile, match="prompt: the SHA-256"):
        parse_role_file('name = "a"\nprompt = "AGENT.md"\n')
