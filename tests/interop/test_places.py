# SPDX-License-Identifier: Apache-2.0
"""Upstreams that take tokens: the house's own, verified by a foreign library, and those of accounts elsewhere."""

import json

import jwt
import pytest
import pytest_asyncio

from smartagent.sdk import Holder
from tests.backends.standins import StandIn
from tests.e2e.site import call, post_form, token_form
from tests.interop.authority import Authority

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]
ROLE = """\
name = "reader"
ttl = "10m"

[[allow]]
scope = "read"
upstream = "echo"
methods = ["GET"]
paths = ["/**"]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def authority(tmp_path_factory):
    authority = await Authority(tmp_path_factory.mktemp("authority")).start()
    await authority.api("PUT", "/v1/roles/reader", {"role_file": ROLE, "allow_broad": True})
    yield authority
    await authority.close()


def telling(said):
    """Make an upstream that answers with the Authorization field that it got, and remembers it."""

    def answer(method, path, headers, body):
        said.append(headers["authorization"])
        return 200, headers["authorization"].encode()

    return StandIn(answer)


async def agents_token(authority):
    principal, key = await authority.agent()
    _, answer = await post_form(
        authority.issuer, token_form(Holder(key, authority.issuer, principal), authority.issuer)
    )
    return principal, answer["access_token"]


async def test_a_token_of_the_house_is_one_that_anybody_verifies_by_its_keys(authority):
    said = []
    with telling(said) as upstream:
        entry = {"base_url": upstream.url, "place": "jwt:https://orders.internal", "allow_private": True}
        await authority.api("PUT", "/v1/upstreams/echo", entry)
        principal, token = await agents_token(authority)
        status, shown = await call(authority.gateway, token, "/echo/who")
        assert status == 200
        await call(authority.gateway, token, "/echo/who")
    scheme, _, outward = said[0].partition(" ")
    assert scheme == "Bearer"
    assert said == [said[0]] * 2
    assert outward.encode() not in shown
    assert outward != token
    keys = jwt.PyJWKSet.from_dict(await authority.jwks())
    header = jwt.get_unverified_header(outward)
    claims = jwt.decode(
        outward,
        keys[header["kid"]],
        algorithms=["EdDSA"],
        audience="https://orders.internal",
        issuer=authority.issuer,
    )
    assert header["typ"] == "at+jwt"
    assert claims["sub"] == claims["client_id"] == principal
    assert claims["role"] == "reader"
    assert claims["exp"] - claims["iat"] <= 300
    # It opens nothing at the house.
    status, _ = await call(authority.gateway, outward, "/echo/who")
    assert status == 401


async def test_a_token_for_the_house_itself_is_never_made(authority):
    said = []
    with telling(said) as upstream:
        entry = {"base_url": upstream.url, "place": f"jwt:{authority.issuer}", "allow_private": True}
        await authority.api("PUT", "/v1/upstreams/echo", entry)
        _, token = await agents_token(authority)
        status, _ = await call(authority.gateway, token, "/echo/who")
    assert status == 400
    assert said == []


async def test_the_token_of_an_account_is_fresh_and_neither_it_nor_the_last_one_comes_back(authority):
    made = []

    def provider(method, path, headers, body):
        made.append(f"ya29.access-token-number-{len(made)}")
        return 200, {"access_token": made[-1], "token_type": "Bearer", "expires_in": 3600}

    said = []

    def echo(method, path, headers, body):
        said.append(headers["authorization"])
        return 200, json.dumps([headers["authorization"], made]).encode()

    with StandIn(provider) as google, StandIn(echo) as upstream:
        account = {
            "token_endpoint": f"{google.url}/token",
            "client_id": "c",
            "refresh_token": "1//r",
            "auth": "none",
        }
        await authority.api("PUT", "/v1/accounts/google/ada", account)
        await authority.api("PUT", "/v1/secrets/ada/source", {"source": "account://google/ada"})
        entry = {"base_url": upstream.url, "secret": "ada", "place": "bearer", "allow_private": True}
        await authority.api("PUT", "/v1/upstreams/echo", entry)
        _, token = await agents_token(authority)
        _, first = await call(authority.gateway, token, "/echo/a")
        await authority.api("POST", "/v1/accounts/google/ada/refresh")
        # Anything that is written makes the node forget what it remembered of other stores.
        await authority.api("PUT", "/v1/secrets/other/source", {"source": "account://google/ada"})
        _, second = await call(authority.gateway, token, "/echo/a")
    assert said[0] == f"Bearer {made[0]}" or said[0] == f"Bearer {made[-2]}"
    assert said[1] == f"Bearer {made[-1]}"
    assert said[0] != said[1]
    assert said[0].removeprefix("Bearer ").encode() not in first + second
    assert said[1].removeprefix("Bearer ").encode() not in second
