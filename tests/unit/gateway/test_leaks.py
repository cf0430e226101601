# SPDX-License-Identifier: Apache-2.0
"""Secrets in what agents send: found in every form, wherever they begin and however they are torn."""

import base64
import hashlib
import struct
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartagent.edge import MalformedRequest
from smartagent.gateway.errors import SecretLeaking
from smartagent.gateway.head import parse_request_head
from smartagent.gateway.leaks import LONGEST, SHORTEST, BodyWatch, Leaks, SocketWatch, Table
from smartagent.gateway.variants import forms_of
from smartagent.kernel import Secret
from tests.unit.gateway.fakes import SECRET, Entry, FakeDoors

SECRETS = {
    "crm-key": SECRET,
    "shop-key": b"sk_live_51H8xQ2eZvKYlo2C0aT",
    "short": b"hunter42",
    "login": b"admin:correct horse battery staple",
    "long": hashlib.shake_256(b"long").digest(4000),
}


def leaks_of(secrets=SECRETS):
    doors = FakeDoors(*(Entry(name, "https://x.example", secret=name) for name in secrets))
    doors.secrets = {name: (Secret(value),) for name, value in secrets.items()}
    return Leaks(doors)


LEAKS = leaks_of()


def finds(data, pieces=(), leaks=LEAKS):
    """Feed `data` torn at `pieces`; return what was found."""
    watch = BodyWatch(leaks.find)
    cuts = sorted({min(each, len(data)) for each in pieces})
    try:
        for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            watch.feed(data[begin:end])
    except SecretLeaking as leaking:
        return leaking.secret
    return ""


@pytest.mark.parametrize("name", SECRETS)
def test_every_form_of_every_secret_is_found_wherever_it_begins(name):
    searched = [form for form in forms_of(Secret(SECRETS[name])) if len(form) >= SHORTEST]
    assert len(searched) > 5
    for form in searched:
        for shift in range(9):
            assert finds(b"x" * shift + form + b"y") == name
            assert finds(b"x" * shift + form) == name


@given(
    name=st.sampled_from(sorted(SECRETS)),
    before=st.binary(max_size=40),
    after=st.binary(max_size=40),
    encode=st.sampled_from([bytes, base64.b64encode, bytes.hex, lambda raw: quote(raw, safe="")]),
    data=st.data(),
)
@settings(max_examples=150)
def test_a_secret_is_found_however_it_is_torn(name, before, after, encode, data):
    encoded = encode(before + SECRETS[name] + after) if encode is base64.b64encode else encode(SECRETS[name])
    raw = encoded.encode() if isinstance(encoded, str) else encoded
    said = raw if encode is base64.b64encode else before + raw + after
    pieces = data.draw(st.lists(st.integers(0, len(said)), max_size=12))
    assert finds(said, pieces) != ""


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_what_holds_no_secret_passes(data, pieces):
    if not any(form in data for value in SECRETS.values() for form in forms_of(Secret(value))):
        assert finds(data, pieces) == ""


def test_a_secret_fed_byte_by_byte_is_stopped_before_its_last_byte_goes_on():
    watch, passed = BodyWatch(LEAKS.find), b""
    with pytest.raises(SecretLeaking):
        for byte in b"key=" + SECRETS["shop-key"] + b"&more":
            watch.feed(bytes((byte,)))
            passed += bytes((byte,))
    assert passed == b"key=" + SECRETS["shop-key"][:-1]


def test_what_begins_like_a_secret_passes():
    for size in range(1, len(SECRET)):
        assert finds(SECRET[:size] + b" and more of another kind") == ""


