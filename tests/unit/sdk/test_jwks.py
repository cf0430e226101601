# SPDX-License-Identifier: Apache-2.0
"""The issuer's keys: which are taken, how long they last, and how often they are asked for."""

import asyncio
import json

import pytest

from smartagent.crypto import SigningKey, system_entropy
from smartagent.sdk import Fetched, KeysUnavailable, TokenKeyUnknown, Verifier
from smartagent.sdk.jwks import parse_jwks, parse_life
from tests.unit.sdk.fakes import AUDIENCE, ISSUER, JWKS_URL, METADATA_URL, FakeIssuer

KEY = SigningKey.generate(system_entropy)
OTHER = SigningKey.generate(system_entropy)
ENTRY = {**KEY.public.jwk(), "kid": "one"}
RSA = {"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB", "alg": "RS256"}


def jwks(*entries):
    return json.dumps({"keys": entries}).encode()


@pytest.fixture
def issuer():
    return FakeIssuer()


@pytest.mark.parametrize(
    "odd",
    [
        RSA,
        {"kty": "EC", "crv": "P-256", "kid": "ec", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "Ed448", "kid": "ed448", "x": "AA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AA"},
        {"kty": "future", "kid": "f", "new": [{"deep": {}}]},
        {**OTHER.public.jwk(), "kid": "private", "d": "AA"},
        {**OTHER.public.jwk(), "kid": "enc", "use": "enc"},
        {**OTHER.public.jwk(), "kid": "ops", "key_ops": ["sign"]},
        {**OTHER.public.jwk(), "kid": "ops", "key_ops": "verify"},
        {**OTHER.public.jwk(), "kid": "alg", "alg": "ES256"},
        {**OTHER.public.jwk(), "kid": "alg", "alg": 5},
        {**OTHER.public.jwk(), "kid": "alg", "alg": ["EdDSA"]},
        {**OTHER.public.jwk(), "kid": ""},
        {**OTHER.public.jwk(), "kid": 5},
        OTHER.public.jwk(),
        {"kty": "OKP", "crv": "Ed25519", "kid": "small", "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
        {},
        [],
        None,
        5,
        "key",
    ],
)
def test_a_key_that_cannot_be_used_is_left_out_and_spoils_nothing(odd):
    assert set(parse_jwks(jwks(odd, ENTRY, odd))) == {"one"}


def test_the_algorithm_is_pinned_where_the_issuer_pins_it():
    assert parse_jwks(jwks(ENTRY))["one"].algorithms == {"EdDSA", "Ed25519"}
    assert parse_jwks(jwks({**ENTRY, "alg": "Ed25519"}))["one"].algorithms == {"Ed25519"}
    assert parse_jwks(jwks({**ENTRY, "key_ops": ["verify"], "use": "sig"}))["one"].key == KEY.public


def test_two_keys_of_one_name_are_both_left_out():
    clash = {**OTHER.public.jwk(), "kid": "one"}

    assert parse_jwks(jwks(ENTRY, clash)) == {}
    assert parse_jwks(jwks(ENTRY, clash, ENTRY)) == {}
    assert set(parse_jwks(jwks(ENTRY, ENTRY))) == {"one"}


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"keys":{}}', b'{"keys":5}', b"<html>", b'{"keys":[],"keys":[]}']
)
def test_what_is_no_key_set_is_refused(body):
    with pytest.raises(KeysUnavailable):
        parse_jwks(body)


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("", 300),
        ("max-age=3600", 3600),
        ("public, max-age=3600", 3600),
        ("Public, Max-Age=900, must-revalidate", 900),
        ("s-maxage=5", 300),
        ("no-store", 300),
        ("max-age=0", 60),
        ("max-age=5", 60),
        ("max-age=999999999", 86_400),
        ("max-age=-5", 300),
        ("max-age=99999999999999999999", 300),
        ("max-age=abc", 300),
    ],
)
def test_the_life_of_the_keys_is_the_issuers_word_within_bounds(cache_control, seconds):
    assert parse_life(cache_control) == seconds


async def test_the_metadata_says_where_the_keys_are(issuer):
    elsewhere = f"{ISSUER}/keys"
    issuer.documents[METADATA_URL] = Fetched(
        200, json.dumps({"issuer": ISSUER, "jwks_uri": elsewhere}).encode()
    )
    issuer.documents[elsewhere] = issuer.documents.pop(JWKS_URL)

    assert await issuer.verifier().verify(issuer.token())
    assert issuer.asked == [METADATA_URL, elsewhere]


async def test_an_issuer_without_metadata_has_its_keys_at_the_usual_place(issuer):
    del issuer.documents[METADATA_URL]

    assert await issuer.verifier().verify(issuer.token())
    assert issuer.asked == [METADATA_URL, JWKS_URL]


async def test_an_address_given_by_the_owner_is_used_as_it_is(issuer):
    issuer.documents["http://authority:8700/keys"] = issuer.documents[JWKS_URL]

    assert await issuer.verifier(jwks_url="http://authority:8700/keys").verify(issuer.token())
    assert issuer.asked == ["http://authority:8700/keys"]


