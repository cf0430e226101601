# SPDX-License-Identifier: Apache-2.0
"""CIBA in poll mode: whom a client may ask, for what, and every way it is refused."""

import asyncio

import pytest

from smartagent.clients import Resource
from smartagent.crypto import SigningKey
from tests.unit.decoupled.house import Asker, claims_of, dpop, second_operator, signing_client
from tests.unit.identity.world import GATEWAY, START

NOW = int(START)
ASK = {"scope": "openid orders:read", "login_hint": "Ada"}


@pytest.fixture
async def keys(house):
    """Keys of every algorithm: id_tokens are RS256."""
    await house.world.tokens.rings.tend(house.world.store)


async def decide(ada, decision="allow"):
    _, view = await ada.call("GET", "/v1/consent-requests")
    (waiting,) = view["requests"]
    return await ada.call("POST", f"/v1/consent-requests/{waiting['id']}", {"decision": decision})


async def test_a_client_is_told_how_to_poll(house, ada, bot):
    status, view = await bot.backchannel(**ASK)
    assert status == 200
    assert view.keys() == {"auth_req_id", "expires_in", "interval"}
    assert (view["expires_in"], view["interval"]) == (300, 5)
    assert len(view["auth_req_id"]) == len("sar_") + 43
    assert house.last.event == "backchannel.authentication-begun"
    assert house.last.detail["person"] == ada.id
    assert view["auth_req_id"] not in house.last.encode().decode()


async def test_what_the_person_allowed_is_a_token_and_an_id_token(house, ada, bot, keys):
    _, view = await bot.backchannel(**ASK)
    code = view["auth_req_id"]
    assert (await bot.poll_ciba(code))[1]["error"] == "authorization_pending"
    status, decided = await decide(ada)
    assert (status, decided["state"]) == (200, "allowed")
    assert house.last.event == "consent-request.allowed"
    status, token = await bot.poll_ciba(code)
    assert status == 200
    claims = claims_of(token["access_token"])
    assert (claims["sub"], claims["act"], claims["aud"]) == (ada.id, {"sub": bot.who.id}, GATEWAY)
    assert claims["lin"] == [decided["id"]]
    assert token["scope"] == "openid orders:read"
    about = claims_of(token["id_token"])
    assert (about["sub"], about["aud"], about["act"]) == (ada.id, bot.who.id, {"sub": bot.who.id})
    assert about["auth_time"] == claims["auth_time"] == NOW
    assert about["acr"] == "urn:smartagent:acr:operator-key"
    assert (await bot.poll_ciba(code))[1]["error"] == "invalid_grant"


async def test_a_denied_request_says_so(house, ada, bot):
    _, view = await bot.backchannel(**ASK)
    await decide(ada, "deny")
    assert house.last.event == "consent-request.denied"
    status, answer = await bot.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "access_denied")


async def test_nobody_decides_after_its_time(house, ada, bot):
    _, view = await bot.backchannel(**ASK, requested_expiry="60")
    _, waiting = await ada.call("GET", "/v1/consent-requests")
    request_id = waiting["requests"][0]["id"]
    house.later(60)
    assert (await ada.call("GET", "/v1/consent-requests"))[1]["requests"] == []
    status, answer = await ada.call("POST", f"/v1/consent-requests/{request_id}", {"decision": "allow"})
    assert (status, answer["type"]) == (404, "urn:smartagent:error:consent-request-not-found")
    status, answer = await bot.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "expired_token")


async def test_polls_that_come_too_early_are_slowed_down(house, ada, bot):
    _, view = await bot.backchannel(**ASK)
    await bot.poll_ciba(view["auth_req_id"])
    house.later(1)
    status, answer = await bot.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "slow_down")
    house.later(8)
    assert (await bot.poll_ciba(view["auth_req_id"]))[1]["error"] == "slow_down"


async def test_of_two_polls_at_once_one_redeems(house, ada, bot, keys):
    _, view = await bot.backchannel(**ASK)
    await decide(ada)
    answers = await asyncio.gather(*(bot.poll_ciba(view["auth_req_id"]) for _ in range(3)))
    assert sorted(status for status, _ in answers) == [200, 400, 400]


async def test_another_clients_request_is_no_grant(house, ada, bot):
    other = Asker(house, await house.world.agent(ada))
    _, view = await bot.backchannel(**ASK)
    await decide(ada)
    status, answer = await other.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("asked", "life"), [("1", 30), ("30", 30), ("31", 31), ("600", 600), ("601", 600), ("999999999", 600)]
)
async def test_the_life_that_a_client_asks_for_is_bounded(house, ada, bot, asked, life):
    _, view = await bot.backchannel(**ASK, requested_expiry=asked)
    assert view["expires_in"] == life


