# SPDX-License-Identifier: Apache-2.0
"""ID tokens: what they say, how they are signed, and what is taken for one."""

import asyncio
import hashlib

import jwt
import pytest

from smartagent.clients import Client, ClientKind
from smartagent.crypto import b64u
from smartagent.kernel import Algorithm
from smartagent.oauth.idtoken import HINT_GRACE_SECONDS, ID_TOKEN_LIFE_SECONDS, IdTokens, at_hash
from tests.unit.identity.world import ISSUER, START, World
from tests.unit.oauth.enquiries import acting, mint

NOW = int(START)
ALGORITHMS = ["RS256", "ES256", "EdDSA"]


async def furnished():
    """Make a house with keys of every algorithm: finding RSA primes takes a while, so once for all."""
    world = await World().start()
    await world.tokens.rings.tend(world.store)
    ada = await world.operator()
    return world, ada, await world.agent(ada), await world.agent(ada)


@pytest.fixture(scope="module")
def house():
    world, *people = asyncio.run(furnished())
    yield world, *people
    world.store.close()


@pytest.fixture
def world(house):
    house[0].clock.at = START
    return house[0]


@pytest.fixture
def ada(house):
    return house[1]


@pytest.fixture
def id_tokens(world):
    return IdTokens(world.oauth_means)


def client(algorithm="RS256"):
    return Client(id="clt_web", kind=ClientKind.REGISTERED, id_token_alg=algorithm)


def read(world, token, algorithm="RS256"):
    """Read a token as a foreign client does."""
    header = jwt.get_unverified_header(token)
    key = jwt.PyJWKSet.from_json(world.tokens.documents.jwks().body.decode())[header["kid"]]
    options = {"verify_exp": False, "verify_iat": False}
    return header, jwt.decode(
        token, key, algorithms=[algorithm], audience="clt_web", issuer=ISSUER, options=options
    )


def test_an_id_token_says_who_signed_in_when_and_how(world, ada, id_tokens):
    token = id_tokens.make(
        client(),
        ada.id,
        now=NOW,
        nonce="n-1",
        auth_time=NOW - 9,
        acr="urn:example:key",
        amr=("hwk", "user"),
        access_token="abc",
        sid="ses_1",
    )

    header, claims = read(world, token)
    assert (header["alg"], header["typ"]) == ("RS256", "JWT")
    assert claims == {
        "iss": ISSUER,
        "sub": ada.id,
        "aud": "clt_web",
        "azp": "clt_web",
        "exp": NOW + ID_TOKEN_LIFE_SECONDS,
        "iat": NOW,
        "auth_time": NOW - 9,
        "nonce": "n-1",
        "acr": "urn:example:key",
        "amr": ["hwk", "user"],
        "at_hash": b64u(hashlib.sha256(b"abc").digest()[:16]),
        "sid": "ses_1",
    }


def test_what_is_not_known_is_left_out(world, ada, id_tokens):
    _, claims = read(world, id_tokens.make(client(), ada.id, now=NOW))

    assert claims.keys() == {"iss", "sub", "aud", "azp", "exp", "iat"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_client_chooses_how_its_id_tokens_are_signed(world, ada, id_tokens, algorithm):
    token = id_tokens.make(client(algorithm), ada.id, now=NOW, access_token="abc")

    header, claims = read(world, token, algorithm)
    assert header["alg"] == algorithm
    assert claims["at_hash"] == at_hash("abc", Algorithm(algorithm))


def test_the_hash_is_the_one_that_goes_with_the_algorithm():
    # The example of OpenID Connect Core, appendix A.3.
    assert at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", Algorithm.RS256) == "77QmUPtjPfzWtF2AnpK9RQ"
    assert at_hash("abc", Algorithm.ES256) == at_hash("abc", Algorithm.RS256)
    assert at_hash("abc", Algorithm.EDDSA) == b64u(hashlib.sha512(b"abc").digest()[:32])


def test_an_agent_that_acts_is_told_from_the_act_claim(house, world, ada, id_tokens):
    _, _, bot, helper = house

    token = id_tokens.make(client(), ada.id, now=NOW, act=acting(helper.id, bot.id), scope="openid")

    _, claims = read(world, token)
    assert claims["act"] == {"sub": helper.id, "act": {"sub": bot.id}}
    assert claims["agent_type"] == "smartagent:order-reader"
    assert claims["agent_instance_id"] == helper.id
    assert claims["delegator_sub"] == bot.id
    assert claims["delegation_chain"] == [
        {"iss": ISSUER, "sub": ada.id, "aud": bot.id},
        {"iss": ISSUER, "sub": bot.id, "aud": helper.id, "delegated_at": NOW, "scope": "openid"},
    ]


def test_of_an_agent_that_nobody_knows_nothing_is_told(world, ada, id_tokens):
    token = id_tokens.make(client(), ada.id, now=NOW, act=acting("agt_unknown"))

    _, claims = read(world, token)
    assert claims["act"] == {"sub": "agt_unknown"}
    assert "agent_type" not in claims
    assert "delegation_chain" not in claims


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_hint_says_whom_a_client_means(ada, id_tokens, algorithm):
    assert id_tokens.read_hint(id_tokens.make(client(algorithm), ada.id, now=NOW)) == ada.id


def test_a_hint_may_have_expired_but_not_long_ago(world, ada, id_tokens):
    token = id_tokens.make(client(), ada.id, now=NOW)

    world.clock.at = NOW + ID_TOKEN_LIFE_SECONDS
    assert id_tokens.read(token) is None
    world.clock.at += HINT_GRACE_SECONDS - 1
    assert id_tokens.read_hint(token) == ada.id
    world.clock.at += 1
    assert id_tokens.read_hint(token) is None


def test_an_id_token_that_holds_is_read_with_all_it_says(ada, id_tokens):
    claims = id_tokens.read(id_tokens.make(client(), ada.id, now=NOW, acr="a", sid="ses_1"))

    assert (claims.sub, claims.aud, claims.acr, claims.sid) == (ada.id, "clt_web", "a", "ses_1")


@pytest.mark.parametrize("typ", ["at+jwt", "txntoken+jwt", "oauth-id-jag+jwt", "secevent+jwt", "", "jwt"])
def test_another_kind_of_our_own_tokens_is_no_hint(world, ada, id_tokens, typ):
    payload = b'{"iss":"%b","sub":"%b","aud":"a","azp":"a","exp":%d,"iat":%d}' % (
        ISSUER.encode(),
        ada.id.encode(),
        NOW + 60,
        NOW,
    )
    assert id_tokens.read_hint(world.tokens.rings.sign(Algorithm.EDDSA, "JWT", payload)) == ada.id

    assert id_tokens.read_hint(world.tokens.rings.sign(Algorithm.EDDSA, typ, payload)) is None


def test_what_is_no_token_of_ours_is_no_hint(world, house, ada, id_tokens):
    _, _, bot, _ = house
    token = id_tokens.make(client(), ada.id, now=NOW)
    head, body, _ = token.split(".")
    foreign = world.tokens.rings.sign(
        Algorithm.EDDSA, "JWT", b'{"iss":"x","sub":"a","aud":"a","azp":"a","exp":9999999999,"iat":1}'
    )
    for wrong in ("", "nonsense", f"{head}.{body}.AAAA", bot.assertion(), foreign, mint(world, bot.id).token):
        assert id_tokens.read_hint(wrong) is None
