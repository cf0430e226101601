# SPDX-License-Identifier: Apache-2.0
"""OpenID Connect as foreign software reads it: id tokens and userinfo."""

import hashlib

import jwt
import pytest

from smartagent.clients import Client, ClientKind
from smartagent.crypto import b64u
from smartagent.oauth.challenge import completed
from smartagent.oauth.idtoken import IdTokens
from smartagent.oauth.protected import metadata_url
from tests.unit.identity.world import ISSUER, START
from tests.unit.oauth.enquiries import acting, bearer, headers_of, mint, open_enquiries, shown

NOW = int(START)
PATH = "/oauth/userinfo"


@pytest.fixture
def id_tokens(world):
    open_enquiries(world)
    return IdTokens(world.oauth_means)


def client(algorithm="RS256"):
    return Client(id="clt_web", kind=ClientKind.REGISTERED, id_token_alg=algorithm)


def read(world, token, algorithm):
    header = jwt.get_unverified_header(token)
    key = jwt.PyJWKSet.from_json(world.tokens.documents.jwks().body.decode())[header["kid"]]
    options = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(token, key, algorithms=[algorithm], audience="clt_web", issuer=ISSUER, options=options)


async def ask(world, token, method="GET"):
    return await world.send(world.inbound(method, PATH, None, bearer(token)))


@pytest.mark.requirement("OIDCC-2-1", "OIDCC-2-2", "OIDCC-2-3", "OIDCC-2-4", "OIDCC-10.1-1", "OIDCC-15.1-1")
async def test_an_id_token_says_who_signed_in_when_and_how(world, ada, id_tokens):
    token = id_tokens.make(
        client(), ada.id, now=NOW, nonce="n", auth_time=NOW - 5, acr="urn:example:key", amr=("hwk",)
    )

    claims = read(world, token, "RS256")
    assert (claims["iss"], claims["sub"], claims["aud"], claims["iat"]) == (ISSUER, ada.id, "clt_web", NOW)
    assert claims["exp"] > NOW
    assert (claims["nonce"], claims["auth_time"]) == ("n", NOW - 5)
    assert (claims["acr"], claims["amr"], claims["azp"]) == ("urn:example:key", ["hwk"], "clt_web")


@pytest.mark.requirement("OIDCC-3.1.3.6-1", "OIDCC-15.1-1")
@pytest.mark.parametrize(
    ("algorithm", "digest"), [("RS256", "sha256"), ("ES256", "sha256"), ("EdDSA", "sha512")]
)
async def test_the_hash_of_the_access_token_goes_with_the_algorithm(world, ada, id_tokens, algorithm, digest):
    token = id_tokens.make(client(algorithm), ada.id, now=NOW, access_token="token")

    whole = hashlib.new(digest, b"token").digest()
    assert read(world, token, algorithm)["at_hash"] == b64u(whole[: len(whole) // 2])


@pytest.mark.requirement("OIDCC-3.1.2.1-1")
async def test_a_hint_is_an_id_token_of_ours(world, ada, bot, id_tokens):
    token = id_tokens.make(client(), ada.id, now=NOW)
    world.clock.at += 86_400

    assert id_tokens.read_hint(token) == ada.id
    assert id_tokens.read_hint(bot.assertion()) is None
    assert id_tokens.read_hint(mint(world, bot.id).token) is None


@pytest.mark.requirement("OIDCC-5.3-1", "OIDCC-5.3.2-1", "OIDCC-5.4-1")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_userinfo_says_the_subject_and_to_who_asked_the_name(world, ada, id_tokens, method):
    for scope, told in (
        ("openid", {"sub": ada.id}),
        ("openid profile", {"sub": ada.id, "name": "Ada"}),
    ):
        token = mint(world, ada.id, client_id="clt_web", scope=scope).token
        reply = await ask(world, token, method)
        assert (reply.status, reply.media_type, shown(reply)) == (200, "application/json", told)


@pytest.mark.requirement("OIDCC-5.3.1-1", "RFC6750-3.1-3", "OIDCC-5.3.3-1")
async def test_a_token_without_openid_reaches_too_short(world, bot, id_tokens):
    reply = await ask(world, mint(world, bot.id, scope="orders:read").token)

    assert reply.status == 403
    challenge = headers_of(reply)["www-authenticate"][0]
    assert challenge.startswith('Bearer error="insufficient_scope", scope="openid"')


@pytest.mark.requirement("RFC6750-3-1", "RFC6750-3.1-2", "OIDCC-5.3.3-1")
@pytest.mark.parametrize("token", ["nonsense", "a.b.c"])
async def test_a_bad_token_is_invalid(world, id_tokens, token):
    reply = await ask(world, token)

    assert reply.status == 401
    assert headers_of(reply)["www-authenticate"][0].startswith('Bearer error="invalid_token"')


@pytest.mark.requirement("RFC6750-3-1", "RFC6750-3.1-1")
async def test_whoever_sent_no_token_is_told_no_error(world, id_tokens):
    refused = await world.send(world.inbound("GET", PATH))

    reply = completed(refused, metadata_url=metadata_url(ISSUER), token_was_sent=False)
    assert reply.status == 401
    assert all("error=" not in value for value in headers_of(reply)["www-authenticate"])


@pytest.mark.requirement("RFC6750-2-1")
async def test_a_token_outside_the_header_is_not_looked_for(world, ada, id_tokens):
    token = mint(world, ada.id, client_id="clt_web").token
    form = {"content-type": "application/x-www-form-urlencoded"}
    for inbound in (
        world.inbound("GET", f"{PATH}?access_token={token}"),
        world.inbound("POST", PATH, f"access_token={token}".encode(), form),
    ):
        assert (await world.send(inbound)).status == 401


@pytest.mark.requirement("OIDCA-2.1-1", "OIDCA-2.4.2-1")
async def test_who_acts_for_whom_is_told_as_a_chain(world, ada, bot, id_tokens):
    helper = await world.agent(ada)
    act = acting(helper.id, bot.id)
    in_token = read(world, id_tokens.make(client(), ada.id, now=NOW, act=act, scope="openid"), "RS256")
    in_userinfo = shown(await ask(world, mint(world, ada.id, client_id=helper.id, act=act).token))

    for told in (in_token, in_userinfo):
        chain = told["delegation_chain"]
        assert [(hop["sub"], hop["aud"]) for hop in chain] == [(ada.id, bot.id), (bot.id, helper.id)]
        assert told["agent_instance_id"] == helper.id
        assert told["agent_type"] == "smartagent:order-reader"
        assert told["delegator_sub"] == bot.id