@pytest.mark.parametrize("asked", ["0", "-5", "1.5", "soon", "1" * 10, "\u0664"])
async def test_a_life_that_is_no_positive_number_is_malformed(house, ada, bot, asked):
    status, answer = await bot.backchannel(**ASK, requested_expiry=asked)
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"scope": "openid"}, "invalid_request"),
        ({"login_hint": "Ada"}, "invalid_request"),
        ({**ASK, "id_token_hint": "x"}, "invalid_request"),
        ({**ASK, "login_hint_token": "x"}, "invalid_request"),
        ({**ASK, "request": "ey"}, "invalid_request"),
        ({**ASK, "request_uri": "urn:x"}, "invalid_request"),
        ({**ASK, "user_code": "1234"}, "invalid_request"),
        ({**ASK, "scope": "orders:read"}, "invalid_scope"),
        ({**ASK, "scope": "openid nothing:such"}, "invalid_scope"),
        ({**ASK, "resource": "https://elsewhere.example"}, "invalid_target"),
        ({**ASK, "binding_message": "x" * 101}, "invalid_binding_message"),
        ({**ASK, "binding_message": "pay\u202e001"}, "invalid_binding_message"),
        ({**ASK, "binding_message": "one\ntwo"}, "invalid_binding_message"),
        ({**ASK, "binding_message": "a\u200bb"}, "invalid_binding_message"),
        ({**ASK, "binding_message": "   "}, "invalid_binding_message"),
        ({**ASK, "login_hint": "Nobody"}, "unknown_user_id"),
        ({**ASK, "login_hint": "opr_0000000000000000000000000"}, "unknown_user_id"),
        ({"scope": "openid", "id_token_hint": "x.y.z"}, "unknown_user_id"),
        ({"scope": "openid", "id_token_hint": "x" * 8193}, "unknown_user_id"),
        ({"scope": "openid", "login_hint_token": "x.y.z"}, "unknown_user_id"),
    ],
)
async def test_every_refusal_has_its_code_and_status(house, ada, bot, fields, error):
    status, answer = await bot.backchannel(**fields)
    assert (status, answer["error"]) == (400, error)
    assert "." in answer["error_description"]


async def test_a_client_that_does_not_authenticate_is_refused(house, ada):
    status, answer = await house.form("/oauth/backchannel", ASK)
    assert (status, answer["error"]) == (401, "invalid_client")


async def test_a_public_client_may_not_ask(house, ada, printer):
    status, answer = await printer.backchannel(**ASK)
    assert (status, answer["error"]) == (400, "unauthorized_client")


async def test_a_client_that_is_not_registered_for_it_may_not_ask(house, ada):
    asker = Asker(house, signing_client(house, "clt_desk", grant_types=("authorization_code",)))
    status, answer = await asker.backchannel(**ASK)
    assert (status, answer["error"]) == (400, "unauthorized_client")


async def test_a_person_is_not_asked_without_end(house, ada, bot):
    answers = [await bot.backchannel(**ASK) for _ in range(6)]
    assert [status for status, _ in answers] == [200] * 5 + [403]
    assert answers[-1][1]["error"] == "access_denied"
    # Another client is not held up by this one.
    other = Asker(house, await house.world.agent(ada))
    assert (await other.backchannel(**ASK))[0] == 200
    house.later(300)
    assert (await bot.backchannel(**ASK))[0] == 200


async def test_names_cannot_be_tried_out(house, ada, bot):
    answers = [await bot.backchannel(scope="openid", login_hint=f"Name {n}") for n in range(11)]
    assert [status for status, _ in answers] == [400] * 10 + [429]
    # Whether the next name is right is not told either.
    assert (await bot.backchannel(**ASK))[0] == 429
    house.later(60)
    assert (await bot.backchannel(**ASK))[0] == 200


async def test_all_hints_that_name_nobody_get_one_answer_and_stand_in_the_log(house, ada, bot):
    hints = [{"login_hint": "Nobody"}, {"id_token_hint": "x.y.z"}, {"login_hint_token": "x.y.z"}]
    answers, reasons = [], []
    for hint in hints:
        answers.append(await bot.backchannel(scope="openid", **hint))
        reasons.append(house.last.reason)
    assert answers[0] == answers[1] == answers[2]
    assert len(set(reasons)) == 3
    assert house.last.caller == bot.who.id


async def test_a_name_that_two_have_names_nobody(house, ada, bot):
    await second_operator(house, ada, "Ada")
    status, answer = await bot.backchannel(**ASK)
    assert (status, answer["error"]) == (400, "unknown_user_id")
    assert (await bot.backchannel(scope="openid", login_hint=ada.id))[0] == 200