def test_of_a_long_secret_its_middle_is_enough():
    long = SECRETS["long"]
    assert finds(long) == "long"
    assert finds(long[1000:3000]) == "long"
    assert finds(long[: len(long) // 2 + LONGEST // 2 - 1]) == ""


def test_what_is_too_short_to_be_meant_is_not_looked_for():
    leaks = leaks_of({"tiny": b"abc"})
    assert finds(b"abc", leaks=leaks) == ""
    assert finds(b"616263616263", leaks=leaks) == ""


def test_keys_that_sign_are_found_by_themselves():
    doors = FakeDoors(Entry("s3", "https://s3.example", secret="aws", place="aws-sigv4:eu-west-1/s3"))
    secret_key, token = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session-token-of-some-length"
    doors.secrets = {"aws": (Secret(f"AKIAIOSFODNN7EXAMPLE:{secret_key}:{token}".encode()),)}
    leaks = Leaks(doors)
    assert finds(secret_key.encode(), leaks=leaks) == "aws"
    assert finds(token.encode(), leaks=leaks) == "aws"
    assert finds(b"AKIAIOSFODNN7EXAMPLE", leaks=leaks) == ""


def test_a_new_secret_is_looked_for_and_the_one_before_it_too():
    doors = FakeDoors(Entry("crm", "https://x.example"))
    leaks = Leaks(doors)
    watch = leaks.watch(head_of(length=5))
    doors.secrets["crm-key"] = (Secret(b"the-new-one-of-today"), *doors.secrets["crm-key"])
    leaks.forget()
    assert finds(SECRET, leaks=leaks) == "crm-key"
    with pytest.raises(SecretLeaking):
        watch.feed(b"the-new-one-of-today")


def test_a_secret_of_another_store_is_looked_for_once_it_was_used():
    leaks = Leaks(FakeDoors())
    assert leaks.watch(head_of(length=5)) is None
    leaks.learn("elsewhere", [Secret(b"kept-in-another-store")])
    leaks.learn("elsewhere", [Secret(b"kept-in-another-store")])
    assert finds(b"kept-in-another-store", leaks=leaks) == "elsewhere"


def head_of(target="/crm/a", note="x", length=0, known=None):
    raw = f"POST {target} HTTP/1.1\r\nHost: gw\r\nX-Note: {note}\r\nContent-Length: {length}\r\n"
    return parse_request_head(raw.encode("latin-1"), known)


@pytest.mark.parametrize(
    "head",
    [
        head_of("/crm/" + quote(SECRET, safe="")),
        head_of("/crm/a?x=1&key=" + quote(SECRET)),
        head_of(note=SECRET.decode()),
        head_of(note=base64.b64encode(b"u:" + SECRET).decode()),
    ],
)
def test_a_head_is_looked_at_everywhere_and_each_time(head):
    assert LEAKS.in_head(head) == "crm-key"
    assert LEAKS.in_head(head) == "crm-key"


def test_fields_that_come_again_are_looked_at_again_when_there_are_other_secrets():
    doors = FakeDoors(Entry("crm", "https://x.example"))
    leaks = Leaks(doors)
    first = head_of(note="a-key-of-tomorrow")
    assert leaks.in_head(first) == ""
    again = head_of(note="a-key-of-tomorrow", known=first)
    assert again.kept.clean_for is first.kept.clean_for is not None
    doors.secrets["crm-key"] = (Secret(b"a-key-of-tomorrow"),)
    leaks.forget()
    assert leaks.in_head(again) == "crm-key"


def test_a_path_that_holds_a_secret_is_not_shown():
    assert LEAKS.shown("/crm/a") == "/crm/a"
    assert LEAKS.shown(f"/crm/{quote(SECRET, safe='')}") == "/********"


def masked(opcode, payload, key=b"\x01\x02\x03\x04", *, fin=True):
    size = len(payload)
    more = b"" if size < 126 else struct.pack(">H", size) if size < 65536 else struct.pack(">Q", size)
    short = size if size < 126 else 126 if size < 65536 else 127
    head = bytes(((0x80 if fin else 0) | opcode, 0x80 | short))
    return head + more + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


@given(
    key=st.binary(min_size=4, max_size=4),
    before=st.binary(max_size=70_000),
    pieces=st.lists(st.integers(1, 70_000), max_size=6),
)
@settings(max_examples=60)
def test_what_is_said_in_a_websocket_is_looked_at_without_its_mask(key, before, pieces):
    said = masked(1, before + SECRET, key)
    watch = SocketWatch(LEAKS.find)
    cuts = sorted({min(each, len(said)) for each in pieces})
    with pytest.raises(SecretLeaking) as leaking:
        for begin, end in zip([0, *cuts], [*cuts, len(said)], strict=True):
            watch.feed(said[begin:end])
    assert leaking.value.where == "websocket"


def test_a_secret_that_is_split_over_fragments_with_a_ping_between_them_is_found():
    frames = [
        masked(1, SECRET[:5], fin=False),
        masked(9, b"ping"),
        masked(9, b""),
        masked(0, SECRET[5:20], fin=False),
        masked(0, SECRET[20:]),
    ]
    watch = SocketWatch(LEAKS.find)
    for each in frames[:-1]:
        watch.feed(each)
    with pytest.raises(SecretLeaking):
        watch.feed(frames[-1])
    with pytest.raises(SecretLeaking):
        SocketWatch(LEAKS.find).feed(masked(9, SECRET))


def test_frames_that_no_client_sends_are_refused():
    for raw in (b"\x81\x01a" + bytes(8), b"\xc1\x81" + bytes(8), masked(9, bytes(126))):
        with pytest.raises(MalformedRequest):
            SocketWatch(LEAKS.find).feed(raw)
    watch = SocketWatch(LEAKS.find)
    for byte in masked(1, b"hello" * 100) + masked(1, b"") + masked(2, b"x" * 70_000):
        watch.feed(bytes((byte,)))


def test_nothing_is_printed():
    assert "********" in repr(Table({"a": [b"0123456789abcdef"]}))
    assert SECRET.decode() not in str(SecretLeaking("crm-key", "body"))
    assert "crm-key" not in str(SecretLeaking("crm-key", "body"))
