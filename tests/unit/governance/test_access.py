# SPDX-License-Identifier: Apache-2.0
"""Requests for access: who may ask for what, what a person is shown, and what accepting brings about at once."""

import pytest

from smartagent.governance.access.desk import MAX_OPEN
from smartagent.governance.access.model import EXPIRY_SECONDS
from smartagent.governance.errors import AccessRequestNotFound
from smartagent.kernel import Caller, CallerKind, Decision, Denied, IdPrefix, Permitted, Work
from smartagent.policy import Call, Wording
from tests.unit.governance.world import GovernanceWorld, caller_of, permitted

ROLE = 'name = "order-reader"\n[[allow]]\nscope = "orders:read"\nupstream = "orders"\nmethods = ["GET"]\npaths = ["/orders/*"]\n'
REFUND = "POST /orders/orders/17/refund"


@pytest.fixture
async def world():
    world = GovernanceWorld()
    await world.start()
    await put(world, ROLE)
    yield world
    world.store.close()


async def put(world, text, name="order-reader"):
    accepted = await world.governance.access._means.roles.accept(name, Wording(text), "opr_1")
    await world.store.commit(Work((), writes=accepted.writes, changes=accepted.changes))


def denied(world, bot, target=REFUND, **more):
    """Have the log say that a call was denied, and return its request id."""
    request = world.ids.new(IdPrefix.REQUEST)
    world.store.append(
        permitted(
            "gateway.call", bot.id, request=request, decision=Decision.DENY, outcome="not-permitted", target=target,
            at_ms=int(world.clock.at * 1000), detail={"role": "order-reader", "ip": "10.0.0.1"}, **more,
        )
    )  # fmt: skip
    return request


async def asked(world, bot, **body):
    session = await bot.session()
    headers = {"authorization": f"Bearer {session['access_token']}"}
    return await world.call("POST", "/v1/access-requests", {"reason": "a customer waits", **body}, headers)


async def requested(world, bot):
    status, view = await asked(world, bot, request=denied(world, bot))
    assert status == 201
    return view["id"]


def why(answer):
    return answer[1]["type"].removeprefix("urn:smartagent:error:")


def refund(world, bot, role="order-reader", scopes=("orders:read",)):
    caller = Caller(bot.id, CallerKind.AGENT, role=role, scopes=frozenset(scopes))
    return world.book.decide_call(caller, Call("orders", "POST", "/orders/17/refund"))


async def test_an_agent_asks_for_what_was_denied_to_it_and_a_person_sees_what_that_means(world, ada, bot):
    request = denied(world, bot)
    status, view = await asked(world, bot, request=request)
    assert (status, view["wanted"], view["times"]) == (201, "POST /orders/17/refund on orders", 1)
    _, detail = await ada.call("GET", f"/v1/access-requests/{view['id']}")
    assert detail["request"]["request"] == request
    assert detail["role_file"].startswith(ROLE)
    assert '+paths = ["/orders/17/refund"]' in detail["diff"]
    assert detail["goes"] == []
    assert any("/orders/17/refund" in line for line in detail["comes"])
    assert bot.id in detail["reach"][0]
    assert detail["still_denied"] == detail["no_draft"] == ""
    _, wider = await ada.call("GET", f"/v1/access-requests/{view['id']}?path=/orders/*/refund")
    assert '+paths = ["/orders/*/refund"]' in wider["diff"]
    assert world.last("access.requested").caller == bot.id


async def test_accepting_for_good_is_a_new_version_of_the_role_in_the_same_commit(world, ada, bot):
    found = await requested(world, bot)
    assert isinstance(refund(world, bot), Denied)
    path = f"/v1/access-requests/{found}/acceptance"
    status, view = await ada.call("POST", path, {"reason": "yes"})
    assert (status, view["decision"], view["closed_by"]) == (200, "accepted", ada.id)
    assert isinstance(refund(world, bot), Permitted)
    assert world.book.role("order-reader").version == 2
    record = world.last("access-request.accepted")
    assert (record.subject, record.detail["version"], record.detail["reason"]) == (bot.id, 2, "yes")
    assert why(await ada.call("POST", path, {})) == "access-request-not-found"
    assert (await ada.call("GET", "/v1/access-requests"))[1]["requests"] == []


