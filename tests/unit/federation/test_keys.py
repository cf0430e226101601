# SPDX-License-Identifier: Apache-2.0
"""Other people's keys: when they are fetched, how long they are kept, which are believed."""

import asyncio

import pytest

from smartagent.crypto import b64u
from smartagent.federation import ForeignKeys, KeySource, KeysUnavailable, parse_key_set
from tests.unit.federation.fakes import (
    CONFIGURATION,
    KEYS_URL,
    OUTSIDE,
    RSA,
    FakeWeb,
    OutsideIssuer,
    ec_key,
    ed_key,
)
from tests.unit.identity.world import FakeClock

DIRECT = KeySource(OUTSIDE, KEYS_URL)
DISCOVERED = KeySource(OUTSIDE)


@pytest.fixture
def web():
    return FakeWeb()


@pytest.fixture
def idp(web):
    return OutsideIssuer(web)


@pytest.fixture
def clock():
    return FakeClock(1000.0)


@pytest.fixture
def keys(web, clock, idp):
    return ForeignKeys(web, clock)


async def found(keys, kid="rsa-1", source=DIRECT, alg="RS256"):
    return (await keys.find(source, kid, alg)).thumbprint


async def test_keys_are_fetched_once_for_many_tokens(keys, web):
    for _ in range(3):
        assert await found(keys) == RSA.public.thumbprint
    assert web.asked == [KEYS_URL]


async def test_discovery_finds_the_keys_of_the_very_issuer(keys, web):
    assert await found(keys, source=DISCOVERED) == RSA.public.thumbprint
    assert web.asked == [CONFIGURATION, KEYS_URL]


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": OUTSIDE + "/", "jwks_uri": KEYS_URL},
        {"issuer": "https://IDP.example", "jwks_uri": KEYS_URL},
        {"issuer": "https://other.example", "jwks_uri": KEYS_URL},
        {"jwks_uri": KEYS_URL},
        {"issuer": OUTSIDE},
        {"issuer": OUTSIDE, "jwks_uri": 7},
        [],
        b"{",
        b'{"issuer": "https://other.example", "issuer": "https://idp.example", "jwks_uri": "https://idp.example/keys"}',
    ],
)
async def test_a_document_of_another_issuer_is_not_believed(keys, web, document):
    web.publish(CONFIGURATION, document)
    with pytest.raises(KeysUnavailable):
        await found(keys, source=DISCOVERED)
    assert web.asked == [CONFIGURATION]


@pytest.mark.parametrize(
    ("max_age", "lives"), [(None, 300), (0, 60), (1, 60), (120, 120), (3600, 3600), (86_400, 3600)]
)
async def test_keys_are_kept_between_a_minute_and_an_hour(keys, web, idp, clock, max_age, lives):
    idp.publish(max_age=max_age)
    await found(keys)
    clock.at += lives - 0.5
    await found(keys)
    assert len(web.asked) == 1
    clock.at += 0.5
    await found(keys)
    assert len(web.asked) == 2


async def test_a_new_key_is_found_when_a_token_names_it(keys, web, idp, clock):
    await found(keys)
    idp.keys["ec-2"] = ec_key()
    idp.publish()
    clock.at += 60
    assert await found(keys, "ec-2", alg="ES256") == idp.keys["ec-2"].public.thumbprint
    assert len(web.asked) == 2


async def test_made_up_key_ids_do_not_make_us_ask_more_than_once_a_minute(keys, web, idp, clock):
    idp.publish(max_age=3600)
    await found(keys)
    for attempt in range(100):
        with pytest.raises(KeysUnavailable):
            await found(keys, f"made-up-{attempt}")
    assert len(web.asked) == 1
    clock.at += 60
    for attempt in range(100):
        with pytest.raises(KeysUnavailable):
            await found(keys, f"made-up-{attempt}")
    assert len(web.asked) == 2
    assert await found(keys) == RSA.public.thumbprint


async def test_a_key_that_was_withdrawn_is_gone_when_the_set_is_fetched_anew(keys, web, idp, clock):
    idp.keys["ed-1"] = ed_key()
    idp.publish()
    await found(keys, "ed-1", alg="EdDSA")
    del idp.keys["ed-1"]
    idp.publish()
    clock.at += 300
    with pytest.raises(KeysUnavailable):
        await found(keys, "ed-1", alg="EdDSA")


