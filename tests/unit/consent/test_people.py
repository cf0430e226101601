# SPDX-License-Identifier: Apache-2.0
"""People in front of a browser: how they sign in, how they are known again, and who is not."""

import dataclasses

import pytest
from sqlalchemy import select

from smartagent.consent import People
from smartagent.consent.store import authorization_codes, browser_sessions, consent_grants, refresh_tokens
from smartagent.kernel import Work
from smartagent.tokens import RevocationKind, revocation_of
from tests.unit.consent.house import answer_of, handle_of, location_of
from tests.unit.identity.world import ISSUER


async def code_of(ada):
    return (await ada.call("POST", "/v1/sign-in-codes"))[1]["code"]


async def sign_in(house, code, headers=None, **more):
    return await house.page("POST", "/oauth/sign-in", "", {"code": code, **more}, headers)


async def is_known(house, cookie):
    """Say whether the page of a request is shown, and not the sign-in."""
    reply = await house.page("GET", location_of(await house.authorize(cookie)), cookie)
    return reply.status == 200


async def test_a_code_signs_in_once_however_it_is_typed(house, ada):
    code = await code_of(ada)
    typed = f"  {code.upper().replace('-', ' ')} "
    reply = await sign_in(house, typed)
    assert (reply.status, location_of(reply)) == (303, "/oauth/sign-in")
    (cookie,) = [value for name, value in reply.headers if name == "set-cookie"]
    assert cookie.startswith("__Host-smartagent=")
    assert cookie.endswith("; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert (await sign_in(house, code)).status == 403


async def test_a_code_lives_for_two_minutes(house, ada):
    first, second = await code_of(ada), await code_of(ada)
    house.later(119)
    assert (await sign_in(house, first)).status == 303
    house.later(1)
    assert (await sign_in(house, second)).status == 403


@pytest.mark.parametrize("code", ["", "x", "aaaa-bbbb", "\N{SNOWMAN}", "a" * 500])
async def test_a_code_that_is_none_is_refused_on_a_page(house, code):
    reply = await sign_in(house, code)
    assert reply.status == 403
    assert b"smartagentctl signin" in reply.body


async def test_neither_codes_nor_cookies_stand_in_the_store_or_the_log(house, ada):
    code = await code_of(ada)
    reply = await sign_in(house, code)
    secret = (
        next(value for name, value in reply.headers if name == "set-cookie")
        .partition("=")[2]
        .partition(";")[0]
    )
    dump = "\n".join(house.world.store._connection.iterdump()) + repr(house.world.store.records)
    assert code not in dump
    assert code.replace("-", "") not in dump
    assert secret not in dump


async def test_every_sign_in_is_a_session_of_its_own(house, ada):
    first, second = await house.sign_in(ada), await house.sign_in(ada)
    assert first != second
    assert await is_known(house, first)
    assert await is_known(house, second)


async def test_a_session_ends_with_its_hour_with_sign_out_and_with_the_person(house, ada, cookie):
    other = await house.sign_in(ada)
    assert (await house.page("POST", "/oauth/sign-out", other, {})).status == 303
    assert not await is_known(house, other)
    assert await is_known(house, cookie)
    house.later(3599)
    assert await is_known(house, cookie)
    house.later(1)
    assert not await is_known(house, cookie)
    await ada.login()
    again = await house.sign_in(ada)
    house.later(1)
    writes, changes = revocation_of(RevocationKind.PERSON, ada.id, now=house.world.clock.now())
    await house.world.store.commit(Work((), (), writes, changes))
    assert not await is_known(house, again)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ISSUER + ".evil.example"},
        {"origin": ISSUER, "sec-fetch-site": "cross-site"},
        {"origin": ISSUER, "sec-fetch-site": "same-site"},
        {"origin": "", "sec-fetch-site": "cross-site"},
        {"origin": ""},
    ],
)
async def test_a_form_from_another_site_does_nothing(house, ada, cookie, headers):
    handle = handle_of(await house.authorize(cookie))
    fields = {"request": handle, "decision": "allow"}
    assert (await house.page("POST", "/oauth/consent", cookie, fields, headers)).status == 401
    assert (await sign_in(house, await code_of(ada), headers)).status == 401