async def test_accepting_for_a_while_elevates_the_agent_alone_and_leaves_nothing_behind(world, ada, bot):
    found = await requested(world, bot)
    path = f"/v1/access-requests/{found}/acceptance"
    status, view = await ada.call("POST", path, {"seconds": 600, "path": "/orders/*/refund"})
    assert (status, view["elevation"][:4]) == (200, "elv_")
    assert world.book.role("order-reader").version == 1
    world.roles |= {each.role.name: world.book.grants(each.role.name) for each in world.book.roles()}
    caller = caller_of(world, await bot.session())
    assert caller.role.startswith("order-reader-")
    assert isinstance(refund(world, bot, caller.role, caller.scopes), Permitted)
    await world.pass_time(600)
    assert world.book.known_role(caller.role) is None
    assert world.last("access-request.role-taken-away").detail["role"] == caller.role
    assert caller_of(world, await bot.session()).role == "order-reader"
    records = len(world.store.records)
    await world.pass_time(1)
    assert len(world.store.records) == records


async def test_a_person_may_give_another_role_file_than_the_draft(world, ada, bot):
    found = await requested(world, bot)
    path = f"/v1/access-requests/{found}/acceptance"
    assert (await ada.call("POST", path, {"role_file": 'name = "other"\n'}))[0] == 400
    assert (await ada.call("POST", path, {"role_file": "name ="}))[0] == 400
    assert (await ada.call("POST", path, {"path": "/elsewhere"}))[0] == 400
    wider = ROLE.replace('"GET"', '"GET", "POST"').replace("/orders/*", "/orders/**")
    assert (await ada.call("POST", path, {"role_file": wider}))[0] == 200
    assert world.book.role("order-reader").role_file == wider


async def test_refusing_changes_no_rule(world, ada, bot):
    found = await requested(world, bot)
    status, view = await ada.call("POST", f"/v1/access-requests/{found}/refusal", {"reason": "never"})
    assert (status, view["decision"], view["note"]) == (200, "refused", "never")
    assert world.book.role("order-reader").version == 1
    assert world.last("access-request.refused").subject == bot.id


async def test_of_two_who_decide_at_once_one_does(world, ada, bot):
    found = await requested(world, bot)
    caller = caller_of(world, await ada.login())
    outcomes = []
    for verb, act in (
        ("refusal", world.governance.access.refuse),
        ("acceptance", world.governance.access.accept),
    ):
        inbound = world.inbound("POST", f"/v1/access-requests/{found}/{verb}", {})
        inbound.params = {"id": found}
        outcomes.append(await act(caller, inbound))
    await world.store.commit(Work((), writes=outcomes[0].writes, changes=outcomes[0].changes))
    with pytest.raises(AccessRequestNotFound):
        await world.store.commit(Work((), writes=outcomes[1].writes, changes=outcomes[1].changes))
    assert world.book.role("order-reader").version == 1


async def test_the_same_wish_joins_the_one_that_waits(world, ada, bot):
    first = await requested(world, bot)
    status, view = await asked(world, bot, request=denied(world, bot))
    assert (status, view["id"], view["times"]) == (200, first, 2)
    _, listed = await ada.call("GET", "/v1/access-requests")
    assert [each["times"] for each in listed["requests"]] == [2]
    other = await world.agent(ada)
    assert (await asked(world, other, request=denied(world, other)))[1]["id"] != first


