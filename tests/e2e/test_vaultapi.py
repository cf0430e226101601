# SPDX-License-Identifier: Apache-2.0
"""`hvac`, as it comes from the package index, against the authority for real."""

import asyncio

import aiohttp
import hvac
import hvac.exceptions
import msgspec
import pytest

from smartagent.crypto import SigningKey, SystemClock, system_entropy
from smartagent.sdk import Holder, client_assertion, enrol
from tests.e2e.site import furnish, until

pytestmark = pytest.mark.e2e
API_KEY = "static-api-key-" + "71fe"
LEASER = """\
name = "leaser"
ttl = "10m"
credentials = ["shop-key", "shop-db"]
scopes = ["revocations.create"]
"""


class House:
    """An authority with a credential of a secret in it, and an agent that may lease it."""

    def __init__(self, site, operator):
        self.site = site
        self.operator = operator

    async def furnish(self):
        sent = await self.operator.send(
            "PUT", "/v1/secrets/api-key", API_KEY.encode(), "application/octet-stream"
        )
        assert sent.status == 201
        provider = {"kind": "secret", "secrets": {"api_key": "api-key"}}
        await self.operator.request("PUT", "/v1/providers/keys", provider)
        for name in ("shop-key", "shop-db"):
            await self.operator.request(
                "PUT", f"/v1/credentials/{name}", {"provider": "keys", "ttl_seconds": 120}
            )
        await self.operator.request("PUT", "/v1/roles/leaser", {"role_file": LEASER})
        return self

    async def agent(self):
        raw = await self.operator.request("POST", "/v1/enrolments", {"role": "leaser"})
        token = msgspec.json.decode(raw)["enrolment_token"]
        return await enrol(Holder(SigningKey.generate(system_entropy)), self.site.url, token, "bot")

    def assertion(self, holder):
        return client_assertion(
            holder.key, self.site.url, holder.principal, now=SystemClock().now(), entropy=system_entropy
        )

    async def lease(self, lease_id):
        return msgspec.json.decode(
            await self.operator.request("GET", f"/v1/leases/{lease_id.rpartition('/')[2]}")
        )

    async def dead(self, lease_id):
        async def gone():
            return (await self.lease(lease_id))["state"] == "dead"

        await until(gone, what="the lease's end")


@pytest.fixture
async def house(sites, closing):
    site = await sites("vault").start()
    operator = await site.operator()
    closing(operator)
    return await House(site, operator).furnish()


async def test_hvac_logs_in_reads_renews_and_revokes(house):
    holder = await house.agent()
    client = hvac.Client(url=house.site.url)

    login = await asyncio.to_thread(client.auth.jwt.jwt_login, role="leaser", jwt=house.assertion(holder))
    assert login["auth"]["policies"] == ["leaser"]
    assert await asyncio.to_thread(client.is_authenticated)

    secret = await asyncio.to_thread(
        client.secrets.kv.v2.read_secret_version, path="shop-key", raise_on_deleted_version=True
    )
    assert secret["data"]["data"] == {"api_key": API_KEY}

    made = await asyncio.to_thread(client.secrets.database.generate_credentials, name="shop-db")
    assert made["data"]["api_key"] == API_KEY
    assert 0 < made["lease_duration"] <= 120
    renewed = await asyncio.to_thread(client.sys.renew_lease, lease_id=made["lease_id"], increment=300)
    assert 295 < renewed["lease_duration"] <= 300

    await asyncio.to_thread(client.sys.revoke_lease, lease_id=made["lease_id"])
    await house.dead(made["lease_id"])
    assert (await house.lease(secret["lease_id"]))["state"] == "active"

    shown = await asyncio.to_thread(client.auth.token.lookup_self)
    assert shown["data"]["entity_id"] == holder.principal
    await asyncio.to_thread(client.auth.token.revoke_accessor, accessor=shown["data"]["accessor"])
    assert not await asyncio.to_thread(client.is_authenticated)
    await house.dead(secret["lease_id"])


async def test_an_accessor_of_another_is_revoked_with_the_scope_for_it(house):
    victim, chief = hvac.Client(url=house.site.url), hvac.Client(url=house.site.url)
    for client in (victim, chief):
        jwt = house.assertion(await house.agent())
        await asyncio.to_thread(client.auth.jwt.jwt_login, role=None, jwt=jwt)
    accessor = (await asyncio.to_thread(victim.auth.token.lookup_self))["data"]["accessor"]

    await asyncio.to_thread(chief.auth.token.revoke_accessor, accessor=accessor)

    assert not await asyncio.to_thread(victim.is_authenticated)
    assert await asyncio.to_thread(chief.is_authenticated)


async def test_hvac_is_told_no_as_vault_would(house):
    holder = await house.agent()
    client = hvac.Client(url=house.site.url)
    used = house.assertion(holder)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        await asyncio.to_thread(client.auth.jwt.jwt_login, role="another", jwt=house.assertion(holder))
    with pytest.raises(hvac.exceptions.InvalidRequest):
        await asyncio.to_thread(client.auth.jwt.jwt_login, role="leaser", jwt="not.a.jwt")
    await asyncio.to_thread(client.auth.jwt.jwt_login, role="leaser", jwt=used)
    with pytest.raises(hvac.exceptions.VaultError):
        await asyncio.to_thread(client.auth.jwt.jwt_login, role="leaser", jwt=used)
    for path in ("nothing", "../shop-key", "a/b/c"):
        with pytest.raises(hvac.exceptions.VaultError):
            await asyncio.to_thread(client.secrets.database.generate_credentials, name=path)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        await asyncio.to_thread(client.sys.renew_lease, lease_id="database/creds/shop-db/lse_none")
    with pytest.raises(hvac.exceptions.InvalidRequest):
        await asyncio.to_thread(client.sys.revoke_lease, lease_id="auth/token/create/xyz")


@pytest.mark.parametrize(
    "headers", [{}, {"x-vault-token": "nonsense"}, {"x-vault-token": "a", "authorization": "Bearer b"}]
)
async def test_a_token_stands_in_its_header_and_is_one_of_ours(house, headers):
    url = f"{house.site.url}/v1/auth/token/lookup-self"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 403
        assert (await answer.json())["errors"] == ["permission denied"]


async def test_an_operators_token_is_not_taken(house):
    await furnish(house.operator, type("Shop", (), {"url": "http://127.0.0.1:9"}))
    url = f"{house.site.url}/v1/auth/token/lookup-self"
    headers = {"x-vault-token": house.operator._token}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 403
