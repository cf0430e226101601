# SPDX-License-Identifier: Apache-2.0
"""The secrets of upstreams, as whoever looks for them in what agents send gets them."""

from sqlalchemy import update

from smartagent.vault.store import secret_versions
from tests.unit.vault.fakes import Desk

HERE = {"base_url": "https://orders.example", "secret": "orders-key"}


async def kept(vault):
    return {
        upstream.name: [secret.reveal() for secret in secrets] for upstream, secrets in vault.kept_secrets()
    }


async def test_they_are_those_that_upstreams_use_with_the_version_before(store):
    desk = Desk(store)
    for value in (b"first-value", b"second-value"):
        await desk.put_secret("orders-key", value)
    await desk.put_secret("unused", b"nobody-sends-it")
    await desk.put_upstream("orders", HERE)
    await desk.put_upstream("open", {"base_url": "https://open.example"})

    assert await kept(desk.vault) == {"orders": [b"second-value", b"first-value"]}
    (_, secrets), *_ = desk.vault.kept_secrets()
    assert secrets is await desk.vault.obtain("orders-key")


async def test_one_that_cannot_be_opened_hides_no_other(store, caplog):
    desk = Desk(store)
    for name in ("orders-key", "other-key"):
        await desk.put_secret(name, name.encode())
    await desk.put_upstream("orders", HERE)
    await desk.put_upstream("other", {**HERE, "secret": "other-key"})
    broken = desk.vault.secret("orders-key").id
    store.execute(
        update(secret_versions).where(secret_versions.c.secret_id == broken).values(sealed=b"no envelope")
    )
    await desk.vault.reload_secrets(())

    assert await kept(desk.vault) == {"other": [b"other-key"]}
    assert "orders-key" in caplog.text


async def test_who_listens_hears_of_upstreams_and_of_secrets(store):
    desk, heard = Desk(store), []
    desk.vault.on_change(lambda: heard.append(sorted(each.upstream.name for each in desk.vault.upstreams())))
    await desk.put_secret("orders-key", b"first-value")
    await desk.put_upstream("orders", HERE)
    await desk.settle(await desk.decide("DELETE", "/v1/upstreams/{name}", name="orders"))

    assert heard == [[], ["orders"], []]
