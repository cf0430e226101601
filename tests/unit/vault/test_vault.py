# SPDX-License-Identifier: Apache-2.0
"""Secrets go in and never come out, except to an upstream; nothing opens that was moved or touched."""

import logging

import msgspec
import pytest

from smartagent.crypto import CannotUnseal
from smartagent.edge import Proof
from smartagent.kernel import Limits, Secret, SmartAgentError
from smartagent.keyset import Keyset
from smartagent.policy import Permission
from smartagent.vault import (
    Elsewhere,
    MalformedSecret,
    MalformedUpstream,
    SecretInUse,
    SecretMissing,
    SecretNotFound,
    UpstreamNotFound,
    Vault,
    VaultChanged,
)
from smartagent.vault.store import secret_versions
from tests.unit.vault.fakes import ORDERS, RAW, ROOT, Desk, FakeClock, FakeEntropy, no_account, shown

KEY = b"hunter2-hunter2-hunter2"


async def values(vault, name):
    return [secret.reveal() for secret in await vault.obtain(name)]


async def test_a_secret_that_went_in_opens_for_an_upstream_byte_for_byte(store):
    desk = Desk(store)
    odd = b"\x00\xff line\r\n\n"

    await desk.put_secret("odd", odd)

    assert await values(desk.vault, "odd") == [odd]
    fresh = Vault(store, Keyset(store, ROOT, FakeEntropy()), Elsewhere(FakeClock(), no_account))
    await fresh.reload_secrets(())
    assert await values(fresh, "odd") == [odd]


async def test_json_text_is_kept_as_its_utf_8_bytes(store):
    desk = Desk(store)
    outcome = await desk.decide("PUT", "/v1/secrets/{name}", {"value": "pässword\n"}, name="text")
    await desk.settle(outcome)

    assert await values(desk.vault, "text") == ["pässword\n".encode()]


async def test_the_current_and_the_previous_version_open_and_ten_are_kept(store):
    desk = Desk(store)
    for version, value in enumerate((*(b"%d" % number for number in range(10)), b"two", b"three"), 1):
        outcome = await desk.put_secret("key", value)
        assert outcome.reply.status == (201 if version == 1 else 200)
        assert outcome.detail == {"version": version}

    assert await values(desk.vault, "key") == [b"three", b"two"]
    assert len(await store.fetch(secret_versions.select())) == 10
    view = shown(await desk.decide("GET", "/v1/secrets/{name}", name="key"))
    assert [one["version"] for one in view["versions"]] == list(range(12, 2, -1))
    newest = {"created_at": "2026-05-28T20:26:40Z", "created_by": "opr_1", "destroyed": False, "source": ""}
    assert view["versions"][0] == {"version": 12, **newest}


async def test_what_obtain_gives_is_the_same_until_it_changes(store):
    desk = Desk(store)
    await desk.put_secret("key", b"one")
    await desk.put_secret("other", b"x")
    first = await desk.vault.obtain("key")

    await desk.put_secret("other", b"y")
    assert await desk.vault.obtain("key") is first

    await desk.put_secret("key", b"two")
    assert await desk.vault.obtain("key") is not first
    assert await desk.vault.obtain("") == ()


async def test_a_reply_is_the_same_whatever_the_value_and_its_size(store):
    desk = Desk(store)
    await desk.put_upstream("orders", {"base_url": "https://orders.example"})
    first = msgspec.json.encode(
        (await desk.decide("PUT", "/v1/secrets/{name}", b"a", RAW, name="k")).reply.body
    )
    second = msgspec.json.encode(
        (await desk.decide("PUT", "/v1/secrets/{name}", KEY * 99, RAW, name="k")).reply.body
    )

    assert set(msgspec.json.decode(first)) == {"id", "name", "version", "versions", "used_by"}
    assert len(first) == len(second)


async def test_the_value_is_in_no_reply_record_repr_log_or_error(store, caplog):
    caplog.set_level(logging.DEBUG)
    desk = Desk(store)
    put = await desk.put_secret("orders-key", KEY)
    await desk.put_upstream("orders", ORDERS)
    asked = [
        put,
        await desk.decide("GET", "/v1/secrets"),
        await desk.decide("GET", "/v1/secrets/{name}", name="orders-key"),
        await desk.decide("GET", "/v1/upstreams"),
        await desk.decide("GET", "/v1/upstreams/{name}", name="orders"),
    ]
    with pytest.raises(SmartAgentError) as refused:
        await desk.decide("PUT", "/v1/secrets/{name}", KEY + b"\n", RAW, name="orders-key")
    with pytest.raises(SmartAgentError) as unknown:
        await desk.decide("PUT", "/v1/secrets/{name}", {"value": KEY.decode(), "x": 1}, name="orders-key")
    said = [
        repr(asked),
        repr(await desk.vault.obtain("orders-key")),
        repr(desk.vault.secrets()),
        repr(vars(desk.vault)),
    ]
    said += [
        str(refused.value),
        str(unknown.value),
        caplog.text,
        repr(await store.fetch(secret_versions.select())),
    ]
    said += [msgspec.json.encode(one.reply.body).decode() for one in asked]

    assert not [text for text in said if KEY.decode() in text or KEY.hex() in text]


