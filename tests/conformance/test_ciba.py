# SPDX-License-Identifier: Apache-2.0
"""CIBA Core 1.0 in poll mode, section by section."""

import re

import pytest

from tests.unit.decoupled.house import CIBA_GRANT, Asker, Elsewhere, claims_of, metadata, read
from tests.unit.identity.world import ISSUER

ASK = {"scope": "openid orders:read", "login_hint": "Ada"}
PATH = "/oauth/backchannel"


@pytest.fixture
async def house():
    house = await Elsewhere.start()
    await house.world.tokens.rings.tend(house.world.store)
    yield house
    house.world.store.close()


@pytest.fixture
async def ada(house):
    return await house.world.operator()


@pytest.fixture
async def bot(house, ada):
    return Asker(house, await house.world.agent(ada))


async def decide(ada, decision="allow"):
    _, view = await ada.call("GET", "/v1/consent-requests")
    (waiting,) = view["requests"]
    await ada.call("POST", f"/v1/consent-requests/{waiting['id']}", {"decision": decision})


async def granted(ada, bot, **more):
    _, view = await bot.backchannel(**{**ASK, **more})
    await decide(ada)
    status, token = await bot.poll_ciba(view["auth_req_id"])
    assert status == 200
    return token


async def refused(bot, **fields):
    status, answer = await bot.backchannel(**fields)
    return status, answer["error"]


@pytest.mark.requirement("CIBA-4-1")
async def test_metadata_says_poll_and_nothing_else(house):
    said = metadata(house)
    assert CIBA_GRANT in said["grant_types_supported"]
    assert said["backchannel_authentication_endpoint"] == ISSUER + PATH
    assert said["backchannel_token_delivery_modes_supported"] == ["poll"]
    assert said["backchannel_user_code_parameter_supported"] is False


@pytest.mark.requirement("CIBA-7.1-1", "CIBA-13-5", "CIBA-13-7")
async def test_only_a_client_that_proves_itself_may_ask(house, ada):
    status, answer = await house.form(PATH, ASK)
    assert (status, answer["error"]) == (401, "invalid_client")
    house.register("clt_public", role="order-reader")
    assert await refused(Asker(house, "clt_public"), **ASK) == (400, "unauthorized_client")


@pytest.mark.requirement("CIBA-7.1-2", "CIBA-13-2")
async def test_the_scope_holds_openid_and_what_can_be_had(ada, bot):
    assert await refused(bot, scope="orders:read", login_hint="Ada") == (400, "invalid_scope")
    assert await refused(bot, scope="openid nothing:such", login_hint="Ada") == (400, "invalid_scope")


@pytest.mark.requirement("CIBA-7.1-3", "CIBA-13-1")
async def test_there_is_exactly_one_hint(ada, bot):
    hints = {"login_hint": "Ada", "id_token_hint": "a.b.c", "login_hint_token": "a.b.c"}
    names = list(hints)
    assert await refused(bot, scope="openid") == (400, "invalid_request")
    for left, right in ((0, 1), (0, 2), (1, 2)):
        two = {names[left]: hints[names[left]], names[right]: hints[names[right]]}
        assert await refused(bot, scope="openid", **two) == (400, "invalid_request")
    assert await refused(bot, scope="openid", **hints) == (400, "invalid_request")


@pytest.mark.requirement("CIBA-7.1-4")
async def test_an_old_id_token_of_this_client_names_the_person(house, ada, bot):
    token = await granted(ada, bot)
    house.later(3600)
    assert (await bot.backchannel(scope="openid", id_token_hint=token["id_token"]))[0] == 200
    await ada.login()
    other = Asker(house, await house.world.agent(ada))
    hint = {"scope": "openid", "id_token_hint": token["id_token"]}
    assert await refused(other, **hint) == (400, "unknown_user_id")


@pytest.mark.requirement("CIBA-7.1-5", "CIBA-13-6")
async def test_a_message_is_shown_as_it_was_sent_or_refused(house, ada, bot):
    await bot.backchannel(**ASK, binding_message="W4SCT & <17>")
    page = read(await house.page("GET", "/oauth/requests", await house.sign_in(ada)))
    assert "W4SCT & <17>" in page.text
    for hostile in ("x" * 101, "a\u202eb", "a\nb", "\x1b[2J"):
        assert await refused(bot, **ASK, binding_message=hostile) == (400, "invalid_binding_message")


@pytest.mark.requirement("CIBA-7.1-6")
async def test_the_life_that_is_asked_for_is_followed_within_bounds(ada, bot):
    lives = [(await bot.backchannel(**ASK, requested_expiry=n))[1]["expires_in"] for n in ("1", "45", "9999")]
    assert lives == [30, 45, 600]
    for wrong in ("0", "-1", "x"):
        assert await refused(bot, **ASK, requested_expiry=wrong) == (400, "invalid_request")


