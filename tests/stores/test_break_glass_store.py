# SPDX-License-Identifier: Apache-2.0
"""What is said to the tables of break-glasses and recovery keys, on both engines."""

import pytest
from msgspec import structs

from smartagent.governance.breakglass.model import CONFIRM_SECONDS, BreakGlass, RecoveryKey
from smartagent.governance.breakglass.store import (
    add_break_glass,
    add_key,
    close_break_glass,
    confirm_break_glass,
    key_of_hash,
    read_all_of,
    read_break_glass,
    read_keys,
    read_newest,
    read_open,
    revoke_key,
    use_key,
)
from smartagent.governance.errors import (
    BreakGlassOpen,
    BreakGlassOver,
    RecoveryKeyNotFound,
    RecoveryKeyRefused,
)
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]

NOW = 2**40
WAITING = BreakGlass("bgl_1", "agt_1", "fixer", "it burns and burns", 900, "opr_1", NOW)


async def test_an_agent_has_one_break_glass_that_is_open(engine):
    await engine.apply(add_break_glass(WAITING))
    again = structs.replace(WAITING, id="bgl_2")
    with pytest.raises(BreakGlassOpen):
        await engine.apply(add_break_glass(again))
    await engine.apply(close_break_glass(WAITING, now=NOW + 1))
    await engine.apply(add_break_glass(again))
    assert await read_open(engine) == await read_open(engine, "agt_1") == [again]
    closed = structs.replace(WAITING, closed_at=NOW + 1)
    assert await read_newest(engine) == [again, closed]
    assert sorted(each.id for each in await read_all_of(engine, "agt_1")) == ["bgl_1", "bgl_2"]
    assert await read_break_glass(engine, "bgl_9") is None


async def test_one_is_confirmed_once_and_in_time(engine):
    await engine.apply(add_break_glass(WAITING))
    confirmed = structs.replace(WAITING, confirmed_by="opr_2", until=NOW + 900)
    with pytest.raises(BreakGlassOver):
        await engine.apply(confirm_break_glass(confirmed, now=NOW + CONFIRM_SECONDS))
    await engine.apply(confirm_break_glass(confirmed, now=NOW + CONFIRM_SECONDS - 1))
    assert await read_break_glass(engine, "bgl_1") == confirmed
    with pytest.raises(BreakGlassOver):
        await engine.apply(confirm_break_glass(confirmed, now=NOW + 1))
    with pytest.raises(BreakGlassOver):
        await engine.apply(close_break_glass(WAITING, now=NOW + 1))
    await engine.apply(close_break_glass(confirmed, now=NOW + 1))
    with pytest.raises(BreakGlassOver):
        await engine.apply(close_break_glass(confirmed, now=NOW + 1))


async def test_a_recovery_key_ends_once_by_its_use_or_by_hand(engine):
    key = RecoveryKey("rky_1", "opr_1", NOW)
    await engine.apply(add_key(key, b"hash"))
    assert await key_of_hash(engine, b"hash") == key
    assert await key_of_hash(engine, b"other") is None
    await engine.apply(use_key("rky_1", "opr_2", "bgl_1", now=NOW + 1))
    with pytest.raises(RecoveryKeyRefused):
        await engine.apply(use_key("rky_1", "opr_2", "bgl_2", now=NOW + 2))
    with pytest.raises(RecoveryKeyNotFound):
        await engine.apply(revoke_key("rky_1", "opr_2", now=NOW + 2))
    assert await read_keys(engine) == [RecoveryKey("rky_1", "opr_1", NOW, NOW + 1, "opr_2", "bgl_1")]
