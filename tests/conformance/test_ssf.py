# SPDX-License-Identifier: Apache-2.0
"""Security events: streams, their delivery by push and poll, and receiving them."""

import asyncio
import json

import pytest

from smartagent.crypto import ASYMMETRIC, JwsSigner, RsaPublicKey, parse_compact
from smartagent.edge import well_known_path
from smartagent.federation import FetchFailed
from smartagent.kernel import Algorithm
from smartagent.sdk import SetReceiver
from smartagent.signals import Bounds
from smartagent.signals.manage import MOST_STREAMS
from smartagent.signals.transmit import KEPT_SECONDS, MOST_HELD
from tests.unit.identity.world import ISSUER
from tests.unit.sdk.fakes import START, FakeIssuer
from tests.unit.signals.world import ENDPOINT, SignalsWorld, header_of, payload_of, turns

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
REVOKED, CHANGED = CAEP + "session-revoked", CAEP + "credential-change"
STREAMS = "/v1/ssf/streams"
SESSION = "ses_00000000000000000000000001"


@pytest.fixture
async def world():
    world = await SignalsWorld().start()
    yield world
    await world.signals.transmitter.stop()
    world.store.close()


@pytest.fixture
async def bot(world, ada):
    bot = await world.agent(ada)
    await world.settle()
    return bot


@pytest.fixture
async def party(world, ada):
    party = await world.party(ada)
    await world.settle()
    return party


# --- the tokens ---------------------------------------------------------------------------------


@pytest.mark.requirement(
    "RFC8417-2.2-1", "RFC8417-2.3-1", "SSF-4.1.1-1", "SSF-4.1.3-1", "SSF-4.1.6-1", "SSF-4.1.7-1", "SSF-4.2.1-1",
    "CAEP-3.1-1", "CAEP-Interop-3.1",
)  # fmt: skip
async def test_a_revoked_session_is_one_event_of_the_exact_shape(world, ada, party):
    stream = await party.pushed()
    await world.revoke(ada, "session", SESSION)

    (token,) = [sent for _, _, sent in world.receiver.sent]
    claims = payload_of(token)
    assert header_of(token)["typ"] == "secevent+jwt"
    assert claims.keys() == {"iss", "iat", "jti", "aud", "txn", "sub_id", "events"}
    assert (claims["iss"], claims["aud"]) == (stream["iss"], stream["aud"])
    assert claims["events"].keys() == {REVOKED}
    said = claims["events"][REVOKED]
    assert said["event_timestamp"] == START
    assert all(said["reason_admin"].values())


@pytest.mark.requirement("RFC8417-2.2-2", "RFC8935-2.1-1")
async def test_an_event_that_is_sent_again_is_the_same_event(world, ada, party):
    await party.pushed()
    world.receiver.fails(2)
    await world.revoke(ada, "session", SESSION)
    for _ in range(2):
        world.clock.at += 10
        await world.settle()
    await world.revoke(ada, "token", "aat_00000000000000000000000001")

    first, second, third, other = world.receiver.claims
    assert first == second == third
    assert other["jti"] != first["jti"]


@pytest.mark.requirement("SSF-3.4-1", "SSF-4.1.9-1", "CAEP-3.3-1")
async def test_subjects_have_known_formats_and_causes_are_named(world, ada, bot, party):
    await party.pushed()
    await world.revoke(ada, "session", SESSION)
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    await world.set_status(ada, bot, "suspended")

    formats = [claims["sub_id"]["format"] for claims in world.receiver.claims]
    assert formats == ["opaque", "jwt_id", "iss_sub", "iss_sub"]
    txns = [claims["txn"] for claims in world.receiver.claims]
    assert txns[2] == txns[3]
    assert len(set(txns)) == 3
    said = world.receiver.claims[-1]["events"][CHANGED]
    assert (said["credential_type"], said["change_type"]) == ("key", "revoke")
    assert said["reason_admin"]["en"]


