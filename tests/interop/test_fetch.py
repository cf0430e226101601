# SPDX-License-Identifier: Apache-2.0
"""The verifier over real HTTP: aiohttp fetches metadata and keys from a server on loopback."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from smartagent.sdk import KeysUnavailable, Verifier
from smartagent.sdk.fetch import MAX_BODY_BYTES, fetch_with_aiohttp
from tests.interop import issuer


@pytest.fixture
async def server():
    async def keys(_request):
        return web.json_response(issuer.JWKS, headers={"Cache-Control": "public, max-age=3600"})

    async def metadata(request):
        base = f"http://{request.host}"
        return web.json_response({"issuer": base, "jwks_uri": f"{base}/.well-known/jwks.json"})

    async def moved(_request):
        raise web.HTTPFound("/.well-known/jwks.json")

    async def huge(_request):
        return web.Response(body=b" " * (MAX_BODY_BYTES + 1))

    app = web.Application()
    app.router.add_get("/.well-known/jwks.json", keys)
    app.router.add_get("/.well-known/oauth-authorization-server", metadata)
    app.router.add_get("/moved", moved)
    app.router.add_get("/huge", huge)
    async with TestServer(app) as running:
        yield f"http://127.0.0.1:{running.port}"


async def test_a_verifier_finds_its_keys_by_itself(server):
    token = await Verifier(server, issuer.AUDIENCE).verify(issuer.token(iss=server))

    assert token.subject == issuer.CLAIMS["sub"]


async def test_the_answer_is_given_as_it_came(server):
    answer = await fetch_with_aiohttp(f"{server}/.well-known/jwks.json")

    assert (answer.status, answer.cache_control) == (200, "public, max-age=3600")


async def test_a_redirect_is_not_followed(server):
    assert (await fetch_with_aiohttp(f"{server}/moved")).status == 302


async def test_a_huge_document_is_not_read(server):
    with pytest.raises(KeysUnavailable, match="too large"):
        await fetch_with_aiohttp(f"{server}/huge")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://", "nonsense"])
async def test_no_answer_is_an_error_of_ours(url):
    with pytest.raises(KeysUnavailable, match="no answer"):
        await fetch_with_aiohttp(url)
