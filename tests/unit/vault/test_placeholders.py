# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for keys: placeholders that need no table, and honeytokens of which the store knows a digest."""

import re

import pytest

from smartagent.kernel import Secret
from smartagent.vault import PLACEHOLDER_PREFIX, Placeholders
from smartagent.vault.errors import HoneytokenNotFound, HoneytokenTaken, MalformedHoneytoken
from smartagent.vault.store import honeytokens
from tests.unit.vault.fakes import ORDERS, Desk, shown, vault_store

FORM = re.compile(PLACEHOLDER_PREFIX + "[a-z2-7]{32}")
PATH = "/v1/honeytokens/{name}"


@pytest.fixture
def desk():
    store = vault_store()
    yield Desk(store)
    store.close()


async def made(desk, name="wiki", note=""):
    return shown(await desk.settle(await desk.decide("POST", PATH, {"note": note}, name=name)))["value"]


def test_a_placeholder_is_its_upstream_s_for_ever_and_of_this_house(desk):
    known = desk.placeholders
    assert FORM.fullmatch(known.of("orders"))
    assert known.of("orders") == Placeholders(Secret(b"a key for placeholders"), None).of("orders")
    assert (
        len({known.of("orders"), known.of("order"), Placeholders(Secret(b"other"), None).of("orders")}) == 3
    )


async def test_an_upstream_shows_its_placeholder(desk):
    await desk.put_secret("orders-key", b"key")
    placeholder = desk.placeholders.of("orders")
    assert shown(await desk.put_upstream("orders", ORDERS))["placeholder"] == placeholder
    assert (
        shown(await desk.decide("GET", "/v1/upstreams/{name}", name="orders"))["placeholder"] == placeholder
    )
    listed = shown(await desk.decide("GET", "/v1/upstreams"))
    assert [each["placeholder"] for each in listed["upstreams"]] == [placeholder]


async def test_a_honeytoken_looks_like_a_placeholder_and_is_recognised_by_its_digest_alone(desk):
    value = await made(desk, note="in the wiki")
    assert FORM.fullmatch(value)
    assert desk.placeholders.honeytoken(value) == "wiki"
    assert desk.placeholders.honeytoken(desk.placeholders.of("orders")) == ""
    assert desk.placeholders.honeytoken(value[:-1]) == ""
    (row,) = await desk.store.fetch(honeytokens.select())
    assert value.encode() not in row[1]
    assert value not in str(row)


async def test_they_are_listed_without_their_values(desk):
    values = [await made(desk, name, f"at {name}") for name in ("wiki", "laptop")]
    listed = shown(await desk.decide("GET", "/v1/honeytokens"))["honeytokens"]
    assert [(each["name"], each["note"]) for each in listed] == [("laptop", "at laptop"), ("wiki", "at wiki")]
    assert not any(value in str(listed) for value in values)


async def test_one_that_was_deleted_is_known_no_more(desk):
    value = await made(desk)
    await desk.settle(await desk.decide("DELETE", PATH, name="wiki"))
    assert desk.placeholders.honeytoken(value) == ""
    with pytest.raises(HoneytokenNotFound):
        await desk.decide("DELETE", PATH, name="wiki")


async def test_a_name_is_taken_once(desk):
    await made(desk)
    with pytest.raises(HoneytokenTaken):
        await made(desk)


@pytest.mark.parametrize(
    ("name", "note"),
    [("A", ""), ("a b", ""), ("", ""), ("a" * 64, ""), ("wiki", "a\nb"), ("wiki", "x" * 201)],
)
async def test_what_cannot_be_kept_is_refused(desk, name, note):
    with pytest.raises(MalformedHoneytoken):
        await desk.decide("POST", PATH, {"note": note}, name=name)