@pytest.mark.requirement("CIBA-7.1-7")
async def test_a_parameter_that_comes_twice_is_refused(house, ada, bot):
    proven = "&".join(f"{name}={value}" for name, value in bot.proven().items())
    body = f"{proven}&scope=openid&login_hint=Ada&login_hint=Ada".encode()
    status, answer = await house.form(PATH, body)
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.requirement("CIBA-7.1.1-1")
async def test_a_signed_request_is_refused(ada, bot):
    assert await refused(bot, **ASK, request="a.b.c") == (400, "invalid_request")


@pytest.mark.requirement("CIBA-7.3-1", "CIBA-7.3-2")
async def test_the_answer_has_an_id_that_nobody_guesses(ada, bot):
    status, view = await bot.backchannel(**ASK)
    assert status == 200
    assert view.keys() == {"auth_req_id", "expires_in", "interval"}
    assert re.fullmatch(r"[A-Za-z0-9._-]{47}", view["auth_req_id"])
    assert view["auth_req_id"] != (await bot.backchannel(**ASK))[1]["auth_req_id"]


@pytest.mark.requirement("CIBA-8-1", "CIBA-11-1")
async def test_nothing_is_given_before_the_person_consents(ada, bot):
    _, view = await bot.backchannel(**ASK)
    status, answer = await bot.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "authorization_pending")
    await decide(ada)
    assert (await bot.poll_ciba(view["auth_req_id"]))[0] == 200


@pytest.mark.requirement("CIBA-10.1-1", "CIBA-11-5")
async def test_an_id_is_its_clients_and_good_once(house, ada, bot):
    other = Asker(house, await house.world.agent(ada))
    _, view = await bot.backchannel(**ASK)
    await decide(ada)
    for asker, code in ((other, view["auth_req_id"]), (bot, "sar_unknown")):
        status, answer = await asker.poll_ciba(code)
        assert (status, answer["error"]) == (400, "invalid_grant")
    assert (await bot.poll_ciba(view["auth_req_id"]))[0] == 200
    status, answer = await bot.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "invalid_grant")


@pytest.mark.requirement("CIBA-10.1.1-1")
async def test_the_tokens_are_about_the_person(ada, bot):
    token = await granted(ada, bot)
    assert claims_of(token["access_token"])["sub"] == ada.id
    about = claims_of(token["id_token"])
    assert (about["iss"], about["sub"], about["aud"]) == (ISSUER, ada.id, bot.who.id)
    assert "at_hash" in about


@pytest.mark.requirement("CIBA-11-2")
async def test_early_polls_are_slowed_down_for_good(house, ada, bot):
    _, view = await bot.backchannel(**ASK)
    answers = []
    for wait in (0, 1, 7, 15, 20):
        house.later(wait)
        answers.append((await bot.poll_ciba(view["auth_req_id"]))[1]["error"])
    pending, slower = "authorization_pending", "slow_down"
    assert answers == [pending, slower, slower, pending, pending]


@pytest.mark.requirement("CIBA-11-3")
async def test_what_took_too_long_is_told_as_expired(house, ada, bot):
    _, view = await bot.backchannel(**ASK)
    house.later(view["expires_in"])
    status, answer = await bot.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "expired_token")


@pytest.mark.requirement("CIBA-11-4")
async def test_a_no_is_told_as_access_denied(ada, bot):
    _, view = await bot.backchannel(**ASK)
    await decide(ada, "deny")
    status, answer = await bot.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "access_denied")


@pytest.mark.requirement("CIBA-13-3")
async def test_a_token_that_hints_and_is_over_is_told_as_such(house, ada, bot):
    token = await granted(ada, bot)
    hint = {"scope": "openid", "login_hint_token": token["access_token"]}
    assert (await bot.backchannel(**hint))[0] == 200
    house.later(token["expires_in"])
    assert await refused(bot, **hint) == (400, "expired_login_hint_token")


@pytest.mark.requirement("CIBA-13-4")
async def test_whatever_names_nobody_is_answered_alike(ada, bot):
    hints = [{"login_hint": "Nobody"}, {"id_token_hint": "a.b.c"}, {"login_hint_token": "a.b.c"}]
    answers = [await bot.backchannel(scope="openid", **hint) for hint in hints]
    assert [(status, answer["error"]) for status, answer in answers] == [(400, "unknown_user_id")] * 3
    assert len({answer["error_description"] for _, answer in answers}) == 1


@pytest.mark.requirement("CIBA-13-8")
async def test_a_person_with_enough_to_decide_is_not_asked_more(ada, bot):
    for _ in range(5):
        assert (await bot.backchannel(**ASK))[0] == 200
    assert await refused(bot, **ASK) == (403, "access_denied")