async def test_many_who_wait_share_one_request_and_one_who_leaves_does_not_end_it(keys, web):
    web.hold()
    waiting = [asyncio.create_task(found(keys)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    web.release()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [RSA.public.thumbprint] * 4
    assert web.asked == [KEYS_URL]


async def test_a_failure_is_remembered_for_seconds_only(keys, web, clock):
    web.failing = True
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await found(keys)
    assert len(web.asked) == 1
    web.failing = False
    clock.at += 5
    assert await found(keys) == RSA.public.thumbprint


async def test_keys_of_an_issuer_that_is_away_are_used_for_an_hour_and_no_longer(keys, web, idp, clock):
    await found(keys)
    web.failing = True
    clock.at += 300 + 3599
    assert await found(keys) == RSA.public.thumbprint
    # The second time nobody waits for the issuer that was away a moment ago.
    clock.at += 0.5
    assert await found(keys) == RSA.public.thumbprint
    clock.at += 0.5
    with pytest.raises(KeysUnavailable):
        await found(keys)
    web.failing = False
    clock.at += 5
    assert await found(keys) == RSA.public.thumbprint


async def test_while_an_issuer_is_away_known_keys_do_not_wait_for_it(keys, web, idp, clock):
    await found(keys)
    web.failing = True
    clock.at += 300
    await found(keys)
    clock.at += 5
    web.hold()
    assert await asyncio.wait_for(found(keys), 1) == RSA.public.thumbprint
    web.failing = False
    web.release()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_set_that_cannot_be_read_does_not_replace_the_one_that_could(keys, web, clock):
    await found(keys)
    clock.at += 300
    for broken in (b"not json", {"keys": 7}, [], {"nothing": []}, b'{"keys": [], "keys": []}'):
        web.publish(KEYS_URL, broken)
        assert await found(keys) == RSA.public.thumbprint
        clock.at += 5


async def test_forgetting_a_source_has_it_fetched_anew(keys, web):
    await found(keys)
    keys.forget(DIRECT)
    await found(keys)
    assert len(web.asked) == 2


async def test_the_same_key_id_of_two_issuers_names_two_keys(keys, web, idp):
    other = OutsideIssuer(web, "https://other.example", "https://other.example/keys")
    other.keys = {"rsa-1": ed_key()}
    other.publish()
    await found(keys)
    with pytest.raises(KeysUnavailable):
        await found(keys, source=KeySource(other.issuer, other.jwks_uri))
    key = await found(keys, source=KeySource(other.issuer, other.jwks_uri), alg="EdDSA")
    assert key == other.keys["rsa-1"].public.thumbprint


async def test_only_so_many_sources_are_remembered(web, clock):
    keys = ForeignKeys(web, clock)
    for number in range(1100):
        with pytest.raises(KeysUnavailable):
            await keys.find(
                KeySource(f"https://{number}.example", f"https://{number}.example/k"), "a", "RS256"
            )
    assert len(keys._sources) == 1024


def entry(**changes):
    return {**RSA.public.jwk(), "kid": "a", "use": "sig"} | changes


@pytest.mark.parametrize(
    "broken",
    [
        7, None, "key", [], {}, {"kty": "oct", "k": "c2VjcmV0", "kid": "a"}, {"kty": "OKP", "crv": "X25519", "x": "AA"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}, {"kty": "EC", "crv": "P-256", "x": b64u(b"\1" * 32), "y": b64u(b"\2" * 32)},
        entry(use="enc"), entry(key_ops=["encrypt"]), entry(key_ops="verify"), entry(alg="RS512"), entry(alg="HS256"),
        entry(alg="none"), entry(alg=7), entry(kid=7), entry(kid="k" * 257), entry(d="AQAB"), entry(n="AQAB"), entry(e="AQ"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_used_spoils_no_other(broken):
    usable = parse_key_set({"keys": [broken, entry(kid="good")]})
    assert [each.kid for each in usable.keys] == ["good"]


def test_a_key_is_for_the_algorithms_it_is_and_says():
    ed = {**ed_key().public.jwk(), "kid": "ed"}
    pinned = {**ed, "kid": "pinned", "alg": "Ed25519"}
    ec = {**ec_key().public.jwk(), "kid": "ec"}
    keys = parse_key_set({"keys": [ed, pinned, ec, entry()]})
    assert {each.kid: each.algorithms for each in keys.keys} == {
        "ed": {"EdDSA", "Ed25519"},
        "pinned": {"Ed25519"},
        "ec": {"ES256"},
        "a": {"RS256"},
    }
    assert keys.match("pinned", "EdDSA") is None
    assert keys.match("ec", "RS256") is None


def test_a_token_without_key_id_is_good_when_there_is_no_choice():
    one = parse_key_set({"keys": [entry(), {**ec_key().public.jwk(), "kid": "ec"}]})
    assert one.match("", "RS256") is not None
    two = parse_key_set(
        {"keys": [{**ec_key("1").public.jwk(), "kid": "1"}, {**ec_key("2").public.jwk(), "kid": "2"}]}
    )
    assert two.match("", "ES256") is None
    assert two.match("1", "ES256") is not None


def test_two_keys_of_one_name_and_algorithm_are_both_left_out():
    same = parse_key_set({"keys": [{**ec_key(seed).public.jwk(), "kid": "ec"} for seed in "ab"]})
    assert same.match("ec", "ES256") is None
    mixed = parse_key_set({"keys": [{**ec_key().public.jwk(), "kid": "a"}, entry()]})
    assert mixed.match("a", "ES256") is not None
    assert mixed.match("a", "RS256") is not None


def test_no_more_than_a_hundred_keys_are_read():
    assert len(parse_key_set({"keys": [entry(kid=str(n)) for n in range(150)]}).keys) == 100


async def test_a_set_that_is_too_long_is_refused(keys, web):
    web.publish(KEYS_URL, b" " * 262_145)
    with pytest.raises(KeysUnavailable, match="too long"):
        await found(keys)