async def test_a_ciphertext_that_was_moved_to_another_secret_does_not_open(store):
    desk = Desk(store)
    await desk.put_secret("mine", b"mine")
    await desk.put_secret("yours", b"yours")
    mine, yours = desk.vault.secret("mine"), desk.vault.secret("yours")
    swap = (
        secret_versions.update()
        .where(secret_versions.c.secret_id == mine.id)
        .values(sealed=yours.versions[0].sealed)
    )
    store.execute(swap)
    await desk.vault.reload_secrets(())

    with pytest.raises(CannotUnseal):
        await desk.vault.obtain("mine")
    assert await values(desk.vault, "yours") == [b"yours"]


async def test_an_old_version_cannot_be_passed_off_as_the_current_one(store):
    desk = Desk(store)
    await desk.put_secret("key", b"old")
    old = desk.vault.secret("key").versions[0].sealed
    await desk.put_secret("key", b"new")
    store.execute(secret_versions.update().where(secret_versions.c.version == 2).values(sealed=old))
    await desk.vault.reload_secrets(["key"])

    with pytest.raises(CannotUnseal):
        await desk.vault.obtain("key")


async def test_another_root_key_opens_nothing(store):
    await Desk(store).put_secret("key", KEY)
    stranger = Vault(
        store, Keyset(store, Secret(b"\x01" * 32), FakeEntropy()), Elsewhere(FakeClock(), no_account)
    )
    await stranger.reload_secrets(())

    with pytest.raises(CannotUnseal):
        await stranger.obtain("key")


@pytest.mark.parametrize("at", [0, 1, 20, 60, 80, -1])
async def test_a_ciphertext_that_was_touched_does_not_open(store, at):
    desk = Desk(store)
    await desk.put_secret("key", KEY)
    sealed = bytearray(desk.vault.secret("key").versions[0].sealed)
    sealed[at] ^= 1
    store.execute(secret_versions.update().values(sealed=bytes(sealed)))
    await desk.vault.reload_secrets(["key"])

    with pytest.raises(CannotUnseal):
        await desk.vault.obtain("key")


async def test_a_secret_in_use_cannot_be_deleted(store):
    desk = Desk(store)
    await desk.put_secret("orders-key", KEY)
    await desk.put_upstream("orders", ORDERS)

    with pytest.raises(SecretInUse, match="orders-key is used by orders"):
        await desk.decide("DELETE", "/v1/secrets/{name}", name="orders-key")

    await desk.settle(await desk.decide("DELETE", "/v1/upstreams/{name}", name="orders"))
    await desk.settle(await desk.decide("DELETE", "/v1/secrets/{name}", name="orders-key"))
    assert await store.fetch(secret_versions.select()) == []
    with pytest.raises(SecretNotFound):
        await desk.vault.obtain("orders-key")


async def test_a_secret_that_came_into_use_meanwhile_is_not_deleted(store):
    desk = Desk(store)
    await desk.put_secret("orders-key", KEY)
    deletion = await desk.decide("DELETE", "/v1/secrets/{name}", name="orders-key")
    await desk.put_upstream("orders", ORDERS)

    with pytest.raises(SecretInUse):
        await desk.settle(deletion)
    await desk.vault.reload_secrets(())
    assert await values(desk.vault, "orders-key") == [KEY]


async def test_an_entry_whose_secret_has_gone_meanwhile_is_not_written(store):
    desk = Desk(store)
    await desk.put_secret("orders-key", KEY)
    entry = await desk.decide("PUT", "/v1/upstreams/{name}", ORDERS, name="orders")
    await desk.settle(await desk.decide("DELETE", "/v1/secrets/{name}", name="orders-key"))

    with pytest.raises(SecretMissing):
        await desk.settle(entry)
    await desk.vault.reload_upstreams(())
    assert desk.vault.upstream("orders") is None


async def test_whoever_writes_second_loses(store):
    desk = Desk(store)
    for _ in range(3):
        first = await desk.decide("PUT", "/v1/secrets/{name}", b"a", RAW, name="key")
        second = await desk.decide("PUT", "/v1/secrets/{name}", b"b", RAW, name="key")
        await desk.settle(first)
        with pytest.raises(VaultChanged):
            await desk.settle(second)
        assert (await values(desk.vault, "key"))[0] == b"a"
    entries = [
        await desk.decide("PUT", "/v1/upstreams/{name}", {"base_url": "https://a.example"}, name="a")
        for _ in "12"
    ]
    await desk.settle(entries[0])
    with pytest.raises(VaultChanged):
        await desk.settle(entries[1])


