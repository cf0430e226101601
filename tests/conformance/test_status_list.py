# SPDX-License-Identifier: Apache-2.0
"""Status lists: the specification's own vectors, what we publish, and what the library believes."""

import json
import zlib

import pytest

from smartagent.crypto import b64u, parse_compact, unb64u
from smartagent.kernel import Algorithm
from smartagent.sdk import (
    RevocationUnknown,
    StatusListSource,
    StatusReference,
    TokenClaimsMalformed,
    TokenExpired,
)
from smartagent.sdk.statuslist import StatusList, inflated, value_at
from smartagent.signals.errors import StatusTimeUnsupported
from smartagent.signals.model import EntryState
from smartagent.signals.rules import compressed, put_state
from tests.unit.identity.world import ISSUER
from tests.unit.sdk.revocation_fakes import LIST_URI, ListIssuer, verified
from tests.unit.signals.world import SignalsWorld, header_of, payload_of

PATH = "/oauth/status/1"
ENTRIES = 1 << 20
# draft-ietf-oauth-status-list-21 appendix C: everything that is not named is 0.
ONE_BIT = {
    0: 1, 1993: 1, 25460: 1, 159495: 1, 495669: 1, 554353: 1, 645645: 1, 723232: 1, 854545: 1, 934534: 1,
    1000345: 1,
}  # fmt: skip
TWO_BITS = {
    0: 1, 1993: 2, 25460: 1, 159495: 3, 495669: 1, 554353: 1, 645645: 2, 723232: 1, 854545: 1, 934534: 2,
    1000345: 3,
}  # fmt: skip
FOUR_BITS = {
    0: 1, 1993: 2, 35460: 3, 459495: 4, 595669: 5, 754353: 6, 845645: 7, 923232: 8, 924445: 9, 934534: 10,
    1004534: 11, 1000345: 12, 1030203: 13, 1030204: 14, 1030205: 15,
}  # fmt: skip
LST_1 = (
    "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAA"
    "AJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb"
)
LST_2 = (
    "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEB5"
    "WwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAAAAAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAAAAAAAAAAAACoYUoA"
    "AAAAAAAAAAAAAEBqH81gAQw"
)
LST_4 = (
    "eNrt0EENgDAQADAIHwImkIIEJEwCUpCEBBQRHOy35Li1EjoOQGabAgAAAAAAAAAAAAAAAAAAACC1SQEAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABADrsCAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADoxaEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIIoCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAACArpwKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGhqVkAzlwIAAAAAiGVRAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAABx3AoAgLpVAQAAAAAAAAAAAAAAwM89rwMAAAAAAAAAAAjsA9xMBMA"
)


@pytest.fixture
async def world():
    world = await SignalsWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def bot(world, ada):
    bot = await world.agent(ada)
    await world.settle()
    return bot


@pytest.fixture
def issuer():
    return ListIssuer()


def source(issuer, **options):
    return StatusListSource(ISSUER, clock=issuer.clock, fetch=issuer, fetch_keys=issuer, **options)


def at(idx, uri=LIST_URI):
    return verified(status=StatusReference(uri, idx))


