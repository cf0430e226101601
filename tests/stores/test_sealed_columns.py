# SPDX-License-Identifier: Apache-2.0
"""Every column that holds envelopes: what another key wraps is found and replaced, on both engines."""

import os

import pytest

from smartagent.crypto import mark_of, seal
from smartagent.kernel import Secret
from smartagent.keyset import KeysetMoved
from smartagent.keyset.model import SealingKey, SealingState
from smartagent.keyset.rules import moved
from smartagent.keyset.store import (
    PAGE,
    add_key,
    drop_key,
    move_key,
    put_envelope,
    read_keys,
    read_others,
)
from smartagent.server.wiring_keyset import COLUMNS
from smartagent.vault.model import SealedVersion, sealed_as
from smartagent.vault.store import SEALED_VALUES, put_secret, read_secrets
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]

OLD, NEW = Secret(os.urandom(32)), Secret(os.urandom(32))


def envelope(version, number=1):
    return seal(Secret(b"value"), OLD, sealed_as("sec_1", version), os.urandom, number)


def version(number, sealed):
    return SealedVersion(number, sealed, 1_780_000_000, "opr_1")


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
async def test_every_column_is_asked_and_none_has_what_there_is_not(engine, column):
    assert await read_others(engine, column, mark_of(2)) == []


async def test_what_another_key_wraps_is_found_with_what_it_was_sealed_as_and_replaced_once(engine):
    old, new = envelope(1), envelope(2, number=2)
    await engine.apply(*put_secret("key", "sec_1", version(1, old)))
    await engine.apply(*put_secret("key", "sec_1", version(2, new)))
    await engine.apply(*put_secret("gone", "sec_2", version(1, b"")))

    (found,) = await read_others(engine, SEALED_VALUES, mark_of(2))
    assert (found.envelope, SEALED_VALUES.identity(found.key)) == (old, "sec/sec_1/1")
    anew = envelope(1, number=2)
    await engine.apply(put_envelope(SEALED_VALUES, found, anew))
    assert await read_others(engine, SEALED_VALUES, mark_of(2)) == []
    await engine.apply(put_envelope(SEALED_VALUES, found, old))
    entry = (await read_secrets(engine, "key"))[0]
    assert [each.sealed for each in entry.versions] == [new, anew]


async def test_a_page_has_its_size(engine):
    for number in range(PAGE + 5):
        await engine.apply(*put_secret(f"key-{number}", f"sec_{number}", version(1, envelope(1))))
    assert len(await read_others(engine, SEALED_VALUES, mark_of(2))) == PAGE
    assert len(await read_others(engine, SEALED_VALUES, mark_of(1))) == 0


async def test_a_key_goes_from_state_to_state_for_one_only(engine):
    key = SealingKey(1, SealingState.PENDING, b"\x00\xff", 5, 5)
    await engine.apply(add_key(key))
    with pytest.raises(KeysetMoved):
        await engine.apply(add_key(key))
    active = moved(key, SealingState.ACTIVE, 6)
    await engine.apply(move_key(active, SealingState.PENDING))
    with pytest.raises(KeysetMoved):
        await engine.apply(move_key(active, SealingState.PENDING))
    assert await read_keys(engine) == [active]
    with pytest.raises(KeysetMoved):
        await engine.apply(drop_key(key))
    await engine.apply(drop_key(active))
    assert await read_keys(engine) == []
