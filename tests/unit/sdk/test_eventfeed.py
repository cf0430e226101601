# SPDX-License-Identifier: Apache-2.0
"""Following the issuer's events: the snapshot, what happens, coming back, and how old is too old."""

import asyncio

import pytest

from smartagent.sdk import AuthorityUnreachable, EventFeedSource, RevocationUnknown, TokenRevoked
from smartagent.sdk.eventfeed import MAX_LINE_BYTES, EventParser, StreamEvent
from tests.unit.sdk.fakes import ISSUER, FakeClock, FakeIssuer
from tests.unit.sdk.revocation_fakes import FakeFeed, event, revoked, turns, verified


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def feed():
    return FakeFeed()


@pytest.fixture
async def source(feed, clock):
    tokens = iter(f"token-{number}" for number in range(1, 100))

    async def token():
        return next(tokens)

    async with EventFeedSource(
        ISSUER, token, max_staleness_seconds=60, patience_seconds=0.01, clock=clock, connect=feed
    ) as source:
        yield source


async def begin(feed, *frames, version=5):
    wire = await feed.connected()
    wire.put_nowait(event("snapshot", {"version": version}, "") + b"".join(frames))
    wire.put_nowait(event("synced", {"version": version}, version))
    await turns()
    return wire


async def test_nobody_is_served_before_the_first_snapshot_is_complete(feed, source):
    wire = await feed.connected()
    wire.put_nowait(event("snapshot", {"version": 5}, "") + revoked("token", "aat_2"))
    await turns()

    assert source.known(verified()) is None
    assert source.staleness_seconds == float("inf")
    with pytest.raises(RevocationUnknown):
        await source.is_revoked(verified(), "")

    wire.put_nowait(event("synced", {"version": 5}, 5))
    await turns()
    assert source.known(verified()) is False
    assert source.known(verified(jti="aat_2")) is True


async def test_who_comes_first_waits_a_moment_for_the_feed(feed, clock):
    async def token():
        return "t"

    async with EventFeedSource(ISSUER, token, patience_seconds=5, clock=clock, connect=feed) as source:
        asking = asyncio.create_task(source.is_revoked(verified(), ""))
        await begin(feed)

        assert await asyncio.wait_for(asking, 1) is False


async def test_what_happens_is_known_as_soon_as_it_is_heard(feed, source):
    wire = await begin(feed)
    told = []
    source.on_change(lambda: told.append(source.known(verified())))

    wire.put_nowait(revoked("session", "ses_1", 6))
    await turns()

    assert source.known(verified()) is True
    assert await source.is_revoked(verified(), "") is True
    assert told == [True]


async def test_a_verifier_refuses_what_the_feed_says_is_dead(feed, source):
    issuer = FakeIssuer()
    verifier = issuer.verifier(check_revocation=source)
    wire = await begin(feed)
    token = issuer.token()
    assert await verifier.verify(token)
    assert verifier.verify_cached(token)

    wire.put_nowait(event("agent", {"id": "agt_1", "status": "suspended"}, 6))
    await turns()
    assert verifier.verify_cached(token) is None
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)

    wire.put_nowait(event("agent", {"id": "agt_1", "status": "active"}, 7))
    await turns()
    assert verifier.verify_cached(token)


async def test_it_is_as_stale_as_its_last_sign_of_life(feed, source, clock):
    wire = await begin(feed)
    clock.advance(60)
    assert source.known(verified()) is False
    clock.advance(1)
    assert source.known(verified()) is None
    with pytest.raises(RevocationUnknown):
        await source.is_revoked(verified(), "")

    wire.put_nowait(b": behind\n\n")
    await turns()
    assert source.known(verified()) is None
    wire.put_nowait(b": 9\n\n")
    await turns()

    assert source.staleness_seconds == 0
    assert source.known(verified()) is False


async def test_a_lost_connection_is_made_again_from_the_last_event_with_a_new_token(feed, source):
    wire = await begin(feed, revoked("token", "aat_2"))
    wire.put_nowait(revoked("token", "aat_3", 8))
    await turns()

    wire.put_nowait(None)
    again = await feed.connected(2)
    again.put_nowait(revoked("token", "aat_4", 9) + event("synced", {"version": 9}, 9))
    await turns()

    (url, first), (_, second) = feed.asked
    assert url == f"{ISSUER}/v1/revocations/events"
    assert first == {"accept": "text/event-stream", "authorization": "Bearer token-1"}
    assert second["authorization"] == "Bearer token-2"
    assert second["last-event-id"] == "8"
    for number in (2, 3, 4):
        assert source.known(verified(jti=f"aat_{number}")) is True


