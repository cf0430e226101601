# SPDX-License-Identifier: Apache-2.0
"""What an agent gets, for how long, and what it may do with it."""

import asyncio

import pytest
from msgspec import structs

from smartagent.leases import ProviderUnreachable
from smartagent.leases.rules import SETTLE_SECONDS
from smartagent.leases.store import read_lease
from tests.unit.leases.world import ADMIN, PASSWORD, code_of, failed


async def test_a_lease_gives_what_was_made_and_says_how_long_it_lives(world, bot):
    view = await bot.lease(ttl_seconds=120)

    assert view["lease_id"].startswith("lse_")
    assert view["fields"] == {"username": "u_" + view["lease_id"][4:], "password": PASSWORD}
    assert view["env"] == {"DB_USER": view["fields"]["username"], "DB_PASSWORD": PASSWORD}
    assert view["expires_in"] == 120
    assert view["renewable"] is True


async def test_the_backend_is_told_who_what_and_until_when_and_gets_the_brokers_secret(world, bot):
    view = await bot.lease(ttl_seconds=60)

    [(verb, order)] = world.provider.orders
    assert verb == "issue"
    assert order.lease_id == view["lease_id"]
    assert (order.agent, order.role, order.session) == (bot.id, "leaser", bot.session)
    assert order.grant == {"table": "orders"}
    assert order.expires_at == int(world.clock.now()) + 60
    assert order.secrets["password"].reveal() == ADMIN


async def test_intent_and_issue_are_both_recorded_and_neither_holds_a_secret(world, bot):
    view = await bot.lease()

    intent, issued = [
        record for record in world.store.records if record.target == f"lease/{view['lease_id']}"
    ]
    assert (intent.event, issued.event) == ("lease.requested", "lease.issued")
    assert intent.detail["handle"] == view["fields"]["username"]
    assert (issued.caller, issued.session) == (bot.id, bot.session)
    assert issued.detail["credential"] == "db"
    assert issued.detail["table"] == "orders"
    assert PASSWORD.encode() not in b"".join(record.encode() for record in world.store.records)


async def test_the_intent_is_durable_before_the_provider_is_asked(world, bot):
    world.provider.gate = asyncio.Event()
    asking = asyncio.create_task(bot.lease())
    await world.provider.reached.wait()

    assert world.store.records[-1].event == "lease.requested"
    world.provider.gate.set()
    view = await asking
    assert (await read_lease(world.store, view["lease_id"])).state == "active"


async def test_a_lease_never_outlives_the_token_it_was_asked_with(bot):
    view = await bot.lease(ttl_seconds=3600)

    assert view["expires_in"] == 900


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"credential": "db", "ttl_seconds": 3601}, 400, "lease-too-long"),
        ({"credential": "db", "ttl_seconds": 0}, 400, "malformed-lease"),
        ({"credential": "db", "ttl_seconds": -5}, 400, "malformed-lease"),
        ({"credential": "nothing"}, 403, "credential-not-granted"),
        ({"credential": "db\u0000' --"}, 403, "credential-not-granted"),
        ({"credential": "db", "extra": 1}, 400, "malformed-request"),
        ({}, 400, "malformed-request"),
    ],
)
async def test_what_is_no_lease_is_refused_and_nothing_is_made(world, bot, body, status, code):
    answered, problem = await bot.call("POST", "/v1/leases", body)

    assert (answered, code_of(problem)) == (status, code)
    assert world.provider.orders == []


async def test_what_people_are_asked_about_waits_for_them(world, bot):
    world.asked_about.add("db")

    status, problem = await bot.call("POST", "/v1/leases", {"credential": "db"})

    assert (status, code_of(problem)) == (202, "approval-pending")
    assert world.provider.orders == []
    (wish,) = world.wishes
    assert (wish.deed.kind, wish.deed.upstream, wish.deed.method) == ("lease", "db", "LEASE")
    assert b"ttl_seconds" in wish.deed.body


async def test_what_was_approved_is_made_and_the_log_says_by_whom(world, bot):
    world.asked_about.add("db")
    world.agreed = True

    status, _ = await bot.call("POST", "/v1/leases", {"credential": "db"})

    assert status == 201
    (asked,) = [record for record in world.store.records if record.event == "lease.requested"]
    assert (asked.detail["approval"], asked.detail["approved_by"]) == ("apr_1", "opr_2")
    assert len(world.provider.orders) == 1


