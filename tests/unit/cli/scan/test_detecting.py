# SPDX-License-Identifier: Apache-2.0
"""Each kind of key is found where it stands, is known for what it is, and is never shown."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smartagent.cli.scan.detecting import findings_in, unknown
from smartagent.cli.scan.kinds import KINDS
from smartagent.cli.scan.model import PLACEHOLDER, Hit, Means, Text, fingerprint
from smartagent.kernel import Secret
from smartagent.vault.places import parse_place
from tests.unit.cli.scan.planted import chars, for_people, found, openai, planted

KEY = Secret(b"k" * 16)
FILES = {
    ".env": lambda name, value: f"A=1\nexport {name}={value}\nB=2\n",
    ".mcp.json": lambda name, value: json.dumps({"mcpServers": {"x": {"env": {name: value}}}}),
    "config.yaml": lambda name, value: f"{name.lower()}: {value}\n",
    "config.toml": lambda name, value: f'{name} = "{value}"\n',
    "prompt.md": lambda name, value: f"Call it with {name}=`{value}`, and nothing else.\n",
    "tool.py": lambda name, value: f"{name} = '{value}'\r\n",
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", planted())
def test_a_key_is_known_in_every_file(file, name):
    value, upstream = planted()[name]
    text = FILES[file](name, value)
    (only,) = found(file, text)
    assert only.value.reveal().decode() == value
    assert only.kind.binding.upstream == upstream
    assert text.encode()[only.start : only.end].decode() == value
    assert text.splitlines()[only.line - 1][only.column - 1 :].startswith(value)
    assert only.label.upper() == name


@pytest.mark.parametrize(("text", "value", "title"), for_people(), ids=[title for *_, title in for_people()])
def test_what_a_person_decides_about_is_known_too(text, value, title):
    (only,) = found("notes.txt", f"first line\n{text}\n")
    assert (only.kind.title, only.value.reveal().decode()) == (title, value)
    assert only.kind.binding is None
    assert only.kind.advice


def test_every_kind_of_the_table_is_planted_somewhere():
    values = [value for value, _ in planted().values()]
    texts = [f"{name}={value}" for name, (value, _) in planted().items()] + [
        text for text, *_ in for_people()
    ]
    seen = {each.kind.title for text in texts for each in found("x", text)}
    assert {kind.title for kind in KINDS} - seen == {
        "GitHub fine-grained token",
        "Stripe restricted key",
        "Azure storage key",
    }
    assert len(set(values)) == len(values)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("github_" + "pat_" + chars("a", 22) + "_" + chars("b", 59), "GitHub fine-grained token"),
        ("rk_" + "live_" + chars("a", 24), "Stripe restricted key"),
        ("Account" + "Key=" + chars("a", 86) + "==", "Azure storage key"),
    ],
    ids=["github", "stripe", "azure"],
)
def test_rarer_kinds_are_known(text, title):
    assert [each.kind.title for each in found("x", text)] == [title]


def test_every_place_of_the_table_is_one_that_an_upstream_takes():
    for kind in KINDS:
        if kind.binding:
            assert parse_place(kind.binding.place)
            assert kind.binding.base_url.startswith("https://")
            assert kind.means is Means.GATEWAY


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "sk_live_" + "x" * 24,
        f"OPENAI_API_KEY={PLACEHOLDER}",
        "DATABASE_URL=postgresql://app:${PASSWORD}@db/x",
        "DATABASE_URL=postgresql://app:<password>@db/x",
        "API_KEY=$(pass show key-123456)",
        "TOKEN_URL=https://login.acme.io/oauth2/token1",
        "MAX_TOKENS=1234567890123",
        "PASSWORD=correcthorsebattery",
        "prefix" + "gh" + "p_" + "a1B2" * 9,
        "",
    ],
)
def test_what_is_no_key_is_no_finding(text):
    assert found(".env", text) == []


def test_a_name_tells_only_in_files_of_settings():
    line = f"DB_PASSWORD={chars('pw', 18)}\n"
    (only,) = found("deploy/.env.production", line)
    assert (only.kind.title, only.label) == ("secret by its name", "DB_PASSWORD")
    assert found("app.py", line) == []
    assert found("README.md", line) == []


def test_the_library_adds_what_the_table_lacks_and_never_says_a_place_twice():
    value = openai()
    raw = f"A={value} B=other-thing\n".encode()
    at = raw.index(b"other-thing")

    def library(text):
        return [Hit(unknown("some-rule"), 2, 20), Hit(unknown("some-rule"), at, at + 11)]

    first, second = found("x", raw, library)
    assert first.kind.title == "OpenAI API key"
    assert (second.kind.title, second.kind.means, second.label) == ("some-rule", Means.VAULT, "B")


def test_a_value_is_in_no_repr_and_in_no_fingerprint():
    value = openai()
    raw = f"OPENAI_API_KEY={value}".encode()
    (only,) = found(".env", raw)
    said = repr(only) + repr(Text(".env", raw)) + fingerprint(only, KEY) + str([only])
    assert value[10:20] not in said
    assert fingerprint(only, KEY).startswith(f"sk-... ({len(value)} characters, #")


def test_what_stands_before_a_key_and_could_be_a_secret_is_no_label():
    (only,) = found("x", f"hunter2a9k3m7:{openai()}")
    assert only.label == ""


def test_a_fingerprint_tells_keys_apart_and_nothing_without_its_key():
    one, same, other = (found(".env", f"K={openai(label)}")[0] for label in "aab")
    assert fingerprint(one, KEY) == fingerprint(same, KEY) != fingerprint(other, KEY)
    assert fingerprint(one, KEY) != fingerprint(one, Secret(b"j" * 16))


@settings(max_examples=150, deadline=None)
@given(before=st.binary(max_size=80), after=st.binary(max_size=80), label=st.sampled_from("abcd"))
@example(before=b"\xff\xfe", after=b"\x00", label="a")
def test_a_key_between_any_bytes_is_found_at_its_place(before, after, label):
    value = openai(label).encode()
    raw = before + b"\n" + value + b"\n" + after
    (only,) = [each for each in findings_in(Text("x", raw), lambda _: []) if each.value.reveal() == value]
    assert raw[only.start : only.end] == value
    assert only.line == raw[: only.start].count(b"\n") + 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_search_and_no_two_findings_overlap(raw):
    ends = 0
    for each in findings_in(Text(".env", raw + b"\nTOKEN=" + raw), lambda _: []):
        assert each.start >= ends
        ends = each.end
