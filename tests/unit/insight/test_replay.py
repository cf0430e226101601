# SPDX-License-Identifier: Apache-2.0
"""A draft on the recorded history."""

import pytest
from msgspec import structs

from smartagent.edge import MalformedRequest
from smartagent.insight import EmptyDraft, Tally
from smartagent.insight.history import PAGE
from smartagent.kernel import Decision
from smartagent.policy import MalformedPolicy, MalformedRoleFile
from tests.unit.insight.past import ONLY_ONE, READER, START, Past, agent, called, leased

REPLAY = "/v1/history/replay"
NO_SEVEN = {"seven": 'forbid(principal, action, resource) when {context.path == "/orders/7"};'}
WRITER = 'name = "order-reader"\n[[allow]]\nscope = "orders:read"\nupstream = "orders"\nmethods = ["GET", "DELETE"]\npaths = ["/orders/**"]\n'


async def test_calls_that_the_draft_refuses_are_grouped_and_counted():
    past = Past(READER)
    past.add(*[called(f"GET /orders/orders/{n}", request=f"req_{n}") for n in range(1, 8)])

    page = await past.ask(REPLAY, roles=[ONLY_ONE])

    (shift,) = page.shifts
    assert (shift.agent, shift.role, shift.upstream, shift.method, shift.path) == (
        "agt_1",
        "order-reader",
        "orders",
        "GET",
        "/orders/*",
    )
    assert (shift.was, shift.becomes, shift.now, shift.calls) == ("permit", "deny", "permit", 6)
    assert "the path is /orders/2, not /orders/1" in shift.by
    assert [example.path for example in shift.examples] == ["/orders/2", "/orders/3", "/orders/4"]
    assert (shift.examples[0].index, shift.examples[0].request) == (1, "req_2")
    assert (page.decided, page.unreplayable, page.next, page.left_out) == (7, 0, 0, 0)


async def test_refused_calls_that_the_draft_allows_are_shown_with_the_rule():
    past = Past(READER)
    past.add(called("DELETE /orders/orders/7", allowed=False))

    (shift,) = (await past.ask(REPLAY, roles=[WRITER])).shifts

    assert (shift.was, shift.becomes, shift.now, shift.by) == (
        "deny",
        "permit",
        "deny",
        "role/order-reader/1",
    )


async def test_a_policy_is_drafted_for_every_role():
    past = Past(READER)
    past.add(called("GET /orders/orders/7"), called("GET /orders/orders/8"))

    (shift,) = (await past.ask(REPLAY, policies=NO_SEVEN)).shifts

    assert (shift.becomes, shift.by, shift.calls) == ("deny", "policy/seven/1 forbids it", 1)


async def test_what_the_rules_in_force_changed_already_is_told_apart():
    past = Past(READER, policies=NO_SEVEN)
    past.add(called("GET /orders/orders/7"))

    (shift,) = (await past.ask(REPLAY, roles=[READER])).shifts

    assert (shift.was, shift.becomes, shift.now) == ("permit", "deny", "deny")


async def test_who_acted_for_another_is_decided_by_both_roles():
    past = Past(READER, ONLY_ONE.replace("order-reader", "other"))
    past.add(called("GET /orders/orders/2", agent(subject="agt_2", subject_role="other")))

    assert len((await past.ask(REPLAY, roles=[READER])).shifts) == 1


async def test_what_a_call_said_of_itself_is_decided_on_again():
    only_json = READER + 'content_types = ["application/json"]\n'
    past = Past(READER)
    json, text = (
        called("GET /orders/orders/1", content_type=said) for said in ("application/json", "text/plain")
    )
    past.add(json, text)

    (shift,) = (await past.ask(REPLAY, roles=[only_json])).shifts

    assert (shift.calls, shift.examples[0].index) == (1, 1)


async def test_leases_are_decided_anew_too():
    past = Past(READER)
    past.add(leased("orders-db"))

    (shift,) = (await past.ask(REPLAY, roles=[READER.replace('credentials = ["orders-db"]', "")])).shifts

    assert (shift.upstream, shift.method, shift.path) == ("credential:orders-db", "LEASE", "/orders-db")


async def test_records_that_do_not_say_on_what_was_decided_are_counted():
    past = Past(READER)
    old = structs.replace(called("GET /orders/orders/2"), detail={})
    old_denied = structs.replace(called("GET /orders/orders/2", allowed=False), detail={})
    past.add(old, old_denied)

    page = await past.ask(REPLAY, roles=[ONLY_ONE])

    assert (page.decided, page.unreplayable, page.shifts) == (0, 2, [])


