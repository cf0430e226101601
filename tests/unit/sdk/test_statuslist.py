# SPDX-License-Identifier: Apache-2.0
"""Status lists, read by a service that trusts nothing that it was not promised."""

import asyncio
import zlib

import pytest

from smartagent.crypto import SigningKey, b64u, system_entropy
from smartagent.sdk import (
    KeysUnavailable,
    RevocationUnknown,
    StatusListSource,
    StatusReference,
    TokenClaimsMalformed,
    TokenRevoked,
)
from smartagent.sdk.statuslist import MAX_LIST_BYTES, StatusList, inflated, value_at
from tests.unit.sdk.fakes import ISSUER, JWKS_URL
from tests.unit.sdk.revocation_fakes import LIST_URI, ListIssuer, verified


@pytest.fixture
def issuer():
    return ListIssuer()


def source(issuer, **options):
    return StatusListSource(ISSUER, clock=issuer.clock, fetch=issuer, fetch_keys=issuer, **options)


def at(idx, uri=LIST_URI):
    return verified(status=StatusReference(uri, idx))


@pytest.mark.parametrize(("value", "revoked"), [(0, False), (1, True), (2, True), (3, True)])
async def test_only_a_valid_holder_passes(issuer, value, revoked):
    issuer.values = {41: value}
    issuer.serve()
    lists = source(issuer)

    assert await lists.is_revoked(at(41), "") is revoked
    assert lists.known(at(41)) is revoked
    assert await lists.is_revoked(at(40), "") is False
    assert await lists.is_revoked(at(42), "") is False
    assert issuer.list_fetches == 1


async def test_a_verifier_refuses_the_token_of_a_revoked_agent(issuer):
    issuer.values = {5: 1}
    issuer.serve()
    verifier = issuer.verifier(check_revocation=source(issuer))

    with pytest.raises(TokenRevoked):
        await verifier.verify(issuer.token(status={"status_list": {"idx": 5, "uri": LIST_URI}}))
    assert await verifier.verify(issuer.token(status={"status_list": {"idx": 6, "uri": LIST_URI}}))


@pytest.mark.parametrize("idx", [1000, 1001, 2**40])
async def test_an_index_past_the_lists_end_is_refused(issuer, idx):
    lists = source(issuer)

    with pytest.raises(TokenClaimsMalformed):
        await lists.is_revoked(at(idx), "")
    assert lists.known(at(idx)) is None
    assert lists.known(at(999)) is False


async def test_a_list_is_fetched_again_when_its_time_to_live_is_over(issuer):
    lists = source(issuer)
    assert await lists.is_revoked(at(7), "") is False
    issuer.values = {7: 1}
    issuer.clock.advance(59)
    issuer.serve()
    assert lists.known(at(7)) is False

    issuer.clock.advance(1)

    assert lists.known(at(7)) is None
    assert await lists.is_revoked(at(7), "") is True
    assert issuer.list_fetches == 2


async def test_a_list_that_cannot_be_had_again_is_believed_for_so_long_and_no_longer(issuer):
    lists = source(issuer, max_staleness_seconds=300)
    await lists.is_revoked(at(7), "")
    issuer.down = True
    issuer.clock.advance(300)

    assert await lists.is_revoked(at(7), "") is False
    assert lists.staleness_seconds(LIST_URI) == 300
    issuer.clock.advance(1)
    with pytest.raises(RevocationUnknown):
        await lists.is_revoked(at(7), "")
    issuer.down = False
    issuer.serve()
    issuer.clock.advance(1)
    assert await lists.is_revoked(at(7), "") is False


async def test_age_counts_from_when_the_issuer_signed_not_from_when_a_cache_gave_it(issuer):
    issuer.serve(iat=int(issuer.clock.now()) - 301)

    with pytest.raises(RevocationUnknown):
        await source(issuer, max_staleness_seconds=300).is_revoked(at(7), "")


async def test_a_list_that_has_expired_is_not_believed_however_patient_one_is(issuer):
    lists = source(issuer, max_staleness_seconds=100_000)
    await lists.is_revoked(at(7), "")
    issuer.down = True
    issuer.clock.advance(3600)

    with pytest.raises(RevocationUnknown):
        await lists.is_revoked(at(7), "")


async def test_an_older_list_does_not_replace_a_newer_one(issuer):
    issuer.values = {7: 1}
    issuer.serve()
    lists = source(issuer)
    assert await lists.is_revoked(at(7), "") is True
    issuer.values = {}
    issuer.clock.advance(60)
    issuer.serve(iat=int(issuer.clock.now()) - 61)

    assert await lists.is_revoked(at(7), "") is True


async def test_many_who_wait_cause_one_request(issuer):
    issuer.gate = asyncio.Event()
    lists = source(issuer)
    asking = [asyncio.create_task(lists.is_revoked(at(idx), "")) for idx in range(20)]
    await asyncio.sleep(0)
    issuer.gate.set()

    assert await asyncio.gather(*asking) == [False] * 20
    assert issuer.list_fetches == 1


async def test_a_list_that_cannot_be_had_is_asked_for_once_a_second(issuer):
    issuer.down = True
    lists = source(issuer)
    for _ in range(5):
        with pytest.raises(RevocationUnknown):
            await lists.is_revoked(at(7), "")
    assert issuer.list_fetches == 1

    issuer.clock.advance(1)
    with pytest.raises(RevocationUnknown):
        await lists.is_revoked(at(7), "")

    assert issuer.list_fetches == 2