async def test_nobody_asks_for_what_was_denied_to_another_or_long_ago_or_not_at_all(world, ada, bot):
    other = await world.agent(ada)
    theirs = denied(world, other)
    old = denied(world, bot)
    for request in (theirs, world.ids.new(IdPrefix.REQUEST), "req_1", "nonsense"):
        assert why(await asked(world, bot, request=request)) == "not-denied"
    world.clock.at += 86_401
    assert why(await asked(world, bot, request=old)) == "not-denied"
    await ada.login()
    assert (
        why(await ada.call("POST", "/v1/access-requests", {"reason": "x", "wanted": "x"})) == "not-permitted"
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"request": "req_1", "wanted": "x"},
        {"wanted": "x" * 1001},
        {"wanted": "x", "reason": ""},
        {"wanted": "x", "reason": "x" * 1001},
    ],
)
async def test_a_request_that_is_not_said_rightly_is_refused(world, ada, bot, body):
    assert why(await asked(world, bot, **body)) == "malformed-access-request"


async def test_an_agent_has_so_many_open_and_no_more(world, ada, bot):
    for number in range(MAX_OPEN):
        assert (await asked(world, bot, wanted=f"thing {number}"))[0] == 201
    assert (await asked(world, bot, wanted="one more"))[0] == 429
    assert (await asked(world, bot, wanted="thing 0"))[0] == 200


async def test_words_alone_have_no_draft_and_a_person_writes_the_file(world, ada, bot):
    _, view = await asked(world, bot, wanted="the archive")
    _, detail = await ada.call("GET", f"/v1/access-requests/{view['id']}")
    assert "own words" in detail["no_draft"]
    path = f"/v1/access-requests/{view['id']}/acceptance"
    assert why(await ada.call("POST", path, {})) == "no-draft"
    assert (await ada.call("POST", path, {"role_file": ROLE.replace("/orders/*", "/archive/*")}))[0] == 200


async def test_what_nobody_decides_expires(world, ada, bot):
    found = await requested(world, bot)
    await world.pass_time(EXPIRY_SECONDS - 1)
    await ada.login()
    assert len((await ada.call("GET", "/v1/access-requests"))[1]["requests"]) == 1
    await world.pass_time(1)
    assert (await ada.call("GET", "/v1/access-requests"))[1]["requests"] == []
    assert world.last("access-request.expired").target == f"access-request/{found}"
    assert (
        why(await ada.call("POST", f"/v1/access-requests/{found}/acceptance", {}))
        == "access-request-not-found"
    )


async def test_a_person_is_told_what_would_deny_it_all_the_same(world, ada, bot):
    await put(world, ROLE.replace("[[allow]]", 'networks = ["192.0.2.0/24"]\n[[allow]]'))
    found = await requested(world, bot)
    _, detail = await ada.call("GET", f"/v1/access-requests/{found}")
    assert "network" in detail["still_denied"]


async def test_an_agent_that_is_suspended_meanwhile_is_not_elevated(world, ada, bot):
    found = await requested(world, bot)
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": ""})
    answer = await ada.call("POST", f"/v1/access-requests/{found}/acceptance", {"seconds": 600})
    assert why(answer) == "malformed-elevation"
    answer = await ada.call("POST", f"/v1/access-requests/{found}/acceptance", {"seconds": 59})
    assert why(answer) == "malformed-access-request"


async def test_a_role_that_is_changed_meanwhile_is_not_overwritten(world, ada, bot):
    found = await requested(world, bot)
    caller = caller_of(world, await ada.login())
    inbound = world.inbound("POST", f"/v1/access-requests/{found}/acceptance", {})
    inbound.params = {"id": found}
    outcome = await world.governance.access.accept(caller, inbound)
    await put(world, ROLE + "# changed\n")
    with pytest.raises(Exception, match="order-reader"):
        await world.store.commit(Work((), writes=outcome.writes, changes=outcome.changes))
    assert world.book.role("order-reader").role_file.endswith("# changed\n")
    assert len((await ada.call("GET", "/v1/access-requests"))[1]["requests"]) == 1
