# SPDX-License-Identifier: Apache-2.0
"""Authlib: client credentials, the authorization code with refresh, and token exchange by its generic fetch."""

import asyncio

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwk

from smartagent.crypto import SystemClock
from tests.interop.authority import (
    REDIRECT,
    RESOURCE,
    SCOPES,
    private_jwk,
    public_jwk,
    signing_keys,
    unverified,
)

# joserfc, beneath Authlib, warns on each use of the name EdDSA, which RFC 9864 deprecates.
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("authlib"),
    pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning"),
]
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
VERIFIER = "a-verifier-of-forty-three-characters-or-more-4711"
ALGS = {"Ed25519": "EdDSA", "ES256": "ES256", "RS256": "RS256"}


class ShortLived(PrivateKeyJWT):
    """As the library has it, but for a minute and not for an hour."""

    def sign(self, auth, token_endpoint):
        self.claims = {"exp": int(SystemClock().now()) + 60}
        return super().sign(auth, token_endpoint)


def session(authority, client, key, alg="EdDSA"):
    """Return a session that authenticates by `private_key_jwt`, with the issuer as the audience."""
    private = jwk.import_key(private_jwk(key))
    made = OAuth2Session(client, private, token_endpoint_auth_method="private_key_jwt")
    header = {"kid": key.public.thumbprint}
    made.register_client_auth_method(ShortLived(authority.issuer, headers=header, alg=alg))
    return made


async def fetched(session, url, **fields):
    return await asyncio.to_thread(session.fetch_token, url, **fields)


def token_url(authority):
    return f"{authority.issuer}/oauth/token"


async def test_an_agent_gets_a_token_by_its_own_key(authority):
    agent, key = await authority.agent()
    token = await fetched(
        session(authority, agent, key), token_url(authority), grant_type="client_credentials"
    )
    assert token["token_type"] == "Bearer"
    assert unverified(token["access_token"])["sub"] == agent


@pytest.mark.parametrize("alg", ALGS)
async def test_a_registered_client_gets_a_token_for_a_resource(authority, alg):
    key = signing_keys()[alg]
    client = await authority.client(
        grant_types=["client_credentials"],
        redirect_uris=[],
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [public_jwk(key)]},
    )
    token = await fetched(
        session(authority, client, key, ALGS[alg]),
        token_url(authority),
        grant_type="client_credentials",
        resource=RESOURCE,
    )
    assert token["scope"].split() == list(SCOPES)


async def test_a_code_becomes_tokens_and_a_refresh_token_others(authority):
    client = await authority.client()
    public = OAuth2Session(
        client,
        redirect_uri=REDIRECT,
        scope="openid offline_access orders:read",
        token_endpoint_auth_method="none",
        code_challenge_method="S256",
    )
    url, state = public.create_authorization_url(
        f"{authority.issuer}/oauth/authorize", code_verifier=VERIFIER, resource=RESOURCE, nonce="n-0S6"
    )
    away = await authority.person().visit(url)
    token = await fetched(
        public,
        token_url(authority),
        authorization_response=away,
        state=state,
        code_verifier=VERIFIER,
        resource=RESOURCE,
    )
    assert unverified(token["access_token"])["aud"] == RESOURCE
    assert unverified(token["id_token"])["nonce"] == "n-0S6"
    again = await asyncio.to_thread(public.refresh_token, token_url(authority), token["refresh_token"])
    assert again["refresh_token"] != token["refresh_token"]
    assert unverified(again["access_token"])["sub"] == authority.operator.id


async def test_an_agent_that_may_act_for_another_exchanges_its_token(authority):
    first, first_key = await authority.agent()
    second, second_key = await authority.agent()
    own = await fetched(
        session(authority, first, first_key), token_url(authority), grant_type="client_credentials"
    )
    exchange = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": own["access_token"],
        "subject_token_type": ACCESS_TOKEN,
    }
    with pytest.raises(OAuthError, match="invalid_request"):
        await fetched(session(authority, second, second_key), token_url(authority), **exchange)
    await authority.api("POST", "/v1/delegations", {"from": first, "to": second, "reason": "test"})
    token = await fetched(session(authority, second, second_key), token_url(authority), **exchange)
    claims = unverified(token["access_token"])
    assert (claims["sub"], claims["act"]["sub"]) == (first, second)
    assert token["issued_token_type"] == ACCESS_TOKEN


async def test_authlib_understands_a_refusal(authority):
    agent, key = await authority.agent()
    with pytest.raises(OAuthError) as caught:
        await fetched(
            session(authority, agent, key), token_url(authority), grant_type="client_credentials", scope="no"
        )
    assert caught.value.error == "invalid_scope"
