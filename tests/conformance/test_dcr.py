# SPDX-License-Identifier: Apache-2.0
"""Dynamic registration and its management, as RFC 7591 and RFC 7592 have them."""

import asyncio

import pytest

from smartagent.crypto import EcSigningKey, system_entropy
from tests.unit.clients.house import REDIRECT, House

KEY = EcSigningKey.generate(system_entropy)


@pytest.fixture
async def house():
    house = await House.start()
    yield house
    house.world.store.close()


@pytest.mark.requirement("RFC7591-3.2.1-1")
async def test_all_that_was_registered_is_answered_and_nothing_is_null(house):
    status, view = await house.register(
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [KEY.public.jwk() | {"kid": "k"}]},
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        scope="orders:read orders:read",
        application_type="native",
        id_token_signed_response_alg="ES256",
        dpop_bound_access_tokens=True,
        client_uri="https://app.example",
        software_id="4711",
    )
    assert status == 201
    secret = view.pop("registration_access_token")
    assert secret not in repr(house.world.store.records)
    assert view == {
        "client_id": view["client_id"],
        "client_id_issued_at": int(house.world.clock.now()),
        "client_name": "App",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [KEY.public.jwk() | {"kid": "k"}]},
        "scope": "orders:read",
        "application_type": "native",
        "id_token_signed_response_alg": "ES256",
        "dpop_bound_access_tokens": True,
        "client_uri": "https://app.example",
        "software_id": "4711",
        "registration_client_uri": f"https://auth.example/oauth/register/{view['client_id']}",
    }
    _, least = await house.register(client_name=None)
    assert not {None, ""} & {value for value in least.values() if not isinstance(value, list | dict)}
    assert "client_name" not in least


@pytest.mark.requirement("RFC7591-2-1")
@pytest.mark.parametrize("method", [None, "none", "client_secret_basic", "client_secret_post"])
async def test_whoever_asks_for_a_secret_is_registered_without_and_told(house, method):
    status, view = await house.register(
        token_endpoint_auth_method=method, contacts=["a@b.example"], unknown={}
    )
    assert (status, view["token_endpoint_auth_method"]) == (201, "none")
    assert not {"client_secret", "contacts", "unknown"} & view.keys()


@pytest.mark.requirement("RFC7591-2-1")
async def test_grants_that_cannot_be_had_are_left_out_and_that_is_told(house):
    asked = ["authorization_code", "implicit", "client_credentials", "refresh_token"]
    _, view = await house.register(grant_types=asked)
    assert view["grant_types"] == ["authorization_code", "refresh_token"]


@pytest.mark.requirement("RFC7591-3.2.2-1")
@pytest.mark.parametrize(
    "uris",
    [
        [],
        None,
        "https://app.example/cb",
        ["/callback"],
        ["http://app.example/callback"],
        ["http://127.0.0.1.evil.example/cb"],
        ["https://app.example/cb#x"],
        ["https://app.example/cb#"],
        ["https://user:pw@app.example/cb"],
        ["javascript:alert(1)"],
        ["data:text/html,x"],
        ["com.example.app:/cb"],
        ["myapp://callback"],
        ["https://app.example/\u202ecb"],
        ["https://app.example/a b"],
        ["https://app.example:99999/cb"],
        ["https:\\\\app.example"],
        [7],
        [REDIRECT] * 3 + ["https://"],
        [f"https://app.example/{n}" for n in range(21)],
    ],
)
async def test_an_address_that_cannot_be_used_is_refused(house, uris):
    status, view = await house.register(redirect_uris=uris)
    assert (status, view["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.requirement("RFC7591-3.2.2-2")
@pytest.mark.parametrize(
    "changes",
    [
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "none", "jwks": {"keys": [KEY.public.jwk()]}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY.public.jwk() | {"d": "x"}]}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://app.example/jwks"},
        {"grant_types": ["implicit"]},
        {"grant_types": ["refresh_token"]},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
        {"client_name": 7},
        {"client_name": "n" * 3000},
        {"client_uri": "javascript:alert(1)"},
        {"logo_uri": "http://app.example/logo.png"},
        {"scope": 'orders"read'},
        {"scope": " ".join(f"s{n}" for n in range(101))},
        {"application_type": "mobile"},
        {"id_token_signed_response_alg": "none"},
        {"id_token_signed_response_alg": "HS256"},
    ],
)
async def test_what_cannot_be_registered_is_refused(house, changes):
    status, view = await house.register(**changes)
    assert (status, view["error"]) == (400, "invalid_client_metadata")


