# SPDX-License-Identifier: Apache-2.0
"""The device grant from the first request to the token, and every way it must not go."""

import asyncio

import pytest

from smartagent.crypto import SigningKey, sha256
from smartagent.decoupled.rules import ALPHABET
from tests.unit.decoupled.house import Asker, claims_of, dpop, read, signing_client
from tests.unit.identity.world import GATEWAY, ISSUER, START

NOW = int(START)


async def allow(house, ada, user_code, decision="allow", **more):
    cookie = await house.sign_in(ada)
    fields = {"user_code": user_code, "decision": decision, "confirmed": "yes", **more}
    return await house.page("POST", "/oauth/device", cookie, fields)


async def test_a_device_gets_codes_and_is_told_how_to_use_them(house, bot):
    status, view = await bot.device(scope="orders:read")
    assert status == 200
    assert view.keys() == {
        "device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval",
    }  # fmt: skip
    assert (view["expires_in"], view["interval"]) == (600, 5)
    assert view["verification_uri"] == f"{ISSUER}/oauth/device"
    assert view["verification_uri_complete"] == f"{ISSUER}/oauth/device?user_code={view['user_code']}"
    head, _, tail = view["user_code"].partition("-")
    assert (len(head), len(tail)) == (4, 4)
    assert set(head + tail) <= set(ALPHABET)
    assert len(view["device_code"]) == len("sdc_") + 43


async def test_the_answer_is_not_to_be_kept_by_caches(house, bot):
    inbound = house.world.inbound(
        "POST",
        "/oauth/device_authorization",
        "&".join(f"{k}={v}" for k, v in bot.proven().items()).encode(),
        {"content-type": "application/x-www-form-urlencoded"},
    )
    reply = await house.world.send(inbound)
    assert ("cache-control", "no-store") in reply.headers


async def test_neither_code_is_in_the_store_or_in_the_log(house, bot):
    _, view = await bot.device()
    rows = house.world.store._connection.execute("SELECT * FROM decoupled_requests").fetchall()
    letters = view["user_code"].replace("-", "")
    kept = repr(rows) + "".join(record.encode().decode() for record in house.world.store.records)
    for code in (view["device_code"], view["user_code"], letters):
        assert code not in kept
    # A plain hash of 34 bits could be tried out.
    assert sha256(letters.encode()) not in rows[0]


async def test_an_agent_gets_a_persons_token_that_says_who_acts(house, ada, bot):
    _, view = await bot.device(scope="orders:read")
    assert (await allow(house, ada, view["user_code"])).status == 200
    status, token = await bot.poll_device(view["device_code"])
    assert status == 200
    assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 900, "orders:read")
    claims = claims_of(token["access_token"])
    assert (claims["sub"], claims["client_id"]) == (ada.id, bot.who.id)
    assert claims["act"] == {"sub": bot.who.id}
    assert (claims["aud"], claims["scope"]) == (GATEWAY, "orders:read")
    (grant,) = claims["lin"]
    assert grant.startswith("gnt_")
    assert (claims["auth_time"], claims["acr"]) == (NOW, "urn:smartagent:acr:operator-key")
    assert "id_token" not in token
    assert house.last.event == "token.issued"
    assert house.last.subject == ada.id
    assert house.last.detail["device"] == grant


async def test_without_a_scope_a_device_asks_for_all_that_its_role_has(house, ada, bot):
    _, view = await bot.device()
    page = read(
        await house.page("POST", "/oauth/device", await house.sign_in(ada), {"user_code": view["user_code"]})
    )
    assert "orders:read" in page.text
    assert "orders:write" in page.text


async def test_a_public_client_acts_under_the_persons_name_alone(house, ada, printer):
    _, view = await printer.device(scope="orders:read")
    await allow(house, ada, view["user_code"])
    _, token = await printer.poll_device(view["device_code"])
    claims = claims_of(token["access_token"])
    assert (claims["sub"], claims["client_id"]) == (ada.id, "clt_printer")
    assert "act" not in claims


async def test_nothing_is_given_before_somebody_decided(house, bot):
    _, view = await bot.device()
    status, answer = await bot.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "authorization_pending")


async def test_a_denied_request_says_so(house, ada, bot):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"], "deny")
    for _ in range(2):
        status, answer = await bot.poll_device(view["device_code"])
        assert (status, answer["error"]) == (400, "access_denied")


async def test_a_request_that_nobody_decided_in_time_is_over(house, ada, bot):
    _, view = await bot.device()
    house.later(599)
    assert (await bot.poll_device(view["device_code"]))[1]["error"] == "authorization_pending"
    house.later(1)
    status, answer = await bot.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "expired_token")
    assert (await allow(house, ada, view["user_code"])).status == 400
    assert (await bot.poll_device(view["device_code"]))[1]["error"] == "expired_token"


