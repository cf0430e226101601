# SPDX-License-Identifier: Apache-2.0
"""Managing streams, as SSF 1.0 section 8 says."""

import json

import pytest

from smartagent.signals.manage import MOST_STREAMS
from tests.unit.identity.world import ISSUER
from tests.unit.signals.world import ENDPOINT

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
SESSION_REVOKED, CREDENTIAL_CHANGE = CAEP + "session-revoked", CAEP + "credential-change"
PUSH, POLL = "urn:ietf:rfc:8935", "urn:ietf:rfc:8936"
STREAMS = "/v1/ssf/streams"


async def test_a_stream_without_wishes_is_polled_and_tells_everything(world, party):
    view = await party.stream()

    assert view["stream_id"].startswith("stm_")
    assert view["iss"] == ISSUER
    assert view["aud"] == party.id
    assert view["delivery"] == {
        "method": POLL,
        "endpoint_url": f"{ISSUER}/v1/ssf/poll/{view['stream_id']}",
    }
    assert view["events_supported"] == view["events_delivered"] == [SESSION_REVOKED, CREDENTIAL_CHANGE]
    assert view["min_verification_interval"] == 30


async def test_only_what_was_requested_and_exists_is_delivered(world, party):
    view = await party.stream(events_requested=["urn:other", CREDENTIAL_CHANGE], description="one")

    assert view["events_requested"] == ["urn:other", CREDENTIAL_CHANGE]
    assert view["events_delivered"] == [CREDENTIAL_CHANGE]
    assert view["description"] == "one"


async def test_the_receivers_secret_is_sealed_and_never_shown(world, party):
    view = await party.pushed(authorization_header="Bearer canary-7f3a")

    stored = world.store._connection.execute("SELECT * FROM ssf_streams").fetchone()
    records = json.dumps([json.loads(record.encode()) for record in world.store.records])
    assert "canary" not in json.dumps(view) + records
    assert b"canary" not in repr(stored).encode()
    shown = await party.call("GET", f"{STREAMS}?stream_id={view['stream_id']}")
    assert shown == (200, view)


@pytest.mark.parametrize(
    "delivery",
    [
        {"method": PUSH},
        {"method": PUSH, "endpoint_url": "http://receiver.example/events"},
        {"method": PUSH, "endpoint_url": "https://user@receiver.example/events"},
        {"method": PUSH, "endpoint_url": "https://receiver.example/#here"},
        {"method": PUSH, "endpoint_url": "ftp://receiver.example"},
        {"method": PUSH, "endpoint_url": ENDPOINT, "authorization_header": "a\r\nhost: b"},
        {"method": PUSH, "endpoint_url": ENDPOINT, "authorization_header": "é"},
        {"method": PUSH, "endpoint_url": ENDPOINT, "authorization_header": "a" * 4097},
        {"method": "urn:ietf:rfc:0000", "endpoint_url": ENDPOINT},
    ],
)
async def test_a_delivery_that_cannot_be_is_refused(world, party, delivery):
    status, problem = await party.call("POST", STREAMS, {"delivery": delivery})

    assert status == 400, problem


@pytest.mark.parametrize(
    "body",
    [
        {"events_requested": ["with blank"]},
        {"events_requested": [""]},
        {"events_requested": ["urn:a"] * 33},
        {"description": "two\nlines"},
        {"description": "a" * 256},
        {"iss": "https://other.example"},
        {"unknown": 1},
    ],
)
async def test_a_configuration_that_cannot_be_is_refused(world, party, body):
    assert (await party.call("POST", STREAMS, body))[0] == 400


async def test_without_an_id_all_of_the_receivers_streams_are_shown(world, ada, party):
    assert await party.call("GET", STREAMS) == (200, [])
    view = await party.stream()
    other = await world.party(ada)
    await other.stream()

    assert await party.call("GET", STREAMS) == (200, [view])
    status, all_of_them = await ada.call("GET", STREAMS)
    assert (status, len(all_of_them)) == (200, 2)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", STREAMS + "?stream_id={}", None),
        ("DELETE", STREAMS + "?stream_id={}", None),
        ("PATCH", STREAMS, {}),
        ("PUT", STREAMS, {}),
        ("GET", "/v1/ssf/status?stream_id={}", None),
        ("POST", "/v1/ssf/status", {"status": "paused"}),
        ("POST", "/v1/ssf/verify", {}),
        ("POST", "/v1/ssf/subjects/add", {"subject": {"format": "opaque", "id": "x"}}),
        ("POST", "/v1/ssf/subjects/remove", {"subject": {"format": "opaque", "id": "x"}}),
        ("POST", "/v1/ssf/poll/{}", {}),
    ],
)
async def test_somebody_elses_stream_is_none(world, ada, party, method, target, body):
    other = await world.party(ada)
    stream_id = (await other.stream())["stream_id"]
    sent = None if body is None else body if "poll" in target else {"stream_id": stream_id, **body}

    status, problem = await party.call(method, target.format(stream_id), sent)

    assert (status, problem["type"]) == (404, "urn:smartagent:error:stream-not-found")


async def test_without_the_scope_nothing_is_managed(world, ada, party):
    weak = await world.party(ada, scope="revocations.follow")

    status, problem = await weak.call("POST", STREAMS, {})

    assert (status, problem["missing"]) == (403, "ssf.manage")


async def test_patching_changes_what_is_named_and_leaves_the_rest(world, party):
    view = await party.pushed()
    patch = {"stream_id": view["stream_id"], "description": "new", "iss": ISSUER, "aud": [party.id]}

    status, patched = await party.call("PATCH", STREAMS, patch)

    assert (status, patched) == (200, {**view, "description": "new"})


