# SPDX-License-Identifier: Apache-2.0
"""The MCP SDK: its client finds us from a 401 of its server, gets a token, and calls a tool.

401 -> protected resource metadata -> our metadata -> registration -> PKCE, sign-in, consent -> token -> tool
"""

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import pytest_asyncio
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import PrivateKeyJWTOAuthProvider, SignedJWTParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from smartagent.sdk import Holder
from tests.e2e.site import token_form
from tests.interop.authority import REDIRECT, pem, public_jwk, signing_keys, unverified
from tests.interop.mcphost import SCOPE, McpHost

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("mcp")]
CALLER = """\
name = "caller"
ttl = "10m"
audiences = ["{audience}"]

[[allow]]
scope = "orders:read"
upstream = "shop"
methods = ["GET"]
paths = ["/**"]
"""


class Storage:
    """Keeps what the SDK's client wants kept."""

    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Browser:
    """Hands what the SDK wants opened to a person, and what comes back to the SDK."""

    def __init__(self, person):
        self._person = person
        self.opened = []
        self._answer = {}

    async def open(self, url):
        self.opened.append(url)
        away = await self._person.visit(url)
        self._answer = {name: values[0] for name, values in parse_qs(urlsplit(away).query).items()}

    async def callback(self):
        return AuthorizationCodeResult(**{name: self._answer.get(name) for name in ("code", "state", "iss")})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(authority):
    host = await McpHost(authority).start()
    await authority.resource(host.url, [SCOPE, "orders:write"])
    yield host
    await host.close()


async def call(host, auth):
    async with (
        httpx2.AsyncClient(auth=auth, timeout=30) as http,
        Client(streamable_http_client(host.url, http_client=http)) as client,
    ):
        result = await client.call_tool("order", {"number": 4711})
        assert not result.is_error, result
        return result.content[0].text


def provider(host, browser, storage, **more):
    metadata = OAuthClientMetadata(client_name="An MCP client", redirect_uris=[REDIRECT])
    return OAuthClientProvider(host.url, metadata, storage, browser.open, browser.callback, **more)


async def test_a_client_that_knows_nothing_gets_as_far_as_a_tool(authority, host):
    storage, browser = Storage(), Browser(authority.person())
    said = await call(host, provider(host, browser, storage))
    assert said == f"order 4711 is on its way, {authority.operator.id} by {storage.client.client_id}"
    assert storage.client.client_id.startswith("clt_")
    claims = unverified(storage.tokens.access_token)
    assert (claims["aud"], claims["client_id"]) == (host.url, storage.client.client_id)
    assert storage.tokens.token_type == "Bearer"
    (opened,) = browser.opened
    asked = parse_qs(urlsplit(opened).query)
    assert (asked["resource"], asked["code_challenge_method"]) == ([host.url], ["S256"])


async def test_a_client_whose_id_is_the_url_of_its_description_registers_nowhere(authority, host):
    storage, browser = Storage(), Browser(authority.person())
    url = authority.described.url
    said = await call(host, provider(host, browser, storage, client_metadata_url=url))
    assert said.endswith(f"{authority.operator.id} by {url}")
    assert unverified(storage.tokens.access_token)["client_id"] == url
    assert authority.described.asked == 1


async def test_a_client_whose_token_has_expired_asks_nobody_again(authority, host):
    storage, browser = Storage(), Browser(authority.person())
    client = provider(host, browser, storage)
    await call(host, client)
    before = storage.tokens
    client.context.token_expiry_time = 1
    await call(host, client)
    assert len(browser.opened) == 1
    assert storage.tokens.refresh_token != before.refresh_token
    assert unverified(storage.tokens.access_token)["jti"] != unverified(before.access_token)["jti"]


@pytest.mark.parametrize("alg", ["Ed25519", "ES256", "RS256"])
async def test_a_program_without_a_person_signs_and_calls_the_tool(authority, host, alg):
    key = signing_keys()[alg]
    client = await authority.client(
        grant_types=["client_credentials"],
        redirect_uris=[],
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [public_jwk(key)]},
    )
    assert "4711" in await call(host, by_key(authority, host, client, key, alg))


async def test_an_agent_of_the_house_calls_the_tool_with_its_own_key(authority, host):
    role = {"role_file": CALLER.format(audience=host.url), "allow_broad": True}
    await authority.api("PUT", "/v1/roles/caller", role)
    agent, key = await authority.agent("caller")
    said = await call(host, by_key(authority, host, agent, key, "Ed25519"))
    assert said == f"order 4711 is on its way, {agent} by {agent}"


def by_key(authority, host, client, key, alg):
    parameters = SignedJWTParameters(
        issuer=client,
        subject=client,
        signing_key=pem(key),
        signing_algorithm="EdDSA" if alg == "Ed25519" else alg,
    )
    return PrivateKeyJWTOAuthProvider(
        host.url,
        Storage(),
        client,
        parameters.create_assertion_provider(),
        scope=SCOPE,
        issuer=authority.issuer,
    )


async def test_a_token_for_another_resource_opens_no_tool(authority, host):
    agent, key = await authority.agent()
    status, answer = await authority.form(
        "/oauth/token", token_form(Holder(key, authority.issuer, agent), authority.issuer)
    )
    assert status == 200
    async with httpx2.AsyncClient() as http:
        headers = {"authorization": f"Bearer {answer['access_token']}", "accept": "application/json"}
        refused = await http.post(
            host.url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=headers
        )
    assert refused.status_code == 401
    assert "resource_metadata=" in refused.headers["www-authenticate"]
    assert "InvalidAudienceError" in host.verifier.refused[-1]
