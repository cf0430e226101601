# SPDX-License-Identifier: Apache-2.0
"""Rolling back, destroying, and writing only after what was seen."""

import msgspec
import pytest

from smartagent.edge import Inbound, MalformedRequest
from smartagent.vault import SecretNotFound, VaultChanged
from smartagent.vault.errors import VersionGone, VersionInForce
from smartagent.vault.store import secret_versions
from tests.unit.vault.fakes import OPERATOR, RAW, Desk, shown, vault_store


@pytest.fixture
def desk():
    return Desk(vault_store())


async def put(desk, value, query=""):
    inbound = Inbound("req_1", "PUT", "/", query, {"content-type": RAW}, value, params={"name": "key"})
    return await desk.settle(await desk.routes["PUT", "/v1/secrets/{name}"].act(OPERATOR, inbound))


async def post(desk, verb, **body):
    return await desk.settle(await desk.decide("POST", f"/v1/secrets/{{name}}/{verb}", body, name="key"))


async def values(desk):
    return [each.reveal() for each in await desk.vault.obtain("key")]


async def test_rolling_back_makes_a_new_version_with_the_old_value(desk):
    for value in (b"one", b"two", b"three"):
        await put(desk, value)

    outcome = await post(desk, "rollback", version=1)

    assert await values(desk) == [b"one", b"three"]
    assert outcome.detail == {"version": 4, "from": 1}
    assert [one["version"] for one in shown(outcome)["versions"]] == [4, 3, 2, 1]


async def test_what_was_destroyed_is_gone_for_ever_and_stays_known(desk):
    for value in (b"one", b"two", b"three"):
        await put(desk, value)

    outcome = await post(desk, "destroy", versions=[1, 2])

    assert [one["destroyed"] for one in shown(outcome)["versions"]] == [False, True, True]
    assert await values(desk) == [b"three"]
    rows = await desk.store.fetch(secret_versions.select())
    assert sorted(row[2] for row in rows)[:2] == [b"", b""]
    with pytest.raises(VersionGone):
        await post(desk, "rollback", version=2)


async def test_the_current_version_is_not_destroyed_nor_one_that_is_not_there(desk):
    await put(desk, b"one")
    await put(desk, b"two")
    with pytest.raises(VersionInForce):
        await post(desk, "destroy", versions=[1, 2])
    for versions in ([], [7]):
        with pytest.raises(VersionGone):
            await post(desk, "destroy", versions=versions)
    assert await values(desk) == [b"two", b"one"]


@pytest.mark.parametrize("version", [0, 2, -1, 99])
async def test_there_is_no_rolling_back_to_what_never_was(desk, version):
    await put(desk, b"one")
    with pytest.raises(VersionGone):
        await post(desk, "rollback", version=version)


async def test_a_secret_that_is_not_there_has_no_versions(desk):
    with pytest.raises(SecretNotFound):
        await post(desk, "rollback", version=1)
    with pytest.raises(SecretNotFound):
        await post(desk, "destroy", versions=[1])


async def test_a_write_after_what_was_seen_holds_and_any_other_is_refused(desk):
    await put(desk, b"one", "cas=0")
    with pytest.raises(VaultChanged):
        await put(desk, b"two", "cas=0")
    await put(desk, b"two", "cas=1")
    with pytest.raises(VaultChanged):
        await put(desk, b"three", "cas=1")
    assert await values(desk) == [b"two", b"one"]


@pytest.mark.parametrize("query", ["cas=", "cas=x", "cas=-1", "version=1", "cas=1&cas=2", "cas=\u0661"])
async def test_what_is_no_version_is_refused(desk, query):
    with pytest.raises(MalformedRequest):
        await put(desk, b"one", query)


async def test_no_view_shows_a_value(desk):
    await put(desk, b"canary-value-1")
    await put(desk, b"canary-value-2")
    outcome = await post(desk, "rollback", version=1)
    assert b"canary" not in msgspec.json.encode(outcome.reply.body)
    assert "canary" not in repr(outcome)
