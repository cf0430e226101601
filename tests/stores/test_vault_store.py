# SPDX-License-Identifier: Apache-2.0
"""What the vault says to its tables, on SQLite and on a real PostgreSQL."""

import pytest

from smartagent.vault import SecretInUse, SecretMissing, Upstream, VaultChanged
from smartagent.vault.model import SealedVersion, SecretEntry, StoredUpstream
from smartagent.vault.store import (
    drop_secret,
    drop_upstream,
    put_secret,
    put_upstream,
    read_secrets,
    read_upstreams,
    secret_versions,
)
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]

NOW = 1_780_000_000
ENTRY = Upstream("orders", "https://orders.example", "key", "bearer", True, False, 7, False)


def version(number):
    return SealedVersion(number, b"\x00\xff" + bytes([number]), NOW + number, "opr_1")


def stored(number=1, entry=ENTRY):
    return StoredUpstream(entry, number, NOW, "opr_1")


async def test_a_secret_has_its_ten_newest_versions_and_no_older_one(engine):
    for number in range(1, 13):
        await engine.apply(*put_secret("key", "sec_1", version(number)))
    await engine.apply(*put_secret("other", "sec_2", version(1)))

    key = SecretEntry("sec_1", "key", tuple(version(number) for number in range(12, 2, -1)))
    assert await read_secrets(engine, "key") == [key]
    assert await read_secrets(engine) == [key, SecretEntry("sec_2", "other", (version(1),))]


async def test_whoever_writes_a_version_second_loses_and_leaves_nothing(engine):
    await engine.apply(*put_secret("key", "sec_1", version(1)))
    await engine.apply(*put_secret("key", "sec_1", version(2)))

    for writes in (
        put_secret("key", "sec_1", version(2)),
        put_secret("key", "sec_1", version(4)),
        put_secret("key", "sec_9", version(1)),
        put_secret("key", "sec_9", version(3)),
    ):
        with pytest.raises(VaultChanged):
            await engine.apply(*writes)
    assert len(await engine.fetch(secret_versions.select())) == 2


async def test_a_secret_goes_with_all_its_versions_unless_it_is_used(engine):
    await engine.apply(*put_secret("key", "sec_1", version(1)))
    entry = (await read_secrets(engine))[0]
    await engine.apply(*put_secret("key", "sec_1", version(2)), *put_upstream(stored(), "sec_1"))

    with pytest.raises(SecretInUse):
        await engine.apply(*drop_secret(entry))
    assert len(await read_secrets(engine)) == 1
    await engine.apply(drop_upstream(stored()))
    await engine.apply(*drop_secret(entry))
    assert await engine.fetch(secret_versions.select()) == []


async def test_an_upstream_is_read_as_it_was_written(engine):
    await engine.apply(*put_secret("key", "sec_1", version(1)), *put_upstream(stored(), "sec_1"))

    assert await read_upstreams(engine) == await read_upstreams(engine, "orders") == [stored()]
    assert await read_upstreams(engine, "other") == []


async def test_an_upstream_is_written_only_while_its_secret_is_there(engine):
    with pytest.raises(SecretMissing):
        await engine.apply(*put_upstream(stored(), "sec_1"))

    await engine.apply(*put_secret("key", "sec_2", version(1)))
    with pytest.raises(SecretMissing):
        await engine.apply(*put_upstream(stored(), "sec_1"))
    assert await read_upstreams(engine) == []
    await engine.apply(*put_upstream(stored(entry=Upstream("open", "https://open.example")), ""))


async def test_only_the_next_version_of_an_upstream_is_written_and_only_the_last_one_deleted(engine):
    await engine.apply(*put_secret("key", "sec_1", version(1)), *put_upstream(stored(), "sec_1"))
    await engine.apply(*put_upstream(stored(2), "sec_1"))

    for writes in (
        put_upstream(stored(), "sec_1"),
        put_upstream(stored(2), "sec_1"),
        (drop_upstream(stored(1)),),
    ):
        with pytest.raises(VaultChanged):
            await engine.apply(*writes)
    await engine.apply(drop_upstream(stored(2)))
    assert await read_upstreams(engine) == []
