# SPDX-License-Identifier: Apache-2.0
"""Client ID Metadata Documents, as draft-ietf-oauth-client-id-metadata-document-02 has them."""

import asyncio

import pytest

from smartagent.clients import AuthMethod, ClientKind, ClientUnusable
from smartagent.crypto import EcSigningKey, system_entropy
from tests.unit.clients.house import APP, REDIRECT, House

KEY = EcSigningKey.generate(system_entropy)


@pytest.fixture
async def house():
    house = await House.start()
    yield house
    house.world.store.close()


@pytest.mark.requirement("CIMD-4-1")
async def test_a_client_is_what_its_description_says(house):
    house.outside.describe(token_endpoint_auth_method="none", scope="orders:read")
    client = await house.clients.find(APP)
    assert (client.id, client.kind, client.name) == (APP, ClientKind.METADATA, "App")
    assert (client.redirect_uris, client.auth_method, client.scope) == (
        (REDIRECT,),
        AuthMethod.NONE,
        "orders:read",
    )


@pytest.mark.requirement("CIMD-3-1")
@pytest.mark.parametrize(
    "client_id",
    [
        "https://app.example",
        "http://app.example/client.json",
        "https://app.example/client.json#x",
        "https://user@app.example/client.json",
        "https://user:pw@app.example/client.json",
        "https://app.example/../client.json",
        "https://app.example/./client.json",
        "https://app.example/%2e%2e/client.json",
        "https://app.example/a/..",
        "https://app.example/" + "a" * 600,
        "https://app.example/\N{SNOWMAN}",
        "https://app.example/a b",
        "ftp://app.example/client.json",
        "https:///client.json",
    ],
)
async def test_what_is_no_such_url_is_never_fetched(house, client_id):
    house.outside.describe(client_id)
    assert await house.clients.find(client_id) is None
    assert house.outside.asked == []


@pytest.mark.requirement("CIMD-4-1")
@pytest.mark.parametrize("said", [None, "https://app.example/other.json", APP + "/", APP.upper(), 7])
async def test_a_description_of_another_is_refused(house, said):
    house.outside.describe(client_id=said)
    with pytest.raises(ClientUnusable):
        await house.clients.describe(APP)


@pytest.mark.requirement("CIMD-4.1-1")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": "s"},
        {"client_secret_expires_at": 0},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
    ],
)
async def test_a_description_with_a_secret_is_refused(house, changes):
    house.outside.describe(**changes)
    assert await house.clients.find(APP) is None


@pytest.mark.requirement("CIMD-4.2-1")
@pytest.mark.parametrize(("said", "kept"), [(None, 3600), (0, 60), (60, 60), (600, 600), (10**9, 86_400)])
async def test_a_good_description_is_kept_within_bounds(house, said, kept):
    house.outside.describe(max_age=said)
    await house.clients.find(APP)
    house.later(kept - 1)
    await house.clients.find(APP)
    assert len(house.outside.asked) == 1
    house.later(1)
    await house.clients.find(APP)
    assert len(house.outside.asked) == 2


@pytest.mark.requirement("CIMD-4.2-1")
@pytest.mark.parametrize("document", [None, b"no json", b"[]", b'{"client_id":1,"client_id":2}', b"{}"])
async def test_what_failed_is_asked_again(house, document):
    if document is not None:
        house.outside.put(APP, document)
    assert await house.clients.find(APP) is None
    house.outside.describe()
    assert await house.clients.find(APP) is not None


@pytest.mark.requirement("CIMD-6-1")
async def test_a_description_of_more_than_5_kb_is_refused(house):
    house.outside.describe(padding="x" * 5120)
    assert await house.clients.find(APP) is None
    house.outside.describe(padding="x" * 4000)
    assert await house.clients.find(APP) is not None


@pytest.mark.requirement("CIMD-6-2")
@pytest.mark.parametrize("member", ["client_uri", "logo_uri"])
async def test_what_is_shown_beside_the_host_is_of_the_host(house, member):
    house.outside.describe(**{member: "https://bank.example/logo.png"})
    assert await house.clients.find(APP) is None
    house.outside.describe(**{member: "https://app.example/logo.png"})
    assert await house.clients.find(APP) is not None


async def test_many_who_ask_at_once_are_answered_by_one_fetch(house):
    house.outside.describe()
    house.outside.gate = asyncio.Event()
    asking = [asyncio.ensure_future(house.clients.find(APP)) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    house.outside.gate.set()
    found = await asyncio.gather(*asking[1:])
    assert {client.id for client in found} == {APP}
    assert house.outside.asked == [APP]


async def test_only_hosts_that_are_named_are_asked_when_some_are():
    house = await House.start(metadata_hosts=frozenset({"good.example"}))
    house.outside.describe()
    house.outside.describe("https://good.example/client.json")
    assert await house.clients.find(APP) is None
    assert await house.clients.find("https://good.example/client.json") is not None
    assert house.outside.asked == ["https://good.example/client.json"]
    house.world.store.close()


async def test_an_operator_can_take_no_such_clients_at_all():
    house = await House.start(metadata_documents=False)
    house.outside.describe()
    assert await house.clients.find(APP) is None
    house.world.store.close()


async def test_the_keys_of_a_description_are_inline_or_fetched(house):
    jwk = KEY.public.jwk() | {"kid": "k"}
    house.outside.describe(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [jwk]})
    client = await house.clients.find(APP)
    assert (await house.clients.key(client, "k", "ES256")).thumbprint == KEY.public.thumbprint
    assert await house.clients.key(client, "other", "ES256") is None
    assert await house.clients.key(client, "k", "RS256") is None
    other = "https://app.example/two.json"
    house.outside.describe(
        other, token_endpoint_auth_method="private_key_jwt", jwks_uri="https://app.example/jwks.json"
    )
    client = await house.clients.find(other)
    assert await house.clients.key(client, "k", "ES256") is None
    house.outside.put("https://app.example/jwks.json", {"keys": [jwk]})
    house.later(60)
    assert (await house.clients.key(client, "k", "ES256")).thumbprint == KEY.public.thumbprint
