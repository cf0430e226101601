# SPDX-License-Identifier: Apache-2.0
"""What an upstream's entry may say, and which secrets fit where it puts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.kernel import Limits
from smartagent.vault import MalformedSecret, MalformedUpstream, Upstream
from smartagent.vault.rules import (
    MAX_SECRET_BYTES,
    RESERVED,
    parse_base_url,
    parse_secret_name,
    parse_secret_value,
    parse_upstream,
)


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("https://api.example", "https://api.example"),
        ("https://API.Example/", "https://api.example"),
        ("https://api.example:443/v1/", "https://api.example/v1"),
        ("https://api.example:8443/v1/a.b", "https://api.example:8443/v1/a.b"),
        ("https://8.8.8.8", "https://8.8.8.8"),
        ("https://[2606:4700::0:1111]:444", "https://[2606:4700::1111]:444"),
        ("https://my_service.example", "https://my_service.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://10-0-0-1.example", "https://10-0-0-1.example"),
    ],
)
def test_a_base_url_has_one_form(raw, canonical):
    assert parse_base_url(raw, allow_private=False, allow_plaintext=False) == canonical
    assert parse_base_url(canonical, allow_private=False, allow_plaintext=False) == canonical


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "api.example",
        "//api.example",
        "ftp://api.example",
        "HTTPS://api.example",
        "https://",
        "https:///v1",
        "https://user@api.example",
        "https://user:pass@api.example",
        "https://api.example@evil.example",
        "https://api.example?x=1",
        "https://api.example/?x",
        "https://api.example/#x",
        "https://api.example#x",
        "https://api.example\\@evil.example",
        "https://api.example/..",
        "https://api.example/a/../b",
        "https://api.example/./a",
        "https://api.example/%2e%2e/",
        "https://api.example//a",
        "https://api.example/a//",
        "https://api.example/a;b",
        "https://api.example/a b",
        "https://api.example/a\n",
        "https://api.example\n",
        " https://api.example",
        "https://api.example.",
        "https://api..example",
        "https://-api.example",
        "https://bücher.example",
        "https://api.example:0",
        "https://api.example:65536",
        "https://api.example:",
        "https://api.example:+80",
        "https://api.example:٨٠",
        "https://2130706433",
        "https://0x7f000001",
        "https://127.1",
        "https://0177.0.0.1",
        "https://1.2.3.4.5",
        "https://a.0x7f",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://[127.0.0.1]:1:2",
        "https://[::ffff:8.8.8.8]",
        "https://" + "a" * 64 + ".example",
        "https://" + "a." * 127 + "example",
        "https://api.example/" + "a" * 1100,
    ],
)
def test_what_could_be_read_in_two_ways_is_no_base_url(raw):
    with pytest.raises(MalformedUpstream, match=r"^base_url: "):
        parse_base_url(raw, allow_private=True, allow_plaintext=True)


@pytest.mark.parametrize(
    "raw", ["http://169.254.169.254", "http://[fe80::1]", "http://0.0.0.0", "http://224.0.0.1"]
)
def test_where_clouds_keep_metadata_is_never_reached(raw):
    with pytest.raises(MalformedUpstream, match="never reached"):
        parse_base_url(raw, allow_private=True, allow_plaintext=True)


@pytest.mark.parametrize(
    "raw",
    [
        "https://127.0.0.1",
        "https://10.0.0.1:8080",
        "https://[::1]",
        "https://[fd00::1]",
        "https://localhost",
        "https://a.localhost",
    ],
)
def test_what_is_not_public_must_be_allowed(raw):
    with pytest.raises(MalformedUpstream, match="say allow_private"):
        parse_base_url(raw, allow_private=False, allow_plaintext=True)

    assert parse_base_url(raw, allow_private=True, allow_plaintext=False) == raw


def test_plain_http_must_be_allowed():
    with pytest.raises(MalformedUpstream, match="http shows the secret"):
        parse_base_url("http://api.example", allow_private=False, allow_plaintext=False)

    assert (
        parse_base_url("http://api.example:80", allow_private=False, allow_plaintext=True)
        == "http://api.example"
    )
    assert parse_base_url("http://127.0.0.1:9000", allow_private=True, allow_plaintext=False)


@given(st.text(alphabet="htps:/[].0123456789abx@%?#\\-_é \n", max_size=40))
def test_any_text_is_a_canonical_url_or_a_clear_error(tail):
    raw = "https://" + tail
    try:
        canonical = parse_base_url(raw, allow_private=True, allow_plaintext=True)
    except MalformedUpstream:
        return
    assert parse_base_url(canonical, allow_private=True, allow_plaintext=True) == canonical
    assert not set(canonical) & set("@?#\\% \n")


@pytest.mark.parametrize(
    ("place", "secret", "url", "why"),
    [
        ("", "s", "https://api.example", "bearer, basic"),
        ("bearer:x", "s", "https://api.example", "bearer, basic"),
        ("jwt", "s", "https://api.example", "the house makes the token"),
        ("client-certificate", "s", "http://api.example", "https only"),
    ],
)
def test_a_place_that_does_not_go_with_the_rest_is_refused(place, secret, url, why):
    with pytest.raises(MalformedUpstream, match=rf"^place: .*{why}"):
        parse_upstream(Upstream("orders", url, secret, place, allow_plaintext=True))


@pytest.mark.parametrize("place", ["jwt", "jwt:https://api.example", ""])
def test_what_needs_no_secret_is_taken_without_one(place):
    assert parse_upstream(Upstream("orders", "https://api.example", "", place)).place == place


def test_a_place_without_a_secret_is_refused():
    with pytest.raises(MalformedUpstream, match="no secret to put there"):
        parse_upstream(Upstream("orders", "https://api.example", "", "bearer"))


@pytest.mark.parametrize("name", [*sorted(RESERVED), "", "A", "a/b", "a.b", "-a", "a" * 64, "é", "a\n"])
def test_a_reserved_or_odd_name_is_refused(name):
    with pytest.raises(MalformedUpstream, match=r"^name: "):
        parse_upstream(Upstream(name, "https://api.example"))


@pytest.mark.parametrize("seconds", [0, -1, 601])
def test_a_timeout_has_bounds(seconds):
    with pytest.raises(MalformedUpstream, match=r"^timeout_seconds: 1 to 600"):
        parse_upstream(Upstream("orders", "https://api.example", timeout_seconds=seconds))


def test_a_limit_that_cannot_be_meant_is_named():
    with pytest.raises(MalformedUpstream, match=r"^limits.burst: "):
        parse_upstream(Upstream("orders", "https://api.example", limits=Limits(burst=1)))


def test_an_entry_keeps_all_that_it_says():
    entry = Upstream(
        "orders", "http://10.0.0.1/v1", "s", "basic", True, True, 600, False, True, Limits("9/m"), "git"
    )

    assert parse_upstream(entry) == entry


@pytest.mark.parametrize(
    ("size", "kept"), [(0, False), (1, True), (MAX_SECRET_BYTES, True), (MAX_SECRET_BYTES + 1, False)]
)
def test_a_secret_s_size_has_bounds_and_nothing_is_trimmed(size, kept):
    value = b"\n" * size
    if kept:
        assert parse_secret_value(value) == value
    else:
        with pytest.raises(MalformedSecret, match="1 to 65536 bytes"):
            parse_secret_value(value)


@pytest.mark.parametrize("name", ["", "A", "a b", "../a", "a" * 64])
def test_a_secret_s_name_is_checked(name):
    with pytest.raises(MalformedSecret, match="a name is"):
        parse_secret_name(name)
