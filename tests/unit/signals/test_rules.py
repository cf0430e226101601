# SPDX-License-Identifier: Apache-2.0
"""Bits in bytes, and what a client accepts."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import b64u
from smartagent.kernel import Caller, CallerKind
from smartagent.signals.model import EntryState
from smartagent.signals.rules import LIST_BYTES, LIST_SIZE, accepts, compressed, may, put_state, state_at

JWT = "application/statuslist+jwt"


def test_the_lowest_bits_of_a_byte_come_first():
    # The first 12 values of the document's example, of which ours never uses the fourth (3).
    packed = bytearray(3)
    for idx, value in enumerate([1, 2, 0, 0, 0, 1, 0, 1, 1, 2, 0, 0]):
        put_state(packed, idx, EntryState(value))

    assert packed == bytes([0b00001001, 0b01000100, 0b00001001])


def test_the_compressed_form_is_that_of_the_document():
    assert compressed(bytes([0xC9, 0x44, 0xF9])).hex() == "78da3be9f2130003df0207"
    assert b64u(compressed(bytes([0xB9, 0xA3]))) == "eNrbuRgAAhcBXQ"


@given(st.dictionaries(st.integers(0, LIST_SIZE - 1), st.sampled_from(EntryState), max_size=40))
def test_what_is_put_is_found_and_nothing_else_moves(values):
    packed = bytearray(LIST_BYTES)
    for idx, state in values.items():
        put_state(packed, idx, state)
    inflated = zlib.decompress(compressed(packed))

    assert len(inflated) == LIST_BYTES
    assert all(state_at(inflated, idx) is state for idx, state in values.items())
    assert sum(byte.bit_count() for byte in inflated) == sum(state != 0 for state in values.values())


def test_putting_says_whether_anything_changed():
    packed = bytearray(LIST_BYTES)

    assert put_state(packed, 7, EntryState.SUSPENDED)
    assert not put_state(packed, 7, EntryState.SUSPENDED)
    assert put_state(packed, 7, EntryState.VALID)


def test_an_index_beyond_the_list_is_an_error():
    with pytest.raises(IndexError):
        state_at(bytes(LIST_BYTES), LIST_SIZE)
    with pytest.raises(IndexError):
        put_state(bytearray(LIST_BYTES), LIST_SIZE, EntryState.INVALID)


@pytest.mark.parametrize(
    ("accept", "admits"),
    [
        ("", True),
        ("*/*", True),
        ("application/*", True),
        (JWT, True),
        (f"text/html, {JWT};q=0.5", True),
        ("Application/StatusList+JWT", True),
        ("application/statuslist+cwt", False),
        ("text/html", False),
        (f"*/*, {JWT};q=0", False),
        (f"{JWT};q=0.000", False),
        ("application/*;q=0, */*", False),
        (f"application/*;q=0, {JWT}", True),
        ("application/json, text/*", False),
    ],
)
def test_the_most_specific_range_decides(accept, admits):
    assert accepts(accept, JWT) is admits


@pytest.mark.parametrize(
    ("caller", "allowed"),
    [
        (Caller("opr_1", CallerKind.OPERATOR), True),
        (Caller("agt_1", CallerKind.AGENT, scopes=frozenset({"a", "ssf.manage"})), True),
        (Caller("agt_1", CallerKind.AGENT, scopes=frozenset({"ssf.manage.create"})), False),
        (Caller("clt_1", CallerKind.CLIENT), False),
    ],
)
def test_agents_and_clients_need_the_scope_in_their_token(caller, allowed):
    assert may(caller, "ssf.manage") is allowed
