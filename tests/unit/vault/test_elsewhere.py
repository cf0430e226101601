# SPDX-License-Identifier: Apache-2.0
"""Secrets that other stores keep are read on demand, remembered for moments, and never written down."""

import asyncio

import pytest

from smartagent.drivers import DriverFailed, DriverUnreachable, parse_place
from smartagent.kernel import Secret
from smartagent.vault import Elsewhere, MalformedSecret, SecretElsewhere
from smartagent.vault.elsewhere import parse_source
from smartagent.vault.errors import SecretRefused, SecretUnreachable
from smartagent.vault.store import secret_versions
from tests.unit.identity.memory import FakeClock
from tests.unit.vault.fakes import Desk, no_account, vault_store

AWS = "awssm:///prod/db?region=eu-west-1&key=password"
HASHI = "hashivault://secret/app/db?address=https://vault.example&token=vault-token&key=password"


class Store:
    """Another store: what it says, and how often it was asked."""

    def __init__(self):
        self.value = b"outside value"
        self.asked = []
        self.failing = None
        self.gate = None
        self.begun = asyncio.Event()

    async def __call__(self, place, token):
        self.begun.set()
        self.asked.append((place, token and token.reveal()))
        if self.gate is not None:
            await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        return Secret(self.value)


@pytest.fixture
def outside():
    return Store()


@pytest.fixture
def desk(outside):
    return Desk(vault_store(), read=outside)


async def link(desk, name="key", source=AWS):
    outcome = await desk.decide("PUT", "/v1/secrets/{name}/source", {"source": source}, name=name)
    await desk.settle(outcome)
    return outcome


async def values(desk, name="key"):
    return [each.reveal() for each in await desk.vault.obtain(name)]


async def test_it_is_read_on_demand_and_no_byte_of_it_is_kept(desk, outside):
    await link(desk)

    assert await values(desk) == [b"outside value"]
    rows = await desk.store.fetch(secret_versions.select())
    assert all(b"outside value" not in str(row).encode() for row in rows)
    assert desk.vault.secret("key").versions[0].sealed == b""


async def test_it_shows_where_it_is_and_not_what(desk):
    outcome = await link(desk)
    assert outcome.reply.body.versions[0].source == AWS
    assert not outcome.reply.body.versions[0].destroyed
    assert "outside value" not in repr(outcome)
    assert outcome.detail["source"] == AWS


async def test_a_source_that_gives_nothing_is_not_linked(desk, outside):
    outside.failing = DriverFailed("AccessDeniedException")
    with pytest.raises(SecretRefused, match="AccessDenied"):
        await link(desk)


async def test_it_is_presented_a_secret_of_ours_and_that_one_must_be_here(desk, outside):
    await desk.put_secret("vault-token", b"hvs.1")
    await link(desk, source=HASHI)
    assert outside.asked[-1][1] == b"hvs.1"

    await link(desk, "vault-token", AWS)
    desk.vault._elsewhere.forget()
    with pytest.raises(SecretElsewhere):
        await desk.vault.obtain("key")


async def test_going_back_to_a_link_links_again_and_to_a_value_seals_it_again(desk):
    await desk.put_secret("key", b"ours")
    await link(desk)
    await desk.settle(await desk.decide("POST", "/v1/secrets/{name}/rollback", {"version": 1}, name="key"))
    assert (await values(desk))[0] == b"ours"
    await desk.settle(await desk.decide("POST", "/v1/secrets/{name}/rollback", {"version": 2}, name="key"))
    assert await values(desk) == [b"outside value"]


async def test_a_destroyed_link_is_gone(desk):
    await link(desk)
    await desk.put_secret("key", b"ours")
    await desk.settle(await desk.decide("POST", "/v1/secrets/{name}/destroy", {"versions": [1]}, name="key"))
    assert desk.vault.secret("key").versions[1].destroyed


class Reading:
    def __init__(self, outside):
        self.clock = FakeClock()
        self.elsewhere = Elsewhere(self.clock, no_account, outside)

    async def values(self, source=AWS):
        return [each.reveal() for each in await self.elsewhere.obtain(source, self.token)]

    async def token(self, name):
        return Secret(b"hvs.1")


@pytest.fixture
def reading(outside):
    return Reading(outside)


async def test_it_is_remembered_within_its_bound_and_no_longer(reading, outside):
    await reading.values()
    reading.clock.at += 29
    await reading.values()
    assert len(outside.asked) == 1
    reading.clock.at += 2
    await reading.values()
    assert len(outside.asked) == 2


async def test_a_bound_of_nothing_reads_each_time(reading, outside):
    for _ in range(3):
        await reading.values(AWS + "&cache=0")
    assert len(outside.asked) == 3


async def test_what_was_remembered_too_long_ago_is_not_used_when_the_store_is_down(reading, outside):
    await reading.values()
    reading.clock.at += 31
    outside.failing = DriverUnreachable("EndpointConnectionError")
    with pytest.raises(SecretUnreachable):
        await reading.values()


async def test_the_value_before_is_known_for_scrubbing_and_equal_values_stay_the_same_object(
    reading, outside
):
    first = await reading.elsewhere.obtain(AWS, reading.token)
    reading.clock.at += 31
    assert await reading.elsewhere.obtain(AWS, reading.token) is first
    outside.value = b"new"
    reading.clock.at += 31
    assert await reading.values() == [b"new", b"outside value"]


async def test_many_that_want_it_at_once_ask_once(reading, outside):
    outside.gate = asyncio.Event()
    asking = [asyncio.create_task(reading.values()) for _ in range(20)]
    await outside.begun.wait()
    outside.gate.set()
    await asyncio.gather(*asking)
    assert len(outside.asked) == 1


@pytest.mark.parametrize("value", [b"", b"x" * 70_000])
async def test_a_value_that_is_none_or_too_long_is_refused(reading, outside, value):
    outside.value = value
    with pytest.raises(SecretRefused):
        await reading.values()


@pytest.mark.parametrize(
    "source",
    [
        "",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "awssm:///name",
        "awssm:///?region=eu",
        "awssm:///name?region=eu&region=us",
        "awssm:///name?region=eu&password=x",
        "awssm:///name?region=eu&cache=301",
        "awssm:///name?region=eu&cache=-1",
        "awssm:///name?region=eu&endpoint=http://169.254.169.254",
        "hashivault://secret/app?address=http://vault.example&token=t",
        "hashivault://secret/app?address=https://vault.example",
        "hashivault://secret?address=https://vault.example&token=t",
        "hashivault://u:p@secret/app?address=https://vault.example&token=t",
        "hashivault://secret/a%0Ab?address=https://vault.example&token=t",
        "gcpsm://projects/p",
        "gcpsm://projects/p/secrets/s?endpoint=ftp://x",
        "awssm://[name?region=eu",
    ],
)
def test_what_names_no_place_is_refused(source):
    with pytest.raises(MalformedSecret):
        parse_source(source)


def test_places_are_read_as_they_are_written():
    place = parse_place(HASHI + "&namespace=team&cache=5")
    assert (place.path, place.key, place.token) == ("secret/app/db", "password", "vault-token")
    assert (place.namespace, place.cache_seconds) == ("team", 5)
    arn = "awssm:///arn:aws:secretsmanager:eu-north-1:1:secret:x-AbC"
    assert parse_place(arn).path.startswith("arn:aws:")