@pytest.mark.parametrize(
    "served",
    [
        {"sub": f"{LIST_URI}0"},
        {"sub": None},
        {"iss": "https://other.example"},
        {"iat": None},
        {"iat": 2_000_000_000},
        {"exp": 1_800_000_000},
        {"ttl": 0},
        {"ttl": "60"},
        {"typ": "at+jwt"},
        {"typ": "JWT"},
        {"status": 404},
        {"status": 302},
        {"body": b"not a token"},
        {"body": b"\xff"},
        {"status_list": None},
        {"status_list": {"bits": 3, "lst": "eNrbuRgAAhcBXQ"}},
        {"status_list": {"bits": 2}},
        {"status_list": {"bits": 2, "lst": "eNrbuRgAAhcBXQ=="}},
        {"status_list": {"bits": 2, "lst": "AAAA"}},
        {"status_list": {"bits": 2, "lst": b64u(zlib.compress(b"\0" * 9)[:-3])}},
        {"status_list": {"bits": 2, "lst": b64u(zlib.compress(b"\0" * 9) + b"more")}},
        {"status_list": {"bits": 2, "lst": b64u(zlib.compress(b"\0" * (MAX_LIST_BYTES + 1)))}},
    ],
)
async def test_a_list_token_that_is_not_as_it_must_be_says_nothing(issuer, served):
    issuer.serve(**served)

    with pytest.raises(RevocationUnknown):
        await source(issuer).is_revoked(at(0), "")


@pytest.mark.parametrize(
    "served", [{"exp": None}, {"ttl": None}, {"iss": ISSUER}, {"typ": "application/statuslist+jwt"}]
)
async def test_what_is_only_recommended_may_be_missing(issuer, served):
    issuer.serve(**served)

    assert await source(issuer).is_revoked(at(0), "") is False


async def test_a_list_by_a_key_that_the_issuer_does_not_publish_says_nothing(issuer):
    issuer.key = SigningKey.generate(system_entropy)
    issuer.serve()

    with pytest.raises(RevocationUnknown):
        await source(issuer).is_revoked(at(0), "")


async def test_lists_are_forgotten_when_a_key_is_withdrawn(issuer):
    lists = source(issuer, jwks_url=JWKS_URL)
    await lists.is_revoked(at(0), "")
    issuer.rotate()
    issuer.entries = [issuer.entry(issuer.key)]
    issuer.publish()
    issuer.clock.advance(3600)
    issuer.serve()

    assert await lists.is_revoked(at(0), "") is False
    assert issuer.jwks_fetches == 2


@pytest.mark.parametrize(
    "uri", ["https://other.example/list", f"{ISSUER}.evil.example/l", ISSUER, "http://auth.example/x"]
)
async def test_a_list_that_lies_elsewhere_is_not_fetched(issuer, uri):
    with pytest.raises(TokenClaimsMalformed):
        await source(issuer).is_revoked(at(0, uri), "")

    assert issuer.asked == []


async def test_a_token_without_a_reference_passes_unless_one_is_required(issuer):
    lists, strict = source(issuer), source(issuer, required=True)

    assert lists.known(verified()) is False
    assert await lists.is_revoked(verified(), "") is False
    assert strict.known(verified()) is None
    with pytest.raises(TokenClaimsMalformed):
        await strict.is_revoked(verified(), "")


async def test_whatever_a_foreign_fetch_raises_nobody_is_served(issuer):
    async def broken(url):
        raise ZeroDivisionError

    lists = StatusListSource(ISSUER, clock=issuer.clock, fetch=broken, fetch_keys=issuer)

    with pytest.raises(RevocationUnknown):
        await lists.is_revoked(at(0), "")


async def test_lists_are_bounded_in_number(issuer):
    lists = source(issuer)
    for number in range(300):
        uri = f"{ISSUER}/oauth/status/{number}"
        issuer.serve(uri=uri)
        await lists.is_revoked(at(0, uri), "")

    assert len(lists._lists) <= 256


def test_a_bomb_is_not_inflated_beyond_the_bound():
    bomb = zlib.compress(b"\0" * 50_000_000, 9)

    with pytest.raises(RevocationUnknown):
        inflated(StatusList(2, b64u(bomb)))
    whole = zlib.compress(b"\1" * MAX_LIST_BYTES, 9)
    assert len(inflated(StatusList(2, b64u(whole)))) == MAX_LIST_BYTES


@pytest.mark.parametrize(
    ("packed", "bits", "values"),
    [
        (bytes([0xB9, 0xA3]), 1, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
        (bytes([0xC9, 0x44, 0xF9]), 2, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
        (bytes([0xA5]), 4, [5, 10]),
        (bytes([7, 255]), 8, [7, 255]),
    ],
)
def test_every_width_is_read_from_the_lowest_bit(packed, bits, values):
    assert [value_at(packed, bits, idx) for idx in range(len(values))] == values
    with pytest.raises(IndexError):
        value_at(packed, bits, len(values))


async def test_keys_that_cannot_be_had_leave_the_list_unknown(issuer):
    async def no_keys(url):
        raise KeysUnavailable("down")

    lists = StatusListSource(ISSUER, clock=issuer.clock, fetch=issuer, fetch_keys=no_keys)

    with pytest.raises(RevocationUnknown):
        await lists.is_revoked(at(0), "")