async def test_replacing_clears_what_is_missing(world, party):
    view = await party.pushed()
    put = {"stream_id": view["stream_id"], "events_requested": [SESSION_REVOKED]}

    status, replaced = await party.call("PUT", STREAMS, put)

    assert status == 200
    assert replaced["delivery"]["method"] == POLL
    assert replaced["events_delivered"] == [SESSION_REVOKED]
    whole = {**replaced, "delivery": {"method": PUSH, "endpoint_url": ENDPOINT}}
    assert (await party.call("PUT", STREAMS, whole))[0] == 200


@pytest.mark.parametrize(
    "claimed",
    [
        {"iss": "https://a.example"},
        {"aud": "b"},
        {"aud": []},
        {"events_delivered": []},
        {"events_supported": []},
    ],
)
async def test_what_the_transmitter_supplies_cannot_be_changed(world, party, claimed):
    view = await party.stream()

    for method in ("PATCH", "PUT"):
        body = {"stream_id": view["stream_id"], **claimed}
        status, problem = await party.call(method, STREAMS, body)
        assert (status, problem["type"]) == (400, "urn:smartagent:error:malformed-stream")


async def test_a_deleted_stream_is_gone_with_all_that_waited(world, ada, bot, party):
    view = await party.stream()
    await world.revoke(ada, "agent", bot.id)

    status, _ = await party.call("DELETE", f"{STREAMS}?stream_id={view['stream_id']}")

    assert status == 204
    assert await party.call("GET", STREAMS) == (200, [])
    assert world.store._connection.execute("SELECT count(*) FROM ssf_outbox").fetchone() == (0,)


async def test_a_receiver_has_only_so_many_streams(world, party):
    for _ in range(MOST_STREAMS):
        await party.stream()

    status, problem = await party.call("POST", STREAMS, {})

    assert (status, problem["type"]) == (409, "urn:smartagent:error:too-many-streams")


async def test_a_status_is_shown_and_set_with_its_reason(world, party):
    stream_id = (await party.stream())["stream_id"]
    target = f"/v1/ssf/status?stream_id={stream_id}"
    assert await party.call("GET", target) == (200, {"stream_id": stream_id, "status": "enabled"})

    body = {"stream_id": stream_id, "status": "paused", "reason": "night"}
    assert await party.call("POST", "/v1/ssf/status", body) == (200, body)
    assert await party.call("GET", target) == (200, body)
    assert (await party.call("POST", "/v1/ssf/status", {**body, "status": "asleep"}))[0] == 400


async def test_a_verification_is_answered_at_once_and_not_too_often(world, party):
    stream_id = (await party.stream())["stream_id"]
    body = {"stream_id": stream_id, "state": "xyz"}
    assert (await party.call("POST", "/v1/ssf/verify", body))[0] == 204

    status, problem = await party.call("POST", "/v1/ssf/verify", body)
    assert (status, problem["retry_after_seconds"]) == (429, 30)
    world.clock.at += 30
    assert (await party.call("POST", "/v1/ssf/verify", body))[0] == 204
    world.clock.at += 30
    assert (await party.call("POST", "/v1/ssf/verify", {**body, "state": "x" * 1025}))[0] == 400


@pytest.mark.parametrize(
    "subject",
    [
        {"format": "email", "email": "a@b.example"},
        {"format": "complex", "user": {"format": "opaque", "id": "x"}},
        {"format": "iss_sub", "iss": "https://other.example", "sub": "agt_1"},
        {"format": "iss_sub", "iss": ISSUER},
        {"format": "opaque", "id": ""},
        {"format": "opaque", "id": "a b"},
        {"format": "opaque", "id": 5},
        {"format": "opaque", "id": "x" * 129},
        {"format": "opaque", "id": "x", "more": 1},
        {"id": "x"},
    ],
)
async def test_a_subject_that_no_event_has_is_refused(world, party, subject):
    stream_id = (await party.stream())["stream_id"]

    for verb in ("add", "remove"):
        body = {"stream_id": stream_id, "subject": subject}
        status, problem = await party.call("POST", f"/v1/ssf/subjects/{verb}", body)
        assert (status, problem["type"]) == (400, "urn:smartagent:error:subject-not-supported")


async def test_a_stream_that_changed_meanwhile_is_not_overwritten(world, party):
    view = await party.stream()
    world.store.reloads["ssf-streams"] = []
    body = {"stream_id": view["stream_id"], "description": "mine"}
    assert (await party.call("PATCH", STREAMS, body))[0] == 200

    status, problem = await party.call("PATCH", STREAMS, body)

    assert (status, problem["type"]) == (409, "urn:smartagent:error:stream-changed")


async def test_the_configuration_says_what_there_is(world):
    reply = await world.page("/.well-known/ssf-configuration")
    document = json.loads(reply.body)

    assert reply.media_type == "application/json"
    assert document["issuer"] == ISSUER
    assert document["spec_version"] == "1_0"
    assert document["delivery_methods_supported"] == [PUSH, POLL]
    paths = {route.path for route in world.router.routes}
    endpoints = {name: url for name, url in document.items() if name.endswith("_endpoint")}
    assert {url.removeprefix(ISSUER) for url in endpoints.values()} <= paths
    assert set(endpoints) == {
        "configuration_endpoint",
        "status_endpoint",
        "add_subject_endpoint",
        "remove_subject_endpoint",
        "verification_endpoint",
    }
    assert document["authorization_schemes"] == [{"spec_urn": "urn:ietf:rfc:6749"}]
    assert document["default_subjects"] == "ALL"
