# SPDX-License-Identifier: Apache-2.0
"""The steps, in order, each given what it needs, with nothing forgotten."""

import pytest

from smartagent.edge import AuthenticationFailed, Inbound, Outcome, Proof, Reply, Route, enter, handle
from smartagent.kernel import (
    Caller,
    CallerKind,
    Change,
    Claim,
    Decision,
    Denied,
    Permitted,
    Record,
    Work,
    Write,
)
from smartagent.storage import StoreUnavailable
from tests.unit.edge.fakes import CALLER, CLAIM, LOST, NOW, YES, FakeHouse

NOBODY = Caller(principal="", kind=CallerKind.NOBODY)
INBOUND = Inbound(
    request_id="req_1",
    method="POST",
    path="/v1/things",
    headers={"content-type": "application/json; charset=utf-8"},
    body=b"{}",
    client_ip="192.0.2.1",
)
WRITE = Write("insert", {"id": 1}, LOST)
CHANGE = Change("things", "1")
MORE = Claim(b"m" * 16, 1_800_000_060, LOST)
OUTCOME = Outcome(
    Reply(201, {"id": "1"}),
    event="thing.made",
    subject="thing_1",
    session="ses_2",
    jti="aat_2",
    target="thing/1",
    detail={"size": 1},
    writes=(WRITE,),
    claims=(MORE,),
    changes=(CHANGE,),
)


def route(house: FakeHouse, outcome: object = OUTCOME, **changed: object) -> Route:
    async def act(caller, inbound):
        house.steps.append(("act", caller, inbound))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    fields = {
        "method": "POST",
        "path": "/v1/things",
        "proof": Proof.ACCESS_TOKEN,
        "permission": "things.make",
        "event": "things.asked",
        "act": act,
    }
    return Route(**{**fields, **changed})


def refusal(code: str, reason: str, **changed: object) -> Record:
    fields = {
        "event": "things.asked",
        "at_ms": int(NOW * 1000),
        "request": "req_1",
        "caller": "agt_1",
        "session": "ses_1",
        "jti": "aat_1",
        "permission": "things.make",
        "target": "POST /v1/things",
        "decision": Decision.DENY,
        "reason": reason,
        "outcome": code,
    }
    return Record(**{**fields, **changed})


async def test_a_permitted_request_is_answered_after_one_commit_of_everything_it_came_to():
    house = FakeHouse()

    reply = await handle(INBOUND, route(house), house)

    assert reply == OUTCOME.reply
    record = Record(
        event="thing.made",
        at_ms=int(NOW * 1000),
        request="req_1",
        caller="agt_1",
        session="ses_2",
        jti="aat_2",
        subject="thing_1",
        permission="things.make",
        target="thing/1",
        decision=Decision.PERMIT,
        rule="house/agents",
        outcome="201",
        detail={"size": 1},
    )
    assert house.steps == [
        ("authenticate", INBOUND, Proof.ACCESS_TOKEN),
        ("authorise", CALLER, "things.make", INBOUND),
        ("act", CALLER, INBOUND),
        ("commit", Work((record,), (CLAIM, MORE), (WRITE,), (CHANGE,)), CALLER),
    ]


async def test_what_an_outcome_leaves_open_is_taken_from_the_route_and_the_caller():
    house = FakeHouse(verdict=Permitted(("a", "b")))

    await handle(INBOUND, route(house, Outcome(Reply(204))), house)

    (work,) = house.works
    (record,) = work.records
    assert (record.event, record.session, record.jti) == ("things.asked", "ses_1", "aat_1")
    assert (record.rule, record.outcome, record.detail) == ("a,b", "204", {})


async def test_a_denied_request_never_acts_and_only_the_log_learns_why():
    house = FakeHouse(verdict=Denied("role has no such scope", "things.all", ("role/reader",)))

    reply = await handle(INBOUND, route(house), house)

    assert reply.status == 403
    assert reply.body == {
        "type": "urn:smartagent:error:not-permitted",
        "title": "You may not do this.",
        "status": 403,
        "detail": "missing permission: things.all",
        "instance": "req_1",
        "missing": "things.all",
    }
    decided_on = {"role": "reader", "scope": "", "ip": ""}
    record = refusal("not-permitted", "role has no such scope", rule="role/reader", detail=decided_on)
    assert house.steps[2:] == [("commit", Work((record,), (CLAIM,)), NOBODY)]