@pytest.mark.requirement("RFC7591-3.2.2-2")
@pytest.mark.parametrize("body", [b"[]", b"7", b'{"a":1,"a":2}', b'{"redirect_uris":', b"\xff"])
async def test_what_is_no_object_is_refused(house, body):
    status, view = await house.world.call("POST", "/oauth/register", body)
    assert (status, view["error"]) == (400, "invalid_client_metadata")


@pytest.mark.requirement("RFC7591-3.2.2-3")
async def test_a_software_statement_is_not_approved(house):
    status, view = await house.register(software_statement="eyJ.e.s")
    assert (status, view["error"]) == (400, "unapproved_software_statement")


@pytest.mark.requirement("RFC7592-2-1")
async def test_a_registration_is_managed_with_its_own_token_only(house):
    _, mine = await house.register()
    _, other = await house.register()
    status, shown = await house.manage("GET", mine)
    assert (status, shown["client_id"]) == (200, mine["client_id"])
    for method, body in (("GET", None), ("PUT", {"client_id": mine["client_id"]}), ("DELETE", None)):
        for token in (other["registration_access_token"], "x", "srt_"):
            assert (await house.manage(method, mine, body, token))[0] == 401
    path = f"/oauth/register/{mine['client_id']}"
    assert (await house.world.call("GET", path))[0] == 401
    gone = mine | {"registration_client_uri": "https://auth.example/oauth/register/clt_nobody"}
    assert (await house.manage("GET", gone))[0] == 401


@pytest.mark.requirement("RFC7592-2.2-1")
async def test_an_update_replaces_everything_and_gives_another_token(house):
    _, view = await house.register(scope="orders:read", client_uri="https://app.example")
    body = {"client_id": view["client_id"], "client_name": "New", "redirect_uris": [REDIRECT + "/2"]}
    status, new = await house.manage("PUT", view, body)
    assert (status, new["client_name"], new["redirect_uris"]) == (200, "New", [REDIRECT + "/2"])
    assert not {"scope", "client_uri"} & new.keys()
    assert (await house.manage("GET", view))[0] == 401
    assert (await house.manage("GET", new))[0] == 200
    client = await house.clients.find(view["client_id"])
    assert client.redirect_uris == (REDIRECT + "/2",)
    for wrong in (
        {"redirect_uris": [REDIRECT]},
        {"client_id": "clt_other", "redirect_uris": [REDIRECT]},
        {**body, "registration_access_token": "x"},
        {**body, "client_id_issued_at": 1},
    ):
        status, answer = await house.manage("PUT", new, wrong)
        assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC7592-2.2-1")
async def test_of_two_updates_at_once_one_wins(house):
    _, view = await house.register()
    other = await house.another()
    body = {"client_id": view["client_id"], "redirect_uris": [REDIRECT]}
    answers = await asyncio.gather(*(node.manage("PUT", view, body) for node in (house, other)))
    assert sorted(status for status, _ in answers) in ([200, 400], [200, 401])


@pytest.mark.requirement("RFC7592-2.3-1")
async def test_a_client_that_removes_itself_is_gone_with_what_it_was_given(house):
    _, view = await house.register()
    other = await house.another()
    assert await other.clients.find(view["client_id"]) is not None
    assert (await house.manage("DELETE", view))[0] == 204
    assert house.world.tokens.revocations.is_dead(view["client_id"])
    for node in (house, other):
        assert await node.clients.find(view["client_id"]) is None
    assert (await house.manage("GET", view))[0] == 401