async def test_what_was_allowed_must_be_fetched_in_time(house, ada, bot):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"])
    house.later(600)
    assert (await bot.poll_device(view["device_code"]))[1]["error"] == "expired_token"


async def test_a_day_later_the_code_is_forgotten(house, bot):
    _, view = await bot.device()
    house.later(600 + 86_400 + 1)
    await bot.device()
    status, answer = await bot.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_grant")


async def test_a_code_is_redeemed_once(house, ada, bot):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"])
    assert (await bot.poll_device(view["device_code"]))[0] == 200
    status, answer = await bot.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert house.last.reason == "the code was used"


async def test_of_two_polls_at_once_one_redeems(house, ada, bot):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"])
    other = await house.another()
    answers = await asyncio.gather(
        *(bot.poll_device(view["device_code"], node) for node in (house, other, house, other))
    )
    assert sorted(status for status, _ in answers) == [200, 400, 400, 400]
    assert {answer["error"] for status, answer in answers if status == 400} == {"invalid_grant"}
    issued = [record for record in house.world.store.records if record.event == "token.issued"]
    assert len([record for record in issued if record.outcome == "200"]) == 1


async def test_a_client_that_asks_too_often_must_wait_longer_on_every_node(house, bot):
    other = await house.another()
    _, view = await bot.device()
    code = view["device_code"]
    assert (await bot.poll_device(code))[1]["error"] == "authorization_pending"
    house.later(2)
    status, answer = await bot.poll_device(code, other)
    assert (status, answer["error"]) == (400, "slow_down")
    # Ten seconds now, counted from the poll that came too early; a second of grace.
    house.later(8)
    assert (await bot.poll_device(code))[1]["error"] == "slow_down"
    house.later(13)
    assert (await bot.poll_device(code))[1]["error"] == "slow_down"
    house.later(20)
    assert (await bot.poll_device(code, other))[1]["error"] == "authorization_pending"


async def test_a_client_that_keeps_the_interval_is_never_told_to_slow_down(house, bot):
    _, view = await bot.device()
    for _ in range(20):
        assert (await bot.poll_device(view["device_code"]))[1]["error"] == "authorization_pending"
        # Jitter: some come a little early.
        house.later(4.6)


async def test_a_decision_is_told_however_fast_it_is_asked_for(house, ada, bot):
    _, view = await bot.device()
    await bot.poll_device(view["device_code"])
    await allow(house, ada, view["user_code"])
    assert (await bot.poll_device(view["device_code"]))[0] == 200


async def test_a_code_is_its_clients_alone(house, ada, bot, printer):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"])
    status, answer = await printer.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert house.last.reason == "the code is another client's"
    assert (await bot.poll_device(view["device_code"]))[0] == 200


@pytest.mark.parametrize("code", ["sdc_" + "A" * 43, "x", "Ä" * 500])
async def test_an_unknown_code_is_no_grant(house, bot, code):
    status, answer = await bot.poll_device(code)
    assert (status, answer["error"]) == (400, "invalid_grant")


async def test_a_poll_without_a_code_is_malformed(house, bot):
    status, answer = await bot.poll_device("")
    assert (status, answer["error"]) == (400, "invalid_request")