async def test_a_lease_that_people_are_asked_about_is_not_put_off(world, bot):
    _, lease = await bot.call("POST", "/v1/leases", {"credential": "db"})
    world.asked_about.add("db")
    world.agreed = True

    status, problem = await bot.call("POST", f"/v1/leases/{lease['lease_id']}/renew", {})

    assert (status, code_of(problem)) == (403, "lease-needs-approval")


async def test_a_credential_that_the_role_names_and_nobody_described_is_not_found(world, bot):
    world.leasable["leaser"] += ("ghost",)
    world.roles["leaser"] = world.roles["leaser"].__class__((), 900, ("credential:ghost",))
    await bot.begin()

    status, problem = await bot.call("POST", "/v1/leases", {"credential": "ghost"})

    assert (status, code_of(problem)) == (404, "credential-not-found")


async def test_a_token_whose_scope_was_narrowed_leases_only_that(bot):
    await bot.begin(scope="credential:db-admin")

    status, problem = await bot.call("POST", "/v1/leases", {"credential": "db"})

    assert (status, code_of(problem)) == (403, "credential-not-granted")
    assert "credential:db" in problem["detail"]
    await bot.lease("db-admin")


async def test_operators_do_not_lease(ada):
    status, _ = await ada.call("POST", "/v1/leases", {"credential": "db"})
    assert status == 403


@pytest.mark.parametrize("half_made", [False, True])
async def test_what_the_provider_refuses_is_ended_whatever_it_left_behind(world, ada, bot, half_made):
    world.provider.failing["issue"] = failed("42501")
    world.provider.half_made = half_made

    status, problem = await bot.call("POST", "/v1/leases", {"credential": "db"})
    await world.settle()

    assert (status, code_of(problem)) == (502, "provider-failed")
    assert "42501" not in str(problem)
    assert world.provider.alive == {}
    refusal = next(record for record in world.store.records if record.outcome == "provider-failed")
    assert refusal.reason == "42501"


async def test_a_provider_that_does_not_answer_in_time_is_cut_off_and_cleaned_up_when_it_cannot_run(
    world, bot
):
    world.leases.desk._means = structs.replace(world.leases.desk._means, issue_seconds=0.01)
    world.provider.gate = asyncio.Event()

    status, problem = await bot.call("POST", "/v1/leases", {"credential": "db"})
    await world.settle()

    assert (status, code_of(problem)) == (503, "provider-unreachable")
    assert world.provider.verbs == ["issue"]
    world.provider.gate.set()
    world.clock.at += SETTLE_SECONDS
    await world.settle()
    assert world.provider.verbs == ["issue", "revoke"]


async def test_a_lease_that_is_revoked_while_it_is_made_is_not_handed_out_and_dies(world, ada, bot):
    world.provider.gate = asyncio.Event()
    asking = asyncio.create_task(bot.call("POST", "/v1/leases", {"credential": "db"}))
    await world.provider.reached.wait()
    body = {"kind": "session", "id": bot.session, "reason": "stop"}
    assert (await ada.call("POST", "/v1/revocations", body))[0] == 201
    await world.settle()
    world.provider.gate.set()

    status, problem = await asking
    assert status in {401, 409}, problem
    assert PASSWORD not in str(problem)
    world.clock.at += SETTLE_SECONDS
    await world.settle()
    assert world.provider.alive == {}


async def test_renewing_puts_the_end_off_within_the_maximum(world, bot):
    view = await bot.lease(ttl_seconds=100)
    world.clock.at += 90

    status, renewed = await bot.call("POST", f"/v1/leases/{view['lease_id']}/renew", {"ttl_seconds": 200})

    assert (status, renewed["expires_in"], renewed["renewals"]) == (200, 200, 1)
    assert world.provider.alive[view["fields"]["username"]] == int(world.clock.now()) + 200


async def test_renewing_with_a_newer_token_of_the_same_session_goes_beyond_the_first(world, bot):
    view = await bot.lease()
    world.clock.at += 800
    assert (await bot.call("POST", f"/v1/leases/{view['lease_id']}/renew", {}))[1]["expires_in"] == 100
    assert world.provider.verbs == ["issue"]