@pytest.mark.parametrize("csrf", ["", "x", "of another session"])
async def test_a_form_without_this_sessions_mark_does_nothing(house, ada, cookie, csrf):
    if csrf == "of another session":
        csrf = house.consent.people.frame.token_for((await house.sign_in(ada)).partition("=")[2])
    fields = {"request": handle_of(await house.authorize(cookie)), "decision": "allow", "csrf": csrf}
    assert (await house.page("POST", "/oauth/consent", cookie, fields)).status == 401


async def test_two_cookies_of_one_name_are_nobodys(house, cookie):
    assert not await is_known(house, f"{cookie}; {cookie.partition('=')[0]}=other")


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example",
        "//evil.example",
        "/oauth/../x",
        "/\\evil.example",
        "/v1/agents",
        "/oauth/consent?request=x#y",
        "/oauth/consent\r\nset-cookie: x=y",
        "javascript:alert(1)",
    ],
)
async def test_signing_in_leads_to_our_own_pages_only(house, ada, back):
    assert (await sign_in(house, await code_of(ada), back=back)).status == 400


async def test_signing_in_leads_back_to_what_was_asked(house, ada):
    shown = await house.page("GET", location_of(await house.authorize()))
    assert shown.status == 303
    back = "/oauth/consent?request=" + handle_of(await house.authorize())
    reply = await sign_in(house, await code_of(ada), back=back)
    assert location_of(reply) == back


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "login"},
        {"max_age": "60"},
        {"max_age": "0"},
        {"prompt": "select_account"},
        {"prompt": "consent login"},
    ],
)
async def test_whoever_must_sign_in_again_does_so_once(house, ada, cookie, changes):
    house.later(61)
    handle = location_of(await house.authorize(cookie, **changes))
    assert location_of(await house.page("GET", handle, cookie)).startswith("/oauth/sign-in?back=")
    fields = {"request": handle.partition("=")[2], "decision": "allow"}
    assert (await house.page("POST", "/oauth/consent", cookie, fields)).status == 403
    house.later(1)
    fresh = await house.sign_in(ada)
    assert (await house.page("GET", handle, fresh)).status == 200
    assert (await house.page("POST", "/oauth/consent", fresh, fields)).status == 303


async def test_a_decision_is_taken_once_and_by_whom_it_was_asked(house, cookie):
    handle = handle_of(await house.authorize(cookie))
    for decision, status in (("maybe", 400), ("deny", 303), ("allow", 410), ("deny", 410)):
        fields = {"request": handle, "decision": decision}
        assert (await house.page("POST", "/oauth/consent", cookie, fields)).status == status
    assert (await house.page("GET", f"/oauth/consent?request={handle}", cookie)).status == 410


async def test_a_request_that_nobody_decides_is_over_after_ten_minutes(house, cookie):
    handle = handle_of(await house.authorize(cookie))
    house.later(600)
    assert (await house.page("GET", f"/oauth/consent?request={handle}", cookie)).status == 410


async def test_who_says_no_is_recorded_and_the_client_is_told(house, cookie):
    answer = answer_of(await house.decided(cookie, "deny"))
    assert answer == {"error": "access_denied", "state": "s1", "iss": ISSUER}
    assert house.last.event == "authorization.denied"


async def test_without_being_asked_nobody_consents(house, cookie):
    answer = answer_of(await house.authorize(cookie, prompt="none"))
    assert answer["error"] == "consent_required"


async def test_over_plain_http_the_cookie_has_no_prefix_and_no_secure(house):
    means = dataclasses.replace(house.consent.people._means, issuer="http://127.0.0.1:8700")
    people = People(means)
    assert people.cookie == "smartagent"
    assert "Secure" not in people._attributes


async def test_what_expired_is_forgotten_a_day_later(house, cookie):
    view = await house.tokens(cookie)
    assert house.holds(view["access_token"])
    house.later(32 * 86_400)
    await house.consent.desk.sweep(house.world.store)
    for table in (browser_sessions, authorization_codes, consent_grants, refresh_tokens):
        assert await house.world.store.fetch(select(table)) == []