async def test_an_id_token_of_this_client_says_who_is_meant_also_when_it_expired(house, ada, bot, keys):
    _, view = await bot.backchannel(**ASK)
    await decide(ada)
    _, token = await bot.poll_ciba(view["auth_req_id"])
    house.later(3600)
    await ada.login()
    hint = {"scope": "openid", "id_token_hint": token["id_token"]}
    assert (await bot.backchannel(**hint))[0] == 200
    other = Asker(house, await house.world.agent(ada))
    assert (await other.backchannel(**hint))[1]["error"] == "unknown_user_id"
    house.later(8 * 86_400)
    assert (await bot.backchannel(**hint))[1]["error"] == "unknown_user_id"


async def test_an_access_token_says_who_is_meant_while_it_lives(house, ada, bot, keys):
    _, view = await bot.backchannel(**ASK)
    await decide(ada)
    _, token = await bot.poll_ciba(view["auth_req_id"])
    more = {"scope": "openid orders:write", "login_hint_token": token["access_token"]}
    assert (await bot.backchannel(**more))[0] == 200
    other = Asker(house, await house.world.agent(ada))
    assert (await other.backchannel(**more))[1]["error"] == "unknown_user_id"
    house.later(900)
    status, answer = await bot.backchannel(**more)
    assert (status, answer["error"]) == (400, "expired_login_hint_token")


async def test_one_kind_of_token_is_not_taken_for_another(house, ada, bot, keys):
    _, view = await bot.backchannel(**ASK)
    await decide(ada)
    _, token = await bot.poll_ciba(view["auth_req_id"])
    crossed = [{"id_token_hint": token["access_token"]}, {"login_hint_token": token["id_token"]}]
    for hint in crossed:
        assert (await bot.backchannel(scope="openid", **hint))[1]["error"] == "unknown_user_id"


async def test_an_agents_own_token_names_no_person(house, ada, bot):
    _, own = await house.world.form(bot.who.form())
    status, answer = await bot.backchannel(scope="openid", login_hint_token=own["access_token"])
    assert (status, answer["error"]) == (400, "unknown_user_id")


async def test_a_signing_client_asks_for_a_resource(house, ada, keys):
    house.world.clients.protected["https://files.example"] = Resource(
        identifier="https://files.example", scopes=("files:read",)
    )
    asker = Asker(house, signing_client(house, "clt_desk"))
    _, view = await asker.backchannel(
        scope="openid files:read", login_hint=ada.id, resource="https://files.example"
    )
    await decide(ada)
    status, token = await asker.poll_ciba(view["auth_req_id"])
    assert status == 200
    claims = claims_of(token["access_token"])
    assert (claims["aud"], claims["sub"]) == ("https://files.example", ada.id)
    assert "act" not in claims


async def test_a_resource_that_wants_bound_tokens_gets_no_other(house, ada, keys):
    house.world.clients.protected["https://files.example"] = Resource(
        identifier="https://files.example", scopes=("files:read",), dpop_required=True
    )
    asker = Asker(house, signing_client(house, "clt_desk"))
    _, view = await asker.backchannel(
        scope="openid files:read", login_hint=ada.id, resource="https://files.example"
    )
    await decide(ada)
    status, answer = await asker.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "invalid_dpop_proof")
    key = SigningKey.generate(house.world.entropy)
    bound = await asker.poll_ciba(view["auth_req_id"], headers=dpop(house, key, "/oauth/token", "one"))
    assert (bound[0], bound[1]["token_type"]) == (200, "DPoP")


async def test_an_agent_may_have_a_resource_of_its_role_only(house, ada, bot, keys):
    asked = {"scope": "openid orders:read", "login_hint": "Ada"}
    _, view = await bot.backchannel(**asked, resource="https://api.example")
    await decide(ada)
    _, token = await bot.poll_ciba(view["auth_req_id"])
    assert claims_of(token["access_token"])["aud"] == "https://api.example"
    house.world.clients.protected["https://files.example"] = Resource(
        identifier="https://files.example", scopes=("orders:read",)
    )
    status, answer = await bot.backchannel(**asked, resource="https://files.example")
    assert (status, answer["error"]) == (400, "invalid_target")


async def test_a_client_without_a_role_learns_only_who_the_person_is(house, ada, keys):
    asker = Asker(house, signing_client(house, "clt_desk"))
    _, view = await asker.backchannel(scope="openid profile", login_hint=ada.id)
    await decide(ada)
    _, token = await asker.poll_ciba(view["auth_req_id"])
    claims = claims_of(token["access_token"])
    assert (claims["aud"], claims["scope"]) == (claims["iss"], "openid profile")
    status, answer = await asker.backchannel(scope="openid", login_hint=ada.id, resource=GATEWAY)
    assert (status, answer["error"]) == (400, "invalid_target")