def packed_of(values, bits):
    packed = bytearray(ENTRIES * bits // 8)
    for idx, value in values.items():
        packed[idx * bits // 8] |= value << idx * bits % 8
    return packed


@pytest.mark.requirement("TSL-11.1-1", "TSL-4.1-2", "TSL-4.1-1", "TSL-4.2-1")
@pytest.mark.parametrize(
    ("lst", "bits", "values"), [(LST_1, 1, ONE_BIT), (LST_2, 2, TWO_BITS), (LST_4, 4, FOUR_BITS)]
)
def test_the_vectors_of_the_specification_are_read_as_they_say(lst, bits, values):
    packed = inflated(StatusList(bits, lst))

    assert len(packed) == ENTRIES * bits // 8
    assert {idx: value_at(packed, bits, idx) for idx in values} == values
    assert packed == packed_of(values, bits)


@pytest.mark.requirement("TSL-4.1-1", "TSL-7-1")
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_every_width_that_there_is_can_be_read(bits):
    values = {idx: value & (1 << bits) - 1 for idx, value in FOUR_BITS.items()}
    lst = b64u(zlib.compress(packed_of(values, bits), 9))

    packed = inflated(StatusList(bits, lst))

    assert {idx: value_at(packed, bits, idx) for idx in values} == values


@pytest.mark.requirement("TSL-4.1-2", "TSL-4.1-3", "TSL-4.1-4", "TSL-11.1-1")
def test_our_packing_gives_the_bytes_of_the_examples():
    packed = bytearray(3)
    for idx, value in enumerate([1, 2, 0, 0, 0, 1, 0, 1, 1, 2, 0, 0]):
        put_state(packed, idx, EntryState(value))

    # The example's fourth and last two values are 3, which we never publish.
    assert packed == bytes([0xC9 & 0x3F, 0x44, 0xF9 & 0x0F])
    assert compressed(bytes([0xC9, 0x44, 0xF9])).hex() == "78da3be9f2130003df0207"
    assert compressed(bytes([0xB9, 0xA3])).hex() == "78dadbb918000217015d"


@pytest.mark.requirement(
    "TSL-5.1-1", "TSL-5.1-2", "TSL-5.1-3", "TSL-5.1-4", "TSL-5.1-5", "TSL-4.2-1", "TSL-4.2-2"
)
async def test_our_list_token_has_every_claim_that_is_asked_for(world, bot):
    token = (await world.page(PATH)).body.decode()
    claims = payload_of(token)

    assert header_of(token)["typ"] == "statuslist+jwt"
    assert claims["sub"] == world.signals.lists.reference(bot.id)[0]
    assert claims["iat"] == int(world.clock.now()) < claims["exp"]
    assert claims["ttl"] > 0
    assert claims["status_list"].keys() == {"bits", "lst", "aggregation_uri"}
    assert "=" not in claims["status_list"]["lst"]


@pytest.mark.requirement("TSL-5.1-6")
async def test_our_list_token_is_signed_with_a_published_key(world, bot):
    token = (await world.page(PATH)).body.decode()
    jws = parse_compact(token, 1 << 18)

    key = world.tokens.rings.verifier(jws.header.kid)

    assert jws.header.alg == Algorithm.EDDSA
    assert json.loads(jws.verified_payload(key))["sub"]


@pytest.mark.requirement("TSL-5.1-6", "TSL-8.3-6")
async def test_a_list_whose_signature_does_not_hold_is_not_believed(issuer):
    body = issuer.documents[LIST_URI].body
    issuer.serve(body=body[:-6] + b"AAAAAA")

    with pytest.raises(RevocationUnknown):
        await source(issuer).is_revoked(at(1), "")


@pytest.mark.requirement("TSL-6.2-1")
@pytest.mark.parametrize(
    "reference", [{"idx": -1, "uri": LIST_URI}, {"idx": 0.5, "uri": LIST_URI}, {"idx": 1}]
)
async def test_a_reference_that_is_none_makes_the_token_malformed(issuer, reference):
    with pytest.raises(TokenClaimsMalformed):
        await issuer.verifier().verify(issuer.token(status={"status_list": reference}))


@pytest.mark.requirement("TSL-6.2-1")
async def test_an_agents_token_can_refer_to_its_entry(world, bot):
    reference = world.signals.lists.status_of(bot.id).status_list

    assert reference.idx >= 0
    assert reference.uri == ISSUER + PATH


@pytest.mark.requirement("TSL-7.1-1")
async def test_what_becomes_of_an_agent_stands_in_its_list(world, ada, bot):
    idx = world.signals.lists.reference(bot.id)[1]

    async def value():
        status_list = payload_of((await world.page(PATH)).body.decode())["status_list"]
        return value_at(inflated(StatusList(2, status_list["lst"])), 2, idx)

    assert await value() == 0
    await world.set_status(ada, bot, "suspended")
    assert await value() == 2
    await world.set_status(ada, bot, "active")
    await world.revoke(ada, "agent", bot.id)
    assert await value() == 1
    await world.set_status(ada, bot, "active")
    assert await value() == 1


@pytest.mark.requirement("TSL-7.1-1")
@pytest.mark.parametrize(("value", "revoked"), [(0, False), (1, True), (2, True), (3, True)])
async def test_whoever_is_not_valid_is_not_served(issuer, value, revoked):
    issuer.values = {9: value}
    issuer.serve()

    assert await source(issuer).is_revoked(at(9), "") is revoked


@pytest.mark.requirement("TSL-8.1-1", "TSL-8.1-2", "TSL-8.2-1", "TSL-8.2-2")
async def test_a_list_is_had_by_get_from_where_tokens_say(world, bot):
    uri, _ = world.signals.lists.reference(bot.id)

    reply = await world.page(uri.removeprefix(ISSUER), accept="application/statuslist+jwt")

    headers = dict(reply.headers)
    assert (reply.status, reply.media_type) == (200, "application/statuslist+jwt")
    assert reply.body.count(b".") == 2
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cache-control"] == f"public, max-age={payload_of(reply.body.decode())['ttl']}"


@pytest.mark.requirement("TSL-8.3-1")
async def test_a_token_that_does_not_hold_causes_no_fetch(issuer):
    expired = issuer.token(exp=1_700_000_000, status={"status_list": {"idx": 1, "uri": LIST_URI}})

    with pytest.raises(TokenExpired):
        await issuer.verifier(check_revocation=source(issuer)).verify(expired)

    assert issuer.list_fetches == 0


@pytest.mark.requirement("TSL-8.3-2", "TSL-8.3-6")
async def test_a_list_about_another_uri_is_not_believed(issuer):
    issuer.serve(sub=f"{ISSUER}/oauth/status/2")

    with pytest.raises(RevocationUnknown):
        await source(issuer).is_revoked(at(1), "")


@pytest.mark.requirement("TSL-8.3-3")
async def test_a_list_past_its_time_is_not_believed(issuer):
    issuer.serve(exp=int(issuer.clock.now()))

    with pytest.raises(RevocationUnknown):
        await source(issuer).is_revoked(at(1), "")


@pytest.mark.requirement("TSL-8.3-4", "TSL-8.2-2")
async def test_a_list_is_looked_at_again_after_its_ttl_whatever_the_headers_say(issuer):
    lists = source(issuer)
    await lists.is_revoked(at(1), "")
    issuer.clock.advance(60)

    await lists.is_revoked(at(1), "")

    assert issuer.list_fetches == 2


@pytest.mark.requirement("TSL-11.5-1")
@pytest.mark.parametrize(("ttl", "fetches"), [(1, 2), (10**12, 1)])
async def test_a_ttl_out_of_reason_is_bounded(issuer, ttl, fetches):
    issuer.serve(ttl=ttl, exp=None)
    lists = source(issuer, max_staleness_seconds=1e9)
    for _ in range(10):
        await lists.is_revoked(at(1), "")
    issuer.clock.advance(1)
    await lists.is_revoked(at(1), "")
    assert issuer.list_fetches == fetches

    issuer.clock.advance(86_400)
    await lists.is_revoked(at(1), "")

    assert issuer.list_fetches == fetches + 1


@pytest.mark.requirement("TSL-8.3-5")
async def test_an_index_out_of_bounds_is_refused(issuer):
    with pytest.raises(TokenClaimsMalformed):
        await source(issuer).is_revoked(at(issuer.size), "")


@pytest.mark.requirement("TSL-8.4-1")
async def test_earlier_states_are_not_had(world, bot):
    with pytest.raises(StatusTimeUnsupported) as caught:
        await world.page(PATH, "time=1686925000")

    assert caught.value.kind.value == "not-implemented"


@pytest.mark.requirement("TSL-9-1", "TSL-9.3-1")
async def test_all_lists_stand_in_one_document(world, bot):
    reply = await world.page("/oauth/status-lists")

    assert reply.media_type == "application/json"
    assert reply.body == {"status_lists": [ISSUER + PATH]}


@pytest.mark.requirement("TSL-13.3-1")
async def test_nodes_that_give_entries_at_once_give_each_index_once(world, ada):
    other = await world.another_node("two").start()
    bots = [await world.agent(ada) for _ in range(20)]
    for node in (world, other):
        await node.signals.watch.catch_up()
    # All of them throw the same few numbers.
    world.dice.loaded, other.dice.loaded = list(range(20)), list(range(20))

    await world.signals.tend()
    await other.signals.tend()

    rows = world.store._connection.execute("SELECT list, idx FROM status_entries").fetchall()
    places = {world.signals.lists.reference(bot.id) for bot in bots}
    assert len(set(rows)) == len(rows) == len(places) == 20
    assert places == {other.signals.lists.reference(bot.id) for bot in bots}


@pytest.mark.requirement("TSL-13.3-2")
async def test_a_list_with_one_agent_looks_like_one_with_many(world, ada, bot):
    def lst(page):
        return payload_of(page.body.decode())["status_list"]["lst"]

    before = lst(await world.page(PATH))
    for _ in range(5):
        await world.agent(ada)
    await world.settle()
    world.clock.at += 60

    assert lst(await world.page(PATH)) == before
    assert set(zlib.decompress(unb64u(before))) == {0}