@pytest.mark.requirement("CAEP-Interop-2.6")
async def test_events_are_signed_with_rsa_unless_the_house_says_otherwise():
    world = await SignalsWorld(bounds=Bounds()).start()
    ada = await world.operator()
    party = await world.party(ada)
    await world.settle()
    await party.pushed()

    await world.revoke(ada, "session", SESSION)

    ((_, _, token),) = world.receiver.sent
    jws = parse_compact(token, algorithms=ASYMMETRIC)
    key = world.tokens.rings.verifier(jws.header.kid)
    assert jws.header.alg == Algorithm.RS256
    assert isinstance(key, RsaPublicKey)
    assert json.loads(jws.verified_payload(key))["jti"]
    world.store.close()


# --- the configuration ----------------------------------------------------------------------------


@pytest.mark.requirement("SSF-7.1-1", "SSF-7.1-2", "SSF-7.2-1", "CAEP-Interop-2.3.1", "CAEP-Interop-2.3.7")
async def test_the_configuration_is_where_receivers_look(world):
    reply = await world.page("/.well-known/ssf-configuration")
    document = json.loads(reply.body)

    assert (reply.status, reply.media_type) == (200, "application/json")
    assert document["issuer"] == ISSUER
    assert document["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert document["spec_version"] == "1_0"
    assert {"spec_urn": "urn:ietf:rfc:6749"} in document["authorization_schemes"]
    assert (
        well_known_path("/.well-known/ssf-configuration", "https://a.example/one/")
        == "/.well-known/ssf-configuration/one"
    )


# --- the streams ----------------------------------------------------------------------------------


@pytest.mark.requirement("SSF-8-1")
async def test_who_is_not_known_or_not_allowed_manages_nothing(world, ada, party):
    weak = await world.party(ada, scope="revocations.follow")

    assert (await world.call("GET", STREAMS))[0] == 401
    assert (await weak.call("GET", STREAMS))[0] == 403
    assert (await party.call("GET", STREAMS))[0] == 200


@pytest.mark.requirement("SSF-8.1.1.1-1", "SSF-8.1.1.1-2", "SSF-8.1.1-1")
async def test_a_stream_is_created_with_what_was_asked_and_what_we_supply(world, party):
    status, view = await party.call("POST", STREAMS, {"events_requested": [REVOKED, "urn:unknown"]})
    other = await party.stream()

    assert status == 201
    assert view["stream_id"] != other["stream_id"]
    assert view["events_delivered"] == [REVOKED]
    assert view["delivery"]["method"] == "urn:ietf:rfc:8936"
    assert view["delivery"]["endpoint_url"].startswith(ISSUER)


@pytest.mark.requirement("SSF-8.1.1.2-1", "SSF-8.1.1.2-2", "SSF-8-1")
async def test_a_receiver_sees_its_own_streams_only(world, ada, party):
    assert await party.call("GET", STREAMS) == (200, [])
    other = await world.party(ada)
    theirs = await other.stream()

    assert await party.call("GET", STREAMS) == (200, [])
    assert (await party.call("GET", f"{STREAMS}?stream_id={theirs['stream_id']}"))[0] == 404
    assert await other.call("GET", STREAMS) == (200, [theirs])
    assert MOST_STREAMS >= 1


@pytest.mark.requirement("SSF-8.1.1.3-1", "SSF-8.1.1.3-2", "SSF-8.1.1.4-1")
async def test_updating_and_replacing_differ_in_what_is_not_named(world, party):
    view = await party.pushed()
    named = {"stream_id": view["stream_id"], "description": "d"}

    updated = (await party.call("PATCH", STREAMS, named))[1]
    assert updated == {**view, "description": "d"}
    assert (await party.call("PATCH", STREAMS, {**named, "iss": "https://other.example"}))[0] == 400
    replaced = (await party.call("PUT", STREAMS, {**named, "aud": party.id}))[1]

    assert replaced["description"] == "d"
    assert replaced["delivery"]["method"] == "urn:ietf:rfc:8936"


@pytest.mark.requirement("SSF-8.1.1.5-1")
async def test_nothing_follows_after_a_stream_was_deleted(world, ada, party):
    view = await party.pushed()

    assert (await party.call("DELETE", f"{STREAMS}?stream_id={view['stream_id']}"))[0] == 204
    await world.revoke(ada, "session", SESSION)

    assert world.receiver.sent == []


@pytest.mark.requirement("SSF-8.1.2.1-1", "SSF-8.1.2.2-1")
async def test_a_paused_stream_holds_its_events_in_order(world, ada, party):
    stream_id = (await party.pushed())["stream_id"]
    paused = {"stream_id": stream_id, "status": "paused", "reason": "r"}
    assert await party.call("POST", "/v1/ssf/status", paused) == (200, paused)
    for number in (1, 2):
        await world.revoke(ada, "token", f"aat_{number:026}")
    assert world.receiver.sent == []

    await party.call("POST", "/v1/ssf/status", {"stream_id": stream_id, "status": "enabled"})
    await world.settle()

    assert [claims["sub_id"]["jti"][-1] for claims in world.receiver.claims] == ["1", "2"]


@pytest.mark.requirement("SSF-8.1.2.1-2")
async def test_a_disabled_stream_holds_nothing(world, ada, party):
    stream_id = (await party.pushed())["stream_id"]
    await party.call("POST", "/v1/ssf/status", {"stream_id": stream_id, "status": "disabled"})
    await world.revoke(ada, "session", SESSION)
    await party.call("POST", "/v1/ssf/status", {"stream_id": stream_id, "status": "enabled"})
    await world.settle()

    assert world.receiver.sent == []


@pytest.mark.requirement("SSF-8.1.3.2-1")
async def test_subjects_are_taken_out_and_in_again(world, ada, party):
    stream_id = (await party.pushed())["stream_id"]
    body = {"stream_id": stream_id, "subject": {"format": "opaque", "id": SESSION}}

    assert await party.call("POST", "/v1/ssf/subjects/remove", body) == (204, None)
    await world.revoke(ada, "session", SESSION)
    assert world.receiver.sent == []
    assert await party.call("POST", "/v1/ssf/subjects/add", body) == (200, None)
    await world.revoke(ada, "session", SESSION)

    assert len(world.receiver.sent) == 1


@pytest.mark.requirement("SSF-8.1.4.1-1", "SSF-8.1.4.2-1", "SSF-8.1.4.2-2")
async def test_a_verification_echoes_its_state_about_the_stream(world, party):
    stream_id = (await party.pushed())["stream_id"]
    body = {"stream_id": stream_id, "state": "VGhpcyBpcyBh"}

    assert await party.call("POST", "/v1/ssf/verify", body) == (204, None)
    assert (await party.call("POST", "/v1/ssf/verify", body))[0] == 429
    await world.settle()

    (claims,) = world.receiver.claims
    assert claims["sub_id"] == {"format": "opaque", "id": stream_id}
    assert list(claims["events"].values()) == [{"state": "VGhpcyBpcyBh"}]


@pytest.mark.requirement("SSF-8.1.5-1")
async def test_a_receiver_is_told_when_we_give_up_on_its_stream(world, ada, party):
    stream_id = (await party.pushed())["stream_id"]
    world.receiver.fails(1)
    world.store._connection.executemany(
        "INSERT INTO ssf_outbox VALUES (?, ?, 0, 'x', '{}', 0, 0, 9999999999)",
        [(f"evt_{number}", stream_id) for number in range(MOST_HELD)],
    )
    await world.revoke(ada, "session", SESSION)
    world.clock.at += 10
    await world.settle()

    said = world.receiver.claims[-1]
    assert said["sub_id"] == {"format": "opaque", "id": stream_id}
    (event,) = said["events"].items()
    assert event[0].endswith("/ssf/event-type/stream-updated")
    assert event[1]["status"] == "disabled"


# --- delivery -------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC8935-2-1", "SSF-6.1.1-1")
async def test_a_push_carries_the_token_and_the_receivers_own_header(world, ada, party):
    await party.pushed(authorization_header="Bearer of-the-receiver")
    await world.revoke(ada, "session", SESSION)

    ((url, headers, _),) = world.receiver.sent
    assert url == ENDPOINT
    assert headers["content-type"] == "application/secevent+jwt"
    assert headers["authorization"] == "Bearer of-the-receiver"
    plain = {"method": "urn:ietf:rfc:8935", "endpoint_url": "http://receiver.example/events"}
    assert (await party.call("POST", STREAMS, {"delivery": plain}))[0] == 400


@pytest.mark.requirement("RFC8935-2.2-1")
@pytest.mark.parametrize(
    ("status", "again"), [(202, False), (200, True), (204, True), (500, True), (301, True)]
)
async def test_only_202_says_that_an_event_was_taken(world, ada, party, status, again):
    await party.pushed()
    world.receiver.answers_with(status)
    await world.revoke(ada, "session", SESSION)
    world.clock.at += 10
    await world.settle()

    assert (len(world.receiver.sent) == 2) is again


@pytest.mark.requirement("RFC8935-2.1-1")
async def test_an_event_is_not_tried_for_ever(world, ada, party):
    await party.pushed()
    world.receiver.answers += [FetchFailed("down")] * 500
    await world.revoke(ada, "session", SESSION)
    began = world.clock.at
    while (
        waiting := world.store._connection.execute("SELECT not_before FROM ssf_outbox").fetchone()
    ) is not None:
        world.clock.at = max(world.clock.at + 1, waiting[0])
        await world.settle()

    assert KEPT_SECONDS <= world.clock.at - began < KEPT_SECONDS + 1000
    assert len(world.receiver.sent) < 200


@pytest.mark.requirement("RFC8936-2.4-1", "RFC8936-2.4-2", "RFC8936-2.4-3", "RFC8936-2.6-1")
async def test_polling_hands_out_acknowledges_and_forgets(world, ada, party):
    stream = await party.stream()
    for number in (1, 2, 3):
        await world.revoke(ada, "token", f"aat_{number:026}")

    first = await party.poll(stream, maxEvents=2)
    assert len(first["sets"]) == 2
    assert first["moreAvailable"] is True
    assert all(payload_of(token)["jti"] == jti for jti, token in first["sets"].items())
    taken, refused = first["sets"]
    assert (await party.poll(stream, maxEvents=2)) == first
    none = await party.poll(stream, maxEvents=0, ack=[taken], setErrs={refused: {"err": "invalid_key"}})
    assert none["sets"] == {}
    rest = await party.poll(stream)

    assert len(rest["sets"]) == 1
    assert not rest["sets"].keys() & {taken, refused}
    assert rest["moreAvailable"] is False


@pytest.mark.requirement("RFC8936-2.4-4")
async def test_a_poll_waits_unless_it_says_that_it_will_not(world, ada, party):
    stream = await party.stream()
    assert (await party.poll(stream, returnImmediately=True))["sets"] == {}

    waiting = asyncio.create_task(party.poll(stream, returnImmediately=False))
    await turns()
    assert not waiting.done()
    await world.revoke(ada, "session", SESSION)

    assert len((await asyncio.wait_for(waiting, 1))["sets"]) == 1


# --- receiving ------------------------------------------------------------------------------------


def signed(issuer, typ="secevent+jwt", **changes):
    claims = {
        "iss": ISSUER,
        "iat": START,
        "jti": "evt_1",
        "aud": "me",
        "sub_id": {"format": "opaque", "id": SESSION},
        "events": {REVOKED: {}},
        **changes,
    }
    return JwsSigner(issuer.key, issuer.kid, typ).sign(json.dumps(claims).encode()).encode()


@pytest.mark.requirement("RFC8935-2.3-1", "SSF-4.1.1-1", "SSF-4.1.3-1", "SSF-4.1.6-1", "SSF-4.1.7-1")
@pytest.mark.parametrize(
    ("changes", "err"),
    [
        ({"typ": "at+jwt"}, "invalid_request"),
        ({"sub": SESSION}, "invalid_request"),
        ({"exp": START + 60}, "invalid_request"),
        ({"iss": "https://other.example"}, "invalid_issuer"),
        ({"aud": "you"}, "invalid_audience"),
    ],
)
async def test_the_library_refuses_what_is_no_event_and_says_why(changes, err):
    issuer = FakeIssuer()
    receiver = SetReceiver(ISSUER, "me", clock=issuer.clock, fetch=issuer)

    answer = await receiver.receive(signed(issuer, **changes))

    assert answer.status == 400
    assert json.loads(answer.body).keys() == {"err", "description"}
    assert json.loads(answer.body)["err"] == err


@pytest.mark.requirement("RFC8935-2.2-1")
async def test_the_library_answers_202_and_nothing_more():
    issuer = FakeIssuer()
    receiver = SetReceiver(ISSUER, "me", clock=issuer.clock, fetch=issuer)

    answer = await receiver.receive(signed(issuer))

    assert (answer.status, answer.body) == (202, b"")
