# SPDX-License-Identifier: Apache-2.0
"""The pages: who sees them, what they show, and what their forms do."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.decoupled.house import Asker, claims_of, read, second_operator

HOSTILE = '<script>alert(1)</script>"\u202egpj.exe\u200b'


@pytest.fixture
async def cookie(house, ada):
    return await house.sign_in(ada)


async def look(house, cookie, code, **more):
    return await house.page("POST", "/oauth/device", cookie, {"user_code": code}, **more)


async def test_whoever_has_not_signed_in_is_sent_to_do_so_and_back(house, bot):
    _, view = await bot.device()
    target = view["verification_uri_complete"].removeprefix("https://auth.example")
    for method, path in (("GET", target), ("GET", "/oauth/requests")):
        reply = await house.page(method, path)
        assert reply.status == 303
        (where,) = [value for name, value in reply.headers if name == "location"]
        assert parse_qs(urlsplit(where).query)["back"] == [path]


async def test_what_is_no_code_is_not_carried_to_the_sign_in_page(house):
    reply = await house.page("GET", "/oauth/device?user_code=https%3A%2F%2Fevil.example")
    (where,) = [value for name, value in reply.headers if name == "location"]
    assert parse_qs(urlsplit(where).query)["back"] == ["/oauth/device"]


@pytest.mark.parametrize("path", ["/oauth/device", "/oauth/requests"])
async def test_a_form_of_another_site_decides_nothing(house, cookie, path):
    fields = {"user_code": "BCDF-GHJK", "id": "gnt_x", "decision": "allow"}
    reply = await house.page("POST", path, cookie, fields, {"origin": "https://evil.example"})
    assert reply.status == 401
    assert reply.media_type.startswith("text/html")


@pytest.mark.parametrize("path", ["/oauth/device", "/oauth/requests"])
async def test_a_form_without_the_token_of_its_session_decides_nothing(house, ada, cookie, path):
    other = house.consent.people.frame.token_for("another session")
    for token in ("", other):
        fields = {"csrf": token, "user_code": "BCDF-GHJK", "id": "gnt_x", "decision": "allow"}
        reply = await house.page("POST", path, cookie, fields)
        assert reply.status == 401
        assert "Sign in first" in read(reply).text


async def test_the_form_asks_for_the_code(house, cookie):
    page = read(await house.page("GET", "/oauth/device", cookie))
    (form,) = page.of("form")
    assert (form["method"], form["action"]) == ("post", "/oauth/device")
    assert {"csrf", "user_code"} == {field["name"] for field in page.of("input")}
    assert "Did somebody send you a code" in page.text


async def test_a_code_from_a_link_is_filled_in_and_must_be_compared(house, cookie):
    page = read(await house.page("GET", "/oauth/device?user_code=bcdfghjk", cookie))
    (field,) = [each for each in page.of("input") if each["name"] == "user_code"]
    assert field["value"] == "BCDF-GHJK"
    assert "only if your own device shows the very same" in page.text


async def test_a_link_alone_shows_nothing_of_the_request(house, cookie, bot):
    _, view = await bot.device()
    page = read(await house.page("GET", f"/oauth/device?user_code={view['user_code']}", cookie))
    assert bot.who.id not in page.text
    assert (await bot.poll_device(view["device_code"]))[1]["error"] == "authorization_pending"


async def test_the_person_sees_who_asks_for_what_and_from_where(house, cookie, bot):
    _, view = await bot.device(scope="openid orders:read", resource="https://api.example")
    page = read(await look(house, cookie, view["user_code"]))
    for shown in (
        "bot", bot.who.id, "An agent, which will act in your name", "orders:read", "openid (who you are)",
        "https://api.example", "10.0.0.1", "2027-01-15T08:00:00Z", view["user_code"],
    ):  # fmt: skip
        assert shown in page.text, shown
    assert house.last.event == "consent-request.entered"
    assert house.last.detail["client"] == bot.who.id


@pytest.mark.parametrize("spelt", [str.lower, lambda c: c.replace("-", ""), lambda c: f" {c[:2]} {c[2:]} "])
async def test_the_code_may_be_typed_as_people_type(house, cookie, bot, spelt):
    _, view = await bot.device()
    assert (await look(house, cookie, spelt(view["user_code"]))).status == 200


async def test_allowing_needs_the_word_that_the_device_shows_the_code(house, cookie, bot):
    _, view = await bot.device()
    page = read(await look(house, cookie, view["user_code"]))
    (box,) = [field for field in page.of("input") if field["type"] == "checkbox"]
    assert "required" in box
    assert "checked" not in box
    fields = {"user_code": view["user_code"], "decision": "allow"}
    reply = await house.page("POST", "/oauth/device", cookie, fields)
    assert reply.status == 400
    assert "Confirm that your own device" in read(reply).text
    assert (await bot.poll_device(view["device_code"]))[1]["error"] == "authorization_pending"


async def test_denying_needs_no_more_than_the_button(house, cookie, bot):
    _, view = await bot.device()
    page = read(await look(house, cookie, view["user_code"]))
    (deny,) = [button for button in page.of("button") if button.get("value") == "deny"]
    assert "formnovalidate" in deny
    fields = {"user_code": view["user_code"], "decision": "deny"}
    assert (await house.page("POST", "/oauth/device", cookie, fields)).status == 200
    assert house.last.event == "consent-request.denied"


async def test_a_decision_must_be_one_that_there_is(house, cookie, bot):
    _, view = await bot.device()
    fields = {"user_code": view["user_code"], "decision": "perhaps", "confirmed": "yes"}
    assert (await house.page("POST", "/oauth/device", cookie, fields)).status == 400


async def test_all_codes_that_are_not_open_get_the_same_answer(house, ada, cookie, bot):
    _, decided = await bot.device()
    fields = {"user_code": decided["user_code"], "decision": "deny"}
    await house.page("POST", "/oauth/device", cookie, fields)
    _, taken = await bot.device()
    grace = await second_operator(house, ada, "Grace")
    await look(house, await house.sign_in(grace), taken["user_code"])
    _, expired = await bot.device()
    house.later(600)
    pages = set()
    for code in (decided["user_code"], taken["user_code"], expired["user_code"], "BCDF-GHJK", "no code"):
        reply = await look(house, cookie, code)
        assert reply.status == 400
        pages.add(read(reply).text.partition("(Request")[0])
        house.later(61)
    assert len(pages) == 1
    assert "No open request has this code." in pages.pop()


async def test_a_person_guesses_five_times_and_then_waits(house, cookie, bot):
    for _ in range(5):
        assert (await look(house, cookie, "BCDF-GHJK")).status == 400
    _, view = await bot.device()
    # The right one does not help either: that would tell which one is right.
    assert (await look(house, cookie, view["user_code"])).status == 429
    house.later(60)
    assert (await look(house, cookie, view["user_code"])).status == 200
    denied = [record for record in house.world.store.records if record.outcome == "user-code-unknown"]
    assert len(denied) == 5


async def test_an_address_guesses_for_all_its_people_together(house, ada):
    for n in range(4):
        one = await house.sign_in(await second_operator(house, ada, f"Grace {n}"))
        for _ in range(5):
            assert (await look(house, one, "BCDF-GHJK", client_ip="10.9.9.9")).status == 400
    last = await house.sign_in(ada)
    assert (await look(house, last, "BCDF-GHJK", client_ip="10.9.9.9")).status == 429
    assert (await look(house, last, "BCDF-GHJK", client_ip="10.9.9.8")).status == 400


async def test_right_codes_cost_no_tries(house, cookie, bot):
    for _ in range(12):
        _, view = await bot.device()
        assert (await look(house, cookie, view["user_code"])).status == 200
        house.later(2)


async def test_whoever_entered_the_code_decides_it(house, ada, cookie, bot):
    _, view = await bot.device()
    await look(house, cookie, view["user_code"])
    grace = await second_operator(house, ada, "Grace")
    other = await house.sign_in(grace)
    fields = {"user_code": view["user_code"], "decision": "allow", "confirmed": "yes"}
    assert (await house.page("POST", "/oauth/device", other, fields)).status == 400
    assert (await house.page("POST", "/oauth/device", cookie, fields)).status == 200
    _, token = await bot.poll_device(view["device_code"])
    assert claims_of(token["access_token"])["sub"] == ada.id


async def test_a_hostile_name_is_shown_as_what_it_is(house, cookie):
    house.register("clt_evil", name=HOSTILE, role="order-reader")
    evil = Asker(house, "clt_evil")
    _, view = await evil.device(scope="orders:read")
    reply = await look(house, cookie, view["user_code"])
    page = read(reply)
    assert page.of("script") == []
    assert "[U+202E]gpj.exe[U+200B]" in page.text
    assert "\u202e".encode() not in reply.body
    assert b"on" + b"click" not in reply.body


async def test_a_page_has_no_script_and_loads_nothing(house, cookie, bot):
    _, view = await bot.device()
    await bot.backchannel(scope="openid", login_hint="Ada", binding_message="Order 17")
    pages = [
        await house.page("GET", "/oauth/device", cookie),
        await look(house, cookie, view["user_code"]),
        await house.page("GET", "/oauth/requests", cookie),
    ]
    for reply in pages:
        policy = dict(reply.headers)["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        page = read(reply)
        for tag, attributes in page.tags:
            assert tag not in {"script", "img", "iframe", "object", "style"}
            assert tag != "link" or attributes["href"] == "/oauth/style.css"
            assert not [name for name in attributes if name.startswith("on") or name in {"style", "src"}]


async def test_a_waiting_request_shows_its_message_and_is_decided_there(house, cookie, bot):
    await bot.backchannel(scope="openid orders:read", login_hint="Ada", binding_message="Pay <b>17</b> & go")
    page = read(await house.page("GET", "/oauth/requests", cookie))
    assert "Pay <b>17</b> & go" in page.text
    assert page.of("b") == []
    (field,) = [each for each in page.of("input") if each["name"] == "id"]
    reply = await house.page("POST", "/oauth/requests", cookie, {"id": field["value"], "decision": "allow"})
    assert reply.status == 200
    assert house.last.event == "consent-request.allowed"
    again = await house.page("POST", "/oauth/requests", cookie, {"id": field["value"], "decision": "deny"})
    assert again.status == 404
    page = read(await house.page("GET", "/oauth/requests", cookie))
    assert "Nothing waits for you." in page.text


async def test_nobody_sees_or_decides_what_waits_for_another(house, ada, cookie, bot):
    await bot.backchannel(scope="openid", login_hint="Ada")
    request_id = house.last.subject
    grace = await second_operator(house, ada, "Grace")
    other = await house.sign_in(grace)
    assert "Nothing waits for you." in read(await house.page("GET", "/oauth/requests", other)).text
    fields = {"id": request_id, "decision": "allow"}
    assert (await house.page("POST", "/oauth/requests", other, fields)).status == 404


async def test_a_device_is_not_allowed_without_its_code(house, cookie, bot):
    _, view = await bot.device()
    await look(house, cookie, view["user_code"])
    request_id = house.last.subject
    page = read(await house.page("GET", "/oauth/requests", cookie))
    assert "Enter it again" in page.text
    assert page.of("form") == []
    fields = {"id": request_id, "decision": "allow"}
    assert (await house.page("POST", "/oauth/requests", cookie, fields)).status == 404


async def test_an_error_page_names_the_request_and_nothing_else(house, cookie):
    reply = await look(house, cookie, HOSTILE)
    page = read(reply)
    assert "(Request req_" in page.text
    assert "gpj" not in page.text
