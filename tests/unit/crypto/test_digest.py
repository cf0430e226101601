# SPDX-License-Identifier: Apache-2.0
"""Hashes, MACs, derived keys, and the messages that agents sign."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import (
    MalformedEncoding,
    SystemClock,
    b64u,
    claim_key,
    claim_message,
    derive,
    enrol_message,
    equal,
    hmac_sha256,
    operator_message,
    session_message,
    sha256,
    system_entropy,
)
from smartagent.kernel import Secret

PARTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=6), max_size=4)


@given(PARTS, PARTS)
def test_two_claims_share_a_name_only_when_they_are_the_same(left, right):
    assert (claim_key("p", *left) == claim_key("p", *right)) == (left == right)
    assert len(claim_key("p", *left)) == 16


def test_the_purpose_is_part_of_a_claims_name():
    assert len({claim_key("ab", "c"), claim_key("a", "bc"), claim_key("abc"), claim_key("", "abc")}) == 4


def test_derived_keys_follow_rfc_5869():
    root = Secret(bytes(range(32)))
    extracted = hmac.digest(bytes(32), root.reveal(), "sha256")
    expected = hmac.digest(extracted, b"smartagent/v1/vault\x01", "sha256")

    assert derive(root, "vault").reveal() == expected
    assert derive(root, "nonces").reveal() != expected


def test_hmac_follows_rfc_4231():
    mac = hmac_sha256(Secret(b"Jefe"), b"what do ya want for nothing?")

    assert mac.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_sha256_and_equal():
    assert sha256(b"abc").hex().startswith("ba7816bf8f01cfea")
    assert equal(b"a", b"a")
    assert not equal(b"a", b"b")
    assert not equal(b"a", b"aa")


def test_the_messages_are_spelt_as_both_ends_expect():
    key = bytes(32)
    hashed = hashlib.sha256(b"secret").hexdigest()

    assert session_message("https://a", "agt_1", "n") == b"smartagent/v1/session\nhttps://a\nagt_1\nn"
    assert (
        operator_message("https://a", "opr_1", "n") == b"smartagent/v1/operator-session\nhttps://a\nopr_1\nn"
    )
    assert (
        enrol_message("https://a", "secret", key).decode()
        == f"smartagent/v1/enrol\nhttps://a\n{hashed}\n{b64u(key)}"
    )
    assert (
        claim_message("https://a", "secret", key).decode()
        == f"smartagent/v1/claim\nhttps://a\n{hashed}\n{b64u(key)}"
    )


def test_a_field_cannot_pose_as_two():
    with pytest.raises(MalformedEncoding):
        session_message("https://a", "agt_1\nforged", "n")
    with pytest.raises(MalformedEncoding):
        operator_message("https://a", "opr_1", "n\n")


def test_the_machines_clock_and_entropy():
    clock = SystemClock()

    assert clock.now() > 1_700_000_000
    assert clock.monotonic() <= clock.monotonic()
    assert clock.catch_up(1.0) == 0
    assert clock.catch_up(9e9) > 0
    assert clock.now() >= 9e9
    assert clock.catch_up(9e9) == 0
    assert len({system_entropy(16) for _ in range(10)}) == 10
    assert len(system_entropy(5)) == 5