async def test_a_code_of_the_other_kind_is_none_here(house, ada, bot):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"])
    status, answer = await bot.poll_ciba(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_grant")


async def test_a_code_that_was_asked_for_with_a_key_needs_that_key(house, ada, bot):
    key, thief = (SigningKey.generate(house.world.entropy) for _ in range(2))
    status, view = await bot.device(dpop(house, key, "/oauth/device_authorization", "one"))
    assert status == 200
    await allow(house, ada, view["user_code"])
    assert (await bot.poll_device(view["device_code"]))[1]["error"] == "invalid_grant"
    stolen = await bot.poll_device(view["device_code"], headers=dpop(house, thief, "/oauth/token", "two"))
    assert stolen[1]["error"] == "invalid_grant"
    assert house.last.reason == "the code is bound to another key"
    status, token = await bot.poll_device(
        view["device_code"], headers=dpop(house, key, "/oauth/token", "three")
    )
    assert (status, token["token_type"]) == (200, "DPoP")
    assert claims_of(token["access_token"])["cnf"] == {"jkt": key.public.thumbprint}


async def test_a_proof_at_the_device_endpoint_works_once(house, bot):
    proof = dpop(house, SigningKey.generate(house.world.entropy), "/oauth/device_authorization", "one")
    assert (await bot.device(proof))[0] == 200
    status, answer = await bot.device(proof)
    assert (status, answer["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"scope": "orders:read nothing:such"}, "invalid_scope"),
        ({"scope": "orders:read  orders:write"}, "invalid_scope"),
        ({"scope": 'orders:"read"'}, "invalid_scope"),
        ({"scope": "offline_access"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
    ],
)
async def test_a_device_asks_for_no_more_than_its_role_has(house, bot, fields, error):
    status, answer = await bot.device(**fields)
    assert (status, answer["error"]) == (400, error)


async def test_a_wish_for_refresh_tokens_is_passed_over(house, ada, bot):
    _, view = await bot.device(scope="orders:read offline_access")
    await allow(house, ada, view["user_code"])
    _, token = await bot.poll_device(view["device_code"])
    assert token["scope"] == "orders:read"
    assert "refresh_token" not in token


async def test_two_resources_at_once_are_refused(house, printer):
    body = b"client_id=clt_printer&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example"
    status, answer = await house.form("/oauth/device_authorization", body)
    assert (status, answer["error"]) == (400, "invalid_target")


async def test_a_parameter_that_comes_twice_is_refused(house, printer):
    status, answer = await house.form("/oauth/device_authorization", b"client_id=clt_printer&scope=a&scope=b")
    assert (status, answer["error"]) == (400, "invalid_request")


async def test_an_unknown_client_gets_no_code(house):
    status, answer = await Asker(house, "clt_nobody").device()
    assert (status, answer["error"]) == (401, "invalid_client")


async def test_a_client_that_is_not_registered_for_it_gets_no_code(house):
    house.register("clt_web", grant_types=("authorization_code",))
    status, answer = await Asker(house, "clt_web").device()
    assert (status, answer["error"]) == (400, "unauthorized_client")


async def test_a_client_that_begins_too_many_is_held_up(house, printer):
    answers = [await printer.device(scope="orders:read") for _ in range(31)]
    assert [status for status, _ in answers] == [200] * 30 + [429]
    house.later(2)
    assert (await printer.device(scope="orders:read"))[0] == 200


async def test_the_ceiling_of_a_client_bounds_what_it_asks_for(house):
    house.register("clt_small", role="order-reader", scope="orders:read")
    small = Asker(house, "clt_small")
    assert (await small.device(scope="orders:read"))[0] == 200
    assert (await small.device(scope="orders:write"))[1]["error"] == "invalid_scope"


async def test_a_role_that_shrank_meanwhile_shrinks_the_token(house, ada, bot):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"])
    roles = house.world.roles
    roles["order-reader"] = roles["order-reader"].__class__((), 300, ("orders:read",))
    _, token = await bot.poll_device(view["device_code"])
    assert (token["scope"], token["expires_in"]) == ("orders:read", 300)


async def test_nothing_is_given_when_nothing_is_left(house, ada, bot):
    _, view = await bot.device(scope="orders:write")
    await allow(house, ada, view["user_code"])
    roles = house.world.roles
    roles["order-reader"] = roles["order-reader"].__class__((), 300, ("orders:read",))
    status, answer = await bot.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_grant")


async def test_what_is_granted_dies_with_its_grant(house, ada, bot):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"])
    _, token = await bot.poll_device(view["device_code"])
    (grant,) = claims_of(token["access_token"])["lin"]
    house.world.tokens.access.verified(token["access_token"])
    status, view = await ada.call("DELETE", f"/v1/consent-requests/{grant}")
    assert (status, view["state"]) == (200, "ended")
    assert house.last.event == "consent-request.ended"
    with pytest.raises(Exception, match="proof"):
        house.world.tokens.access.verified(token["access_token"])


async def test_a_grant_that_was_revoked_before_the_poll_gives_nothing(house, ada, bot):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"])
    grant = house.last.subject
    assert (await ada.call("DELETE", f"/v1/consent-requests/{grant}"))[0] == 200
    status, answer = await bot.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_grant")


async def test_a_person_who_was_revoked_meanwhile_has_allowed_nothing(house, ada, bot):
    _, view = await bot.device()
    await allow(house, ada, view["user_code"])
    await ada.call("POST", "/v1/revocations", {"kind": "person", "id": ada.id, "reason": "lost laptop"})
    status, answer = await bot.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert "revoked since" in house.last.reason


async def test_a_client_whose_tokens_are_bound_gets_no_other(house, ada):
    house.register("clt_bound", role="order-reader", dpop_bound=True)
    asker = Asker(house, "clt_bound")
    _, view = await asker.device(scope="orders:read")
    await allow(house, ada, view["user_code"])
    status, answer = await asker.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_dpop_proof")
    proof = dpop(house, SigningKey.generate(house.world.entropy), "/oauth/token", "one")
    assert (await asker.poll_device(view["device_code"], headers=proof))[1]["token_type"] == "DPoP"


async def test_a_signing_client_is_no_actor(house, ada):
    asker = Asker(house, signing_client(house, "clt_desk", role="order-reader"))
    _, view = await asker.device(scope="orders:read")
    await allow(house, ada, view["user_code"])
    _, token = await asker.poll_device(view["device_code"])
    assert "act" not in claims_of(token["access_token"])