async def test_an_issuer_with_a_path_has_its_metadata_before_the_path():
    issuer = FakeIssuer("https://auth.example/tenant")
    with pytest.raises(KeysUnavailable):
        await issuer.verifier().verify(issuer.token())

    assert issuer.asked == [
        "https://auth.example/.well-known/oauth-authorization-server/tenant",
        "https://auth.example/tenant/.well-known/jwks.json",
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        Fetched(200, b"{}"),
        Fetched(200, b"nonsense"),
        Fetched(200, b"[]"),
        Fetched(200, json.dumps({"issuer": "https://evil.example", "jwks_uri": JWKS_URL}).encode()),
        Fetched(200, json.dumps({"issuer": ISSUER}).encode()),
        Fetched(200, json.dumps({"issuer": ISSUER, "jwks_uri": "http://auth.example/keys"}).encode()),
        Fetched(200, json.dumps({"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}).encode()),
        Fetched(302, b""),
        Fetched(500, b""),
    ],
)
async def test_metadata_that_cannot_be_trusted_gives_no_keys(issuer, metadata):
    issuer.documents[METADATA_URL] = metadata

    with pytest.raises(KeysUnavailable):
        await issuer.verifier().verify(issuer.token())
    assert issuer.asked == [METADATA_URL]


@pytest.mark.parametrize(
    "answer", [Fetched(500, b""), Fetched(302, b""), Fetched(200, b"<html>"), Fetched(404, b"")]
)
async def test_without_keys_nobody_is_served(issuer, answer):
    issuer.documents[JWKS_URL] = answer

    with pytest.raises(KeysUnavailable):
        await issuer.verifier().verify(issuer.token())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
async def test_plain_http_is_for_this_machine_only(host):
    near = FakeIssuer(f"http://{host}:8700")
    with pytest.raises(KeysUnavailable):
        await near.verifier().verify(near.token())
    assert near.asked[0].startswith(f"http://{host}:8700/")

    far = FakeIssuer("http://auth.example")
    with pytest.raises(KeysUnavailable):
        await far.verifier().verify(far.token())
    assert far.asked == []


async def test_keys_are_fetched_once_for_many_tokens_at_once(issuer):
    issuer.gate = asyncio.Event()
    verifier = issuer.verifier()
    waiting = [asyncio.create_task(verifier.verify(issuer.token(jti=f"aat_{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    issuer.gate.set()

    assert len(await asyncio.gather(*waiting)) == 50
    assert issuer.jwks_fetches == 1


async def test_one_who_gives_up_does_not_take_the_others_along(issuer):
    issuer.gate = asyncio.Event()
    verifier = issuer.verifier()
    first = asyncio.create_task(verifier.verify(issuer.token()))
    second = asyncio.create_task(verifier.verify(issuer.token()))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    issuer.gate.set()

    assert await second
    assert first.cancelled()
    assert issuer.jwks_fetches == 1


async def test_a_new_key_is_found_but_made_up_ones_are_asked_for_once_a_minute(issuer):
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())
    issuer.rotate()
    made_up = [issuer.token_with_header(kid=f"made-up-{number}") for number in range(20)]

    for token in made_up:
        with pytest.raises(TokenKeyUnknown):
            await verifier.verify(token)
    assert issuer.jwks_fetches == 1

    issuer.entries.append(issuer.entry(issuer.key))
    issuer.publish()
    issuer.clock.advance(60)
    for token in made_up:
        with pytest.raises(TokenKeyUnknown):
            await verifier.verify(token)
    assert issuer.jwks_fetches == 2
    assert await verifier.verify(issuer.token())


async def test_keys_outlive_a_short_outage_but_not_a_long_one(issuer):
    verifier = issuer.verifier()
    token = issuer.token(exp=int(issuer.clock.now()) + 100_000)
    await verifier.verify(token)

    issuer.down = True
    issuer.clock.advance(3600)
    assert await verifier.verify(token)
    issuer.clock.advance(3599)
    assert await verifier.verify(token)
    issuer.clock.advance(1)
    with pytest.raises(KeysUnavailable):
        await verifier.verify(token)

    issuer.down = False
    issuer.clock.advance(5)
    assert await verifier.verify(token)


async def test_during_an_outage_the_issuer_is_asked_at_most_every_five_seconds(issuer):
    verifier = issuer.verifier()
    issuer.down = True
    for _ in range(10):
        with pytest.raises(KeysUnavailable):
            await verifier.verify(issuer.token())
    assert len(issuer.asked) == 1

    issuer.clock.advance(5)
    with pytest.raises(KeysUnavailable):
        await verifier.verify(issuer.token())
    assert len(issuer.asked) == 2


async def test_during_an_outage_callers_do_not_wait_for_the_issuer(issuer):
    verifier = issuer.verifier()
    token = issuer.token(exp=int(issuer.clock.now()) + 100_000)
    await verifier.verify(token)
    issuer.down = True
    issuer.clock.advance(3600)
    await verifier.verify(token)

    issuer.gate = asyncio.Event()
    issuer.clock.advance(5)
    assert await asyncio.wait_for(verifier.verify(token), 1)
    await asyncio.sleep(0)
    assert issuer.asked[-1] == METADATA_URL, "it is asked meanwhile"
    issuer.gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_foreign_fetch_may_fail_in_its_own_way(issuer):
    async def fetch(url):
        raise OSError("refused")

    verifier = Verifier(ISSUER, AUDIENCE, clock=issuer.clock, fetch=fetch)
    with pytest.raises(KeysUnavailable) as caught:
        await verifier.verify(issuer.token())
    assert isinstance(caught.value.__cause__, OSError)


async def test_keys_that_moved_are_found_after_a_failure(issuer):
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())
    elsewhere = f"{ISSUER}/keys"
    issuer.documents[METADATA_URL] = Fetched(
        200, json.dumps({"issuer": ISSUER, "jwks_uri": elsewhere}).encode()
    )
    issuer.documents[elsewhere] = issuer.documents.pop(JWKS_URL)

    issuer.clock.advance(3600)
    assert await verifier.verify(issuer.token())
    issuer.clock.advance(5)
    assert await verifier.verify(issuer.token(jti="aat_2"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert issuer.asked[-2:] == [METADATA_URL, elsewhere]