async def test_a_denial_that_names_nothing_missing_names_the_permission():
    house = FakeHouse(verdict=Denied("no"))

    reply = await handle(INBOUND, route(house), house)

    assert reply.body["missing"] == "things.make"


async def test_a_caller_without_proof_is_recorded_with_the_reason_and_told_nothing():
    house = FakeHouse(refuse=AuthenticationFailed("signature is wrong"))

    reply = await handle(INBOUND, route(house), house)

    assert reply.status == 401
    assert "signature" not in str(reply)
    record = refusal("unauthenticated", "signature is wrong", caller="", session="", jti="")
    assert house.steps[1:] == [("commit", Work((record,)), NOBODY)]


@pytest.mark.parametrize(("size", "admitted"), [(10, True), (11, False)])
async def test_an_oversize_body_is_refused_before_anyone_is_believed(size, admitted):
    house = FakeHouse()
    inbound = Inbound(
        "req_1", "POST", "/v1/things", headers={"content-type": "application/json"}, body=b"x" * size
    )

    reply = await handle(inbound, route(house, max_body_bytes=10), house)

    assert (reply.status == 201) is admitted
    if not admitted:
        assert (reply.status, reply.body["detail"]) == (413, "limit is 10 bytes")
        assert house.names == ["commit"]
        assert house.works[0].records[0].outcome == "body-too-large"


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 201),
        ("APPLICATION/JSON ; charset=utf-8", 201),
        ("text/json", 415),
        ("", 415),
        ("application/jsonx", 415),
    ],
)
async def test_a_body_of_another_media_type_is_refused(media_type, status):
    house = FakeHouse()
    inbound = Inbound("req_1", "POST", "/v1/things", headers={"content-type": media_type}, body=b"{}")

    reply = await handle(inbound, route(house), house)

    assert reply.status == status


async def test_without_a_body_no_media_type_is_asked_for():
    house = FakeHouse()

    reply = await handle(Inbound("req_1", "POST", "/v1/things"), route(house), house)

    assert reply.status == 201


async def test_an_act_that_fails_still_uses_up_the_proof():
    house = FakeHouse()

    reply = await handle(INBOUND, route(house, AuthenticationFailed("token is old")), house)

    assert reply.status == 401
    assert house.steps[3:] == [
        ("commit", Work((refusal("unauthenticated", "token is old"),), (CLAIM,)), NOBODY)
    ]


async def test_a_claim_that_was_lost_is_refused_and_the_refusal_recorded_without_it():
    house = FakeHouse()
    house.lost = [LOST, LOST]

    reply = await handle(INBOUND, route(house), house)

    assert reply.status == 401
    record = refusal("unauthenticated", "used before")
    assert house.works[1:] == [Work((record,), (CLAIM,)), Work((record,))]


async def test_when_nothing_can_be_recorded_the_caller_is_told_that_and_not_the_outcome():
    house = FakeHouse()
    house.lost = [StoreUnavailable("disk full")] * 3

    reply = await handle(INBOUND, route(house), house)

    assert reply.status == 503
    assert reply.body["type"] == "urn:smartagent:error:store-unavailable"


async def test_a_bug_is_recorded_and_not_dressed_up_as_a_problem():
    house = FakeHouse()

    with pytest.raises(KeyError):
        await handle(INBOUND, route(house, KeyError("oops")), house)

    assert house.works == [Work((refusal("bug", ""),))]


async def test_an_oauth_route_answers_errors_as_oauth_clients_read_them():
    house = FakeHouse(refuse=AuthenticationFailed("assertion is old"))

    reply = await handle(INBOUND, route(house, oauth=True), house)

    assert (reply.status, reply.media_type) == (401, "application/json")
    assert reply.body["error"] == "invalid_client"


async def test_entering_stops_before_the_act():
    house = FakeHouse()

    entered = await enter(INBOUND, route(house), house)

    assert (entered.caller, entered.verdict) == (CALLER, YES)
    assert house.names == ["authenticate", "authorise"]
