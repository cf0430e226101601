# SPDX-License-Identifier: Apache-2.0
"""Sealed secrets open for one root key and one identity, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import (
    ROOT_NUMBER,
    CannotUnseal,
    mark_of,
    number_of,
    rewrap,
    seal,
    system_entropy,
    unseal,
)
from smartagent.kernel import Secret

ROOT = Secret(bytes(range(32)))
SEALED = seal(Secret(b"hunter2"), ROOT, "sec_1/1", system_entropy)


@given(st.binary(max_size=500), st.text(st.characters(codec="utf-8"), max_size=20))
def test_what_is_sealed_comes_back(plaintext, identity):
    sealed = seal(Secret(plaintext), ROOT, identity, system_entropy)

    assert unseal(sealed, ROOT, identity).reveal() == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed


def test_another_identity_does_not_open_it():
    for identity in ("", "sec_1/2", "sec_1/1 ", "sec_1/1\x00"):
        with pytest.raises(CannotUnseal):
            unseal(SEALED, ROOT, identity)


def test_another_root_key_does_not_open_it():
    with pytest.raises(CannotUnseal):
        unseal(SEALED, Secret(bytes(32)), "sec_1/1")


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33, 64])
def test_a_root_key_of_another_length_is_refused(size):
    with pytest.raises(CannotUnseal, match="32 bytes"):
        seal(Secret(b"x"), Secret(bytes(size)), "a", system_entropy)
    with pytest.raises(CannotUnseal, match="32 bytes"):
        unseal(SEALED, Secret(bytes(size)), "sec_1/1")


def test_every_touched_byte_is_noticed():
    for position in range(len(SEALED)):
        touched = bytearray(SEALED)
        touched[position] ^= 1
        with pytest.raises(CannotUnseal):
            unseal(bytes(touched), ROOT, "sec_1/1")


def test_every_cut_is_noticed():
    for end in range(len(SEALED)):
        with pytest.raises(CannotUnseal):
            unseal(SEALED[:end], ROOT, "sec_1/1")
    with pytest.raises(CannotUnseal):
        unseal(SEALED + b"\x00", ROOT, "sec_1/1")


def test_the_two_layers_cannot_stand_in_for_each_other():
    """A sealed 32-byte secret is not accepted where a wrapped data key belongs."""
    inner = seal(Secret(bytes(32)), ROOT, "a", system_entropy)
    swapped = inner[:1] + inner[61:] + inner[1:61]
    with pytest.raises(CannotUnseal):
        unseal(swapped, ROOT, "a")


def test_sealing_twice_shares_nothing():
    again = seal(Secret(b"hunter2"), ROOT, "sec_1/1", system_entropy)

    assert again[1:13] != SEALED[1:13]
    assert again[13:61] != SEALED[13:61]
    assert again[61:] != SEALED[61:]


def test_an_error_does_not_tell_what_was_wrong():
    messages = set()
    for sealed, root, identity in (
        (SEALED, Secret(bytes(32)), "sec_1/1"),
        (SEALED, ROOT, "other"),
        (SEALED[:-1] + b"\x00", ROOT, "sec_1/1"),
    ):
        with pytest.raises(CannotUnseal) as caught:
            unseal(sealed, root, identity)
        messages.add(str(caught.value))
    assert len(messages) == 1


KEY_7 = Secret(bytes(range(32, 64)))
SEALED_7 = seal(Secret(b"hunter2"), KEY_7, "sec_1/1", system_entropy, 7)


def test_an_envelope_says_which_key_wraps_it():
    assert number_of(SEALED) == ROOT_NUMBER
    assert number_of(SEALED_7) == 7
    assert SEALED_7.startswith(mark_of(7))
    assert unseal(SEALED_7, KEY_7, "sec_1/1").reveal() == b"hunter2"


def test_every_touched_byte_and_every_cut_of_a_numbered_one_is_noticed():
    for position in range(len(SEALED_7)):
        touched = bytearray(SEALED_7)
        touched[position] ^= 1
        with pytest.raises(CannotUnseal):
            unseal(bytes(touched), KEY_7, "sec_1/1")
        with pytest.raises(CannotUnseal):
            unseal(SEALED_7[:position], KEY_7, "sec_1/1")


def test_an_envelope_cannot_be_said_to_be_another_keys():
    with pytest.raises(CannotUnseal):
        unseal(mark_of(8) + SEALED_7[len(mark_of(7)) :], KEY_7, "sec_1/1")
    with pytest.raises(CannotUnseal):
        unseal(mark_of(0) + SEALED_7[len(mark_of(7)) :], KEY_7, "sec_1/1")


@given(st.binary(max_size=200), st.sampled_from([(0, ROOT), (7, KEY_7)]))
def test_wrapping_anew_changes_who_opens_it_and_nothing_inside(plaintext, to):
    old = seal(Secret(plaintext), KEY_7, "a", system_entropy, 7)

    anew = rewrap(old, KEY_7, to, "a", system_entropy)

    assert number_of(anew) == to[0]
    assert unseal(anew, to[1], "a").reveal() == plaintext
    assert anew.endswith(old[len(mark_of(7)) + 60 :])


def test_what_does_not_open_is_not_wrapped_anew():
    for sealed, key, identity in (
        (SEALED_7, ROOT, "sec_1/1"),
        (SEALED_7, KEY_7, "sec_1/2"),
        (b"", KEY_7, ""),
    ):
        with pytest.raises(CannotUnseal):
            rewrap(sealed, key, (8, ROOT), identity, system_entropy)
