# SPDX-License-Identifier: Apache-2.0
"""What a person is shown: the truth, bounded, without secrets, and safe to print."""

import json
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.approvals import Deed, card_of, digest_of
from smartagent.approvals.card import COVERED, MAX_CARD_CHARS, MAX_LINES
from tests.unit.approvals.world import REFUND, changed, nothing_is_secret

CANARY = "canary-" + "9f3a71"


def shown(deed, secret=nothing_is_secret):
    card = card_of(deed, secret)
    return {line.name: line.value for line in card.lines}, card


def of_json(value):
    return changed(REFUND, body=json.dumps(value).encode())


def test_a_call_is_told_with_its_place_and_the_amount_first():
    lines, card = shown(
        of_json({"note": "late", "order": {"id": "7"}, "amount": 12.50, "lines": [1, True, None]})
    )
    assert card.title == "POST https://shop.example/refunds (shop)"
    assert next(iter(lines)) == "amount"
    assert lines == {
        "amount": "12.5", "order.id": "7", "note": "late", "lines[0]": "1", "lines[1]": "true", "lines[2]": "null",
    }  # fmt: skip


@pytest.mark.parametrize("number", ["100.0", "1e2", "0.10000000000000000555", "12345678901234567890123"])
def test_a_number_is_shown_as_it_was_written(number):
    assert shown(changed(REFUND, body=f'{{"amount":{number}}}'.encode()))[0] == {"amount": number}


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount":1,"amount":1000}',
        b'{"amount":NaN}',
        b"{",
        b"\xff\xfe{}",
        b"[" * 5000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
def test_what_readers_could_understand_differently_is_not_taken_apart(body):
    lines, card = shown(changed(REFUND, body=body))
    assert list(lines) == ["body"]
    assert "not JSON that all readers understand alike" in card.notes[0]


def test_parameters_forms_and_texts_are_shown():
    form = changed(
        REFUND, content_type="application/x-www-form-urlencoded; charset=utf-8", body=b"to=Eve&amount=7"
    )
    assert shown(changed(form, query="dry=1&x="))[0] == {"?dry": "1", "?x": "", "to": "Eve", "amount": "7"}
    lines, card = shown(changed(REFUND, content_type="text/plain", body=b"x" * 3000))
    assert lines["body"].endswith("... (cut, 3000 characters in all)")
    assert "of which the first 800 are shown" in card.notes[0]


@pytest.mark.parametrize(
    "more",
    [
        {"content_type": "application/octet-stream"},
        {"content_type": ""},
        {"fields": (("content-encoding", "gzip"),)},
        {"content_type": "multipart/form-data; boundary=x"},
    ],
)
def test_what_cannot_be_read_is_named_by_its_size_and_digest(more):
    lines, card = shown(changed(REFUND, **more))
    assert "27 bytes of" in lines["body"]
    assert card.notes == ("the body cannot be shown",)


@pytest.mark.parametrize(
    "name",
    ["password", "newPassword", "api_key", "apiKey", "clientSecret", "secret.value", "auth.token[0]", "x-private-key",
     "CVV", "Authorization", "OTP"],
)  # fmt: skip
def test_what_is_named_like_a_secret_is_covered(name):
    lines, card = shown(of_json({name: CANARY}))
    assert lines[name].startswith(COVERED)
    assert CANARY not in repr(card)
    assert CANARY not in repr(card_of(changed(REFUND, query=f"{name}={CANARY}", body=b""), nothing_is_secret))
    assert CANARY not in repr(card_of(changed(REFUND, fields=((name, CANARY),)), nothing_is_secret))


@pytest.mark.parametrize("name", ["shipping", "tokens_used_total", "pinned", "secretary", "keyboard"])
def test_what_only_sounds_like_one_is_shown_unless_a_word_says_so(name):
    covered = shown(of_json({name: "x"}))[0][name] != "x"
    assert not covered