@pytest.mark.parametrize(
    "record",
    [
        called("GET /nothing/1", allowed=False, outcome="upstream-unknown", detail={}),
        called("GET /orders/orders/1", allowed=False, detail={}, reason=""),
        called("GET /orders/orders/1", agent(""), allowed=False, outcome="unauthenticated", detail={}),
        structs.replace(called("GET /orders/orders/1"), event="gateway.done", decision=None),
        structs.replace(called("GET /orders/orders/1"), event="role.read"),
    ],
    ids=["no upstream", "honeytoken", "nobody", "outcome", "something else"],
)
async def test_what_no_policy_decided_is_passed_over(record):
    past = Past(READER)
    past.add(record)

    page = await past.ask(REPLAY, roles=[WRITER])

    assert (page.decided, page.unreplayable, page.end) == (0, 0, 1)


async def test_it_begins_at_the_first_entry_of_the_time_and_goes_on_at_the_cursor():
    past = Past(READER)
    past.add(*[called(f"GET /orders/orders/{n}", at=START + n // 10) for n in range(PAGE + 50)])

    first = await past.ask(REPLAY, roles=[READER], since=START + 3)
    last = await past.ask(REPLAY, roles=[READER], since=START + 3, cursor=first.next)

    assert (first.begin, first.end, first.next) == (30, PAGE + 30, PAGE + 30)
    assert (last.begin, last.end, last.next, last.decided) == (PAGE + 30, PAGE + 50, 0, 20)
    assert (await past.ask(REPLAY, roles=[READER], since=START * 2)).decided == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, EmptyDraft),
        ({"roles": [READER], "cursor": -1}, MalformedRequest),
        ({"roles": [READER], "since": 2**60}, MalformedRequest),
        ({"roles": ["name = 1"]}, MalformedRoleFile),
        ({"policies": {"x": "permit"}}, MalformedPolicy),
        ({"policies": {"no/name": NO_SEVEN["seven"]}}, MalformedPolicy),
    ],
)
async def test_what_is_no_draft_is_refused(body, error):
    past = Past(READER)
    past.add(called("GET /orders/orders/1"))

    with pytest.raises(error):
        await past.ask(REPLAY, **body)


async def test_a_tally_stays_small_and_says_what_it_left_out():
    past = Past(READER)
    past.add(*[called(f"GET /orders/orders/{name}") for name in ("a", "b", "b", "c")])
    shifts = (await past.ask(REPLAY, roles=[ONLY_ONE])).shifts
    tally = Tally(most=2)

    tally.add(shifts)
    tally.add(shifts)

    assert [(shift.path, shift.calls) for shift in tally.shifts()] == [("/orders/b", 4), ("/orders/a", 2)]
    assert tally.left_out == 2
    assert {shift.was for shift in shifts} == {Decision.PERMIT.value}


ASKS = READER.replace("paths =", 'ask = "four-eyes"\npaths =')


async def test_calls_that_the_draft_asks_about_are_told_apart_from_those_it_refuses():
    past = Past(READER)
    past.add(called("GET /orders/orders/7"))

    (shift,) = (await past.ask(REPLAY, roles=[ASKS])).shifts

    assert (shift.was, shift.becomes, shift.now) == ("permit", "ask", "permit")
    assert "four-eyes" in shift.by


async def test_what_was_approved_changes_nothing_where_the_draft_asks_too():
    past = Past(ASKS)
    record = called("GET /orders/orders/7")
    record.detail["approval"] = "apr_1"
    past.add(record)

    assert (await past.ask(REPLAY, roles=[ASKS])).shifts == []
    (shift,) = (await past.ask(REPLAY, roles=[READER])).shifts
    assert (shift.was, shift.becomes, shift.now) == ("ask", "permit", "ask")


async def test_circumstances_are_those_of_the_record_and_those_that_lack_them_are_counted():
    past = Past(READER)
    known = {"binding": "bearer", "session_at": START - 100, "standing": "normal"}
    watched = {**known, "standing": "watched", "session_at": START - 10}
    past.add(
        called("GET /orders/orders/1", agent(**known)),
        called("GET /orders/orders/2", agent(**watched)),
        called("GET /orders/orders/3"),
    )

    strict = 'forbid(principal, action, resource) when {context.standing == "watched" || context.session_age > 60};'
    page = await past.ask(REPLAY, policies={"strict": strict})

    assert (page.decided, page.lacking, [shift.calls for shift in page.shifts]) == (2, 1, [2])