async def test_a_lease_cannot_be_renewed_beyond_its_maximum(world, ada, bot):
    entry = {"provider": "orders", "ttl_seconds": 60, "max_ttl_seconds": 100}
    assert (await ada.call("PUT", "/v1/credentials/db", entry))[0] == 200
    view = await bot.lease()
    path = f"/v1/leases/{view['lease_id']}/renew"
    world.clock.at += 50

    assert (await bot.call("POST", path, {"ttl_seconds": 101}))[1]["type"].rpartition(":")[
        2
    ] == "lease-too-long"
    assert (await bot.call("POST", path, {"ttl_seconds": 0}))[1]["type"].rpartition(":")[
        2
    ] == "malformed-lease"
    assert (await bot.call("POST", path, {"ttl_seconds": 90}))[1]["expires_in"] == 50
    world.clock.at += 50
    assert (await bot.call("POST", path, {}))[1]["type"].rpartition(":")[2] == "lease-over"


async def test_what_cannot_be_renewed_says_so(bot):
    view = await bot.lease("fixed")
    assert view["renewable"] is False
    status, problem = await bot.call("POST", f"/v1/leases/{view['lease_id']}/renew", {})
    assert (status, code_of(problem)) == (409, "lease-not-renewable")


async def test_a_role_that_lost_the_credential_does_not_renew_it(world, bot):
    view = await bot.lease()
    world.leasable["leaser"] = ()
    status, problem = await bot.call("POST", f"/v1/leases/{view['lease_id']}/renew", {})
    assert (status, code_of(problem)) == (403, "credential-not-granted")


async def test_an_agent_sees_renews_and_ends_its_own_only(world, ada, bot):
    view = await bot.lease()
    other = await world.leaser(ada)
    path = f"/v1/leases/{view['lease_id']}"

    assert (await other.call("GET", path))[0] == 404
    assert (await other.call("DELETE", path))[0] == 404
    assert (await other.call("POST", f"{path}/renew", {}))[0] == 404
    assert (await other.call("GET", "/v1/leases"))[1]["leases"] == []
    assert (await other.call("GET", f"/v1/leases?agent={bot.id}"))[1]["leases"] == []
    assert [each["lease_id"] for each in (await bot.call("GET", "/v1/leases"))[1]["leases"]] == [
        view["lease_id"]
    ]


async def test_another_session_of_the_same_agent_does_not_renew_it_but_may_end_it(world, bot):
    view = await bot.lease()
    await bot.begin()
    path = f"/v1/leases/{view['lease_id']}"

    assert (await bot.call("POST", f"{path}/renew", {}))[0] == 404
    assert (await bot.call("DELETE", path))[0] == 202
    await world.settle()
    assert world.provider.alive == {}


async def test_ending_twice_is_no_error_and_the_view_says_what_became_of_it(world, ada, bot):
    view = await bot.lease()
    path = f"/v1/leases/{view['lease_id']}"

    assert (await bot.call("DELETE", path))[1]["state"] == "revoking"
    assert (await bot.call("DELETE", path))[1]["state"] == "revoking"
    await world.settle()
    assert (await bot.call("DELETE", path))[1]["state"] == "dead"
    shown = await world.state(ada, view["lease_id"])
    assert shown["ended_why"] == f"ended by {bot.id}"
    assert world.provider.verbs == ["issue", "revoke"]


async def test_what_dies_earlier_at_the_provider_ends_earlier(world, bot):
    world.provider.dies_early = 30
    view = await bot.lease(ttl_seconds=100)
    assert view["expires_in"] == 70


async def test_a_static_secret_is_leased_and_the_lease_says_that_it_lives_until_it_is_rotated(
    world, ada, bot
):
    view = await bot.lease("key")
    assert view["fields"] == {"api_key": "static-value"}
    assert view["env"] == {"API_KEY": "static-value"}

    await bot.call("DELETE", f"/v1/leases/{view['lease_id']}")
    await world.settle()

    shown = await world.state(ada, view["lease_id"])
    assert shown["state"] == "dead"
    assert shown["outlives_until"].startswith("9999-")


async def test_available_lists_what_role_and_token_have(world, bot):
    status, view = await bot.call("GET", "/v1/leases/available")
    assert status == 200
    assert [each["name"] for each in view["credentials"]] == ["db", "db-admin", "fixed", "key"]
    assert view["credentials"][0]["env"] == {"DB_USER": "username", "DB_PASSWORD": "password"}

    await bot.begin(scope="credential:key")
    _, view = await bot.call("GET", "/v1/leases/available")
    assert [each["name"] for each in view["credentials"]] == ["key"]


async def test_an_unreachable_provider_says_to_try_again(world, bot):
    world.provider.failing["issue"] = ProviderUnreachable("refused")
    status, problem = await bot.call("POST", "/v1/leases", {"credential": "db"})
    assert (status, code_of(problem), problem["detail"]) == (503, "provider-unreachable", "try again")