async def test_a_secret_deleted_and_made_again_is_another_one(store):
    desk = Desk(store)
    await desk.put_secret("key", b"a")
    old = desk.vault.secret("key").id
    stale = await desk.decide("PUT", "/v1/secrets/{name}", b"c", RAW, name="key")
    await desk.settle(await desk.decide("DELETE", "/v1/secrets/{name}", name="key"))
    await desk.put_secret("key", b"b")

    assert desk.vault.secret("key").id != old
    with pytest.raises(VaultChanged):
        await desk.settle(stale)


async def test_an_upstream_is_written_shown_changed_and_deleted(store):
    desk = Desk(store)
    await desk.put_secret("orders-key", KEY)

    put = await desk.put_upstream("orders", ORDERS)
    assert (put.reply.status, put.target) == (201, "upstream/orders")
    assert shown(put) == {
        "name": "orders",
        "base_url": "https://orders.example",
        "secret": "orders-key",
        "place": "bearer",
        "allow_private": False,
        "allow_plaintext": False,
        "timeout_seconds": 30,
        "scrub": True,
        "txn_token": False,
        "limits": {},
        "speaks": "",
        "version": 1,
        "changed_at": "2026-05-28T20:26:40Z",
        "changed_by": "opr_1",
        "placeholder": desk.placeholders.of("orders"),
    }
    before = desk.vault.upstream("orders")
    assert desk.vault.upstream("orders") is before
    again = await desk.put_upstream(
        "orders",
        ORDERS | {"scrub": False, "place": "header:X-Key", "timeout_seconds": 5, "limits": {"rate": "9/m"}},
    )
    assert (again.reply.status, desk.vault.upstream("orders").place) == (200, "header:X-Key")
    assert shown(await desk.decide("GET", "/v1/upstreams"))["upstreams"] == [shown(again)]
    assert shown(await desk.decide("GET", "/v1/secrets"))["secrets"][0]["used_by"] == ["orders"]
    fresh = Vault(store, Keyset(store, ROOT, FakeEntropy()), Elsewhere(FakeClock(), no_account))
    await fresh.reload_upstreams(())
    assert fresh.upstream("orders") == desk.vault.upstream("orders")
    assert fresh.upstream("orders").limits == Limits(rate="9/m")

    await desk.settle(await desk.decide("DELETE", "/v1/upstreams/{name}", name="orders"))
    assert desk.vault.upstream("orders") is None
    with pytest.raises(UpstreamNotFound):
        await desk.decide("GET", "/v1/upstreams/{name}", name="orders")


async def test_an_entry_that_names_no_secret_of_the_vault_is_refused(store):
    with pytest.raises(SecretMissing, match="orders-key"):
        await Desk(store).put_upstream("orders", ORDERS)


async def test_a_secret_that_does_not_fit_is_refused_from_both_sides(store):
    desk = Desk(store)
    await desk.put_secret("orders-key", KEY + b"\n")

    with pytest.raises(MalformedSecret, match="final newline"):
        await desk.put_upstream("orders", ORDERS)
    await desk.put_secret("orders-key", KEY)
    await desk.put_upstream("orders", ORDERS)
    with pytest.raises(MalformedSecret, match="final newline"):
        await desk.put_secret("orders-key", KEY + b"\n")


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({}, SmartAgentError),
        ({"base_url": "https://a.example", "scrubb": False}, SmartAgentError),
        ({"base_url": "https://a.example", "timeout_seconds": "5"}, SmartAgentError),
        ({"base_url": "https://a.example", "timeout_seconds": 2**70}, SmartAgentError),
        ({"base_url": "https://a.example", "scrub": 1}, SmartAgentError),
        ({"base_url": "http://a.example"}, MalformedUpstream),
        ({"base_url": "https://a.example", "place": "bearer"}, MalformedUpstream),
    ],
)
async def test_a_malformed_entry_gets_a_clear_error(store, entry, error):
    with pytest.raises(error):
        await Desk(store).put_upstream("orders", entry)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"value": 1}', b'{"value": ""}', b'{"value": "\\ud800"}', b'{"value":"a","value":"b"}'],
)
async def test_a_malformed_json_secret_gets_a_clear_error(store, body):
    with pytest.raises(SmartAgentError):
        await Desk(store).decide("PUT", "/v1/secrets/{name}", body, name="key")


def test_every_route_needs_an_access_token_and_a_permission_that_exists(store):
    made = Desk(store).routes.values()

    assert {route.proof for route in made} == {Proof.ACCESS_TOKEN}
    assert {route.permission for route in made} <= set(Permission)