async def test_who_is_told_to_start_over_gets_the_whole_state_and_forgets_the_old(feed, source):
    wire = await begin(feed, revoked("token", "aat_2"), event("agent", {"id": "agt_9", "status": "retired"}))
    wire.put_nowait(event("resync", {"reason": "slow"}, ""))
    wire.put_nowait(None)
    again = await feed.connected(2)
    assert "last-event-id" not in feed.asked[1][1]
    assert source.known(verified(jti="aat_2")) is True

    again.put_nowait(event("snapshot", {"version": 20}, "") + revoked("token", "aat_3"))
    await turns()
    assert source.known(verified(jti="aat_2")) is True
    again.put_nowait(event("synced", {"version": 20}, 20))
    await turns()

    assert source.known(verified(jti="aat_2")) is False
    assert source.known(verified(subject="agt_9")) is False
    assert source.known(verified(jti="aat_3")) is True


async def test_a_snapshot_that_breaks_off_is_begun_again(feed, source):
    wire = await feed.connected()
    wire.put_nowait(event("snapshot", {"version": 5}, "") + revoked("token", "aat_2"))
    wire.put_nowait(AuthorityUnreachable("gone"))
    again = await feed.connected(2)

    assert "last-event-id" not in feed.asked[1][1]
    again.put_nowait(event("snapshot", {"version": 6}, "") + event("synced", {"version": 6}, 6))
    await turns()
    assert source.known(verified(jti="aat_2")) is False


@pytest.mark.parametrize(
    "trouble", [b"data: {}\nevent: revoked\ndata: no json\n\n", b"x" * (MAX_LINE_BYTES + 1)]
)
async def test_what_cannot_be_read_ends_the_connection(feed, source, trouble):
    wire = await begin(feed)

    wire.put_nowait(trouble)

    await feed.connected(2)


async def test_a_refused_connection_is_tried_again(feed, source):
    wire = await feed.connected()
    wire.put_nowait(None)
    feed.status = 403
    (await feed.connected(2)).put_nowait(b": 1\n\n")
    await turns()
    assert source.known(verified()) is None
    feed.status = 200

    await feed.connected(3)
    await begin(feed)

    assert source.known(verified()) is False


async def test_a_token_that_cannot_be_had_is_tried_for_again(feed, clock):
    failing = [ZeroDivisionError()]

    async def token():
        if failing:
            raise failing.pop()
        return "t"

    async with EventFeedSource(ISSUER, token, clock=clock, connect=feed) as source:
        await begin(feed)
        assert source.known(verified()) is False


async def test_events_of_a_kind_that_comes_later_are_passed_over(feed, source):
    wire = await begin(feed)

    wire.put_nowait(event("key", {"id": "kid"}, 6) + event("novelty", {"id": "x", "more": [1]}, 7))
    await turns()

    assert source.known(verified()) is False
    wire.put_nowait(None)
    await feed.connected(2)
    assert feed.asked[1][1]["last-event-id"] == "7"


async def test_closing_twice_and_starting_twice_is_no_error(feed, clock):
    async def token():
        return "t"

    source = EventFeedSource(ISSUER, token, clock=clock, connect=feed)
    source.start()
    source.start()
    await feed.connected()
    await source.close()
    await source.close()

    assert len(feed.connections) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_is_read_alike_however_it_is_cut(size):
    raw = b': hello\nretry: 5\n\nevent: a\r\nid: 1\r\ndata: x\r\ndata: y\r\n\r\nid\ndata:z\n\n\ndata: {"\xc3\xa9":1}\n\nevent: none\n\n'
    parser = EventParser()

    found = [each for start in range(0, len(raw), size) for each in parser.feed(raw[start : start + size])]

    assert found == [
        StreamEvent("", "hello"),
        StreamEvent("a", "x\ny", "1"),
        StreamEvent("message", "z", ""),
        StreamEvent("message", '{"é":1}'),
    ]
