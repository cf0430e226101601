# SPDX-License-Identifier: Apache-2.0
"""Sealed secrets open for one root key and one identity, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import CannotUnseal, seal, system_entropy, unseal
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