@pytest.mark.parametrize(
    "value",
    ["eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.x", "-----BEGIN PRIVATE KEY-----", "sk_live_123", "ghp_abcdef", "xoxb-1-2",
     "AKIAABCDEFGHIJKLMNOP", "sak_ph_shop", "Bearer abc", "glpat-1234"],
)  # fmt: skip
def test_what_looks_like_a_secret_is_covered(value):
    assert value not in repr(shown(of_json({"note": f"here: {value}"}))[1])
    assert value not in repr(shown(changed(REFUND, path=f"/hooks/{value}", query=f"q={value}"))[1])


def test_what_the_vault_knows_is_covered_wherever_it_stands():
    def known(text):
        return CANARY in text

    escaped = "".join(f"\\u{ord(letter):04x}" for letter in CANARY)
    deeds = (
        of_json({"note": CANARY, CANARY: "x", "list": [CANARY]}),
        changed(REFUND, body=f'{{"note":"{escaped}"}}'.encode()),
        changed(REFUND, path=f"/hooks/{CANARY}", query=f"a={CANARY}&{CANARY}=b"),
        changed(REFUND, content_type="text/plain", body=f"x {CANARY} y".encode()),
        changed(REFUND, fields=(("x-note", CANARY),)),
    )
    for deed in deeds:
        assert CANARY not in repr(card_of(deed, known))


@pytest.mark.parametrize(
    "hostile", ["\x1b[2Jgone", "a\u202eb", "two\nlines", "\u200b", "<script>", "x" * 10_240]
)
def test_hostile_text_is_shown_for_what_it_is(hostile):
    deeds = (
        of_json({hostile: hostile}),
        changed(REFUND, method="P" + hostile, path="/" + hostile),
        changed(REFUND, fields=((hostile, hostile),)),
    )
    for deed in deeds:
        assert_safe(card_of(deed, nothing_is_secret))


def assert_safe(card):
    texts = [card.title, *card.notes, *(text for line in card.lines for text in (line.name, line.value))]
    for text in texts:
        assert len(text) < 900
        assert not [
            letter for letter in text if unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp", "Cs"}
        ]
    assert sum(len(line.name) + len(line.value) for line in card.lines) <= MAX_CARD_CHARS
    assert len(card.lines) <= MAX_LINES


def test_what_has_no_room_is_counted():
    _, card = shown(of_json({f"member{number}": "x" * 100 for number in range(200)}))
    assert f"{200 - len(card.lines)} more members are not shown" in card.notes[0]
    # The amount is never among what is left out.
    hidden = {f"member{number}": "x" * 100 for number in range(200)} | {"amount": 5}
    assert "amount" in shown(of_json(hidden))[0]


def test_no_crowd_of_amounts_hides_the_one_that_counts():
    crowd = {f"line{number}": {"amount": number} for number in range(100)} | {"amount": 9_999}
    lines, _ = shown(of_json(crowd))
    assert next(iter(lines.items())) == ("amount", "9999")


deeds = st.builds(
    Deed,
    kind=st.sampled_from(["http", "mcp"]),
    upstream=st.text(max_size=5),
    place=st.text(max_size=5),
    method=st.text(max_size=5),
    path=st.text(max_size=30),
    query=st.text(max_size=30),
    content_type=st.sampled_from(["application/json", "text/plain", "application/x-www-form-urlencoded", ""]),
    fields=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple),
    body=st.binary(max_size=200),
)


@given(deeds)
def test_any_deed_has_a_card_that_is_safe(deed):
    assert_safe(card_of(deed, nothing_is_secret))


@given(deeds, deeds)
def test_two_deeds_have_one_digest_only_when_they_are_the_same(one, other):
    same = msgspec.structs.replace(one, fields=()) == msgspec.structs.replace(other, fields=())
    assert (digest_of(one) == digest_of(other)) == (same and sorted(one.fields) == sorted(other.fields))
