# SPDX-License-Identifier: Apache-2.0
"""One byte string, one spelling."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import MalformedEncoding, b64, b64u, unb64, unb64u

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=300))
def test_base64url_comes_back_and_agrees_with_the_standard_library(raw):
    assert unb64u(b64u(raw)) == raw
    assert unb64u(b64u(raw).encode()) == raw
    assert b64u(raw) == base64.urlsafe_b64encode(raw).decode().rstrip("=")


@given(st.text(ALPHABET, max_size=12))
def test_what_is_read_is_what_would_be_written(text):
    try:
        raw = unb64u(text)
    except MalformedEncoding:
        return
    assert b64u(raw) == text


@given(st.text(max_size=8))
def test_any_text_is_read_exactly_or_refused(text):
    try:
        raw = unb64u(text)
    except MalformedEncoding:
        return
    assert b64u(raw) == text


def test_stray_bits_are_refused_for_every_last_letter():
    for length, canonical in ((2, "AQgw"), (3, "AEIMQUYcgkosw048")):
        good = {letter for letter in ALPHABET if _reads("A" * (length - 1) + letter)}
        assert good == set(canonical)


def _reads(text):
    try:
        unb64u(text)
    except MalformedEncoding:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    ["A", "AAAAA", "AA==", "AAA=", "AA=", "=", "====", "AA A", " AAAA", "AAAA ", "AAAA\n", "AA\nAA", "AA+A", "AA/A",
     "AA!A", "AA.A", "A\x00AA", "\u0410AAA", "AAA\uff21", "AAAA=", "AAAA===="],
)  # fmt: skip
def test_another_spelling_is_refused(text):
    with pytest.raises(MalformedEncoding):
        unb64u(text)
    with pytest.raises(MalformedEncoding):
        unb64u(text.encode())


@given(st.binary(max_size=300))
def test_standard_base64_comes_back(raw):
    assert unb64(b64(raw)) == raw
    assert b64(raw) == base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    "text", ["AA", "AB==", "AAB=", "AA==\n", " AA==", "AA=", "A-==", "AA==AA==", "\u0410A=="]
)
def test_another_spelling_of_standard_base64_is_refused(text):
    with pytest.raises(MalformedEncoding):
        unb64(text)
