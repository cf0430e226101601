# SPDX-License-Identifier: Apache-2.0
"""Who is at the console, and until when; and what the console's forms are held to."""

import pytest

from smartagent.console.doorkeeper import IDLE_SECONDS
from smartagent.kernel import OperatorRole
from tests.unit.console.house import cookie_of, text_of
from tests.unit.decoupled.house import FORM
from tests.unit.identity.world import ISSUER


def located(reply):
    return next(value for name, value in reply.headers if name == "location")


async def is_in(house, cookie, headers=None):
    return (await house.page("GET", "/console/account", cookie, headers=headers)).status == 200


async def test_who_has_not_signed_in_is_shown_where_to(house):
    reply = await house.page("GET", "/console/agents")
    assert reply.status == 401
    assert "Sign in" in text_of(reply)
    assert "trusted-types 'none'" in dict(reply.headers)["content-security-policy"]


async def test_a_session_is_over_when_nobody_looks_for_a_quarter_of_an_hour(house, cookie):
    house.later(IDLE_SECONDS - 1)
    assert await is_in(house, cookie)
    house.later(IDLE_SECONDS - 1)
    assert await is_in(house, cookie)
    house.later(IDLE_SECONDS)
    assert not await is_in(house, cookie)


async def test_what_a_page_loads_by_itself_is_no_sign_of_a_person(house, cookie):
    alone = {"sec-fetch-dest": "empty", "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}
    house.later(IDLE_SECONDS - 1)
    assert await is_in(house, cookie, alone)
    house.later(2)
    assert not await is_in(house, cookie, alone)


async def test_a_session_is_over_after_an_hour_however_busy(house, cookie):
    for _ in range(5):
        assert await is_in(house, cookie)
        house.later(IDLE_SECONDS - 100)
    assert not await is_in(house, cookie)


async def test_signing_in_leads_back_to_the_page_and_nowhere_else(house, ada):
    for referrer, back in (
        (f"{ISSUER}/console/agents/agt_1", "/console/agents/agt_1"),
        (f"{ISSUER}/console/sign-in", "/console"),
        (f"{ISSUER}/consolation", "/console"),
        ("https://evil.example//evil.example/console", "/console"),
        ("", "/console"),
    ):
        code = (await ada.call("POST", "/v1/sign-in-codes"))[1]["code"]
        reply = await house.page("POST", "/console/sign-in", "", {"code": code}, {"referer": referrer})
        assert (reply.status, located(reply)) == (303, back)


async def test_a_wrong_code_shows_the_page_again(house):
    reply = await house.page("POST", "/console/sign-in", "", {"code": "x"})
    assert reply.status == 403
    assert "The code is not good." in text_of(reply)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"origin": "https://evil.example"}, 401),
        ({"sec-fetch-site": "cross-site"}, 401),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}, 401),
    ],
)
async def test_a_form_of_another_site_is_nobodys(house, cookie, headers, status):
    assert (await house.page("POST", "/console/sign-out", cookie, {}, headers)).status == status


async def test_a_form_brings_the_token_of_its_session(house, ada, cookie):
    other = await house.sign_in(ada)
    foreign = house.consent.people.frame.token_for(other.partition("=")[2])
    for token in ("", "x", foreign):
        reply = await house.page("POST", "/console/sign-out", cookie, {"csrf": token})
        assert reply.status == 401
    assert await is_in(house, cookie)


async def test_another_site_leads_to_a_page_and_reads_nothing(house, cookie):
    leads = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    reads = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
    assert await is_in(house, cookie, leads)
    assert not await is_in(house, cookie, reads)


async def test_signing_out_ends_the_session_and_leads_to_the_door(house, cookie):
    reply = await house.page("POST", "/console/sign-out", cookie, {})
    assert (reply.status, located(reply)) == (303, "/console/sign-in")
    assert not await is_in(house, cookie)


async def test_sessions_are_listed_and_ended_by_their_owner_alone(house, ada, cookie):
    other = await house.sign_in(ada)
    _, listed = await ada.call("GET", "/v1/browser-sessions")
    first, second = listed["sessions"]
    assert (first["way"], first["began_at"]) == ("code", second["began_at"])
    bob = await house.world.operator("Bob")
    assert (await bob.call("DELETE", f"/v1/browser-sessions/{second['id']}"))[0] == 404
    assert await is_in(house, other)
    assert (await ada.call("DELETE", f"/v1/browser-sessions/{second['id']}"))[0] == 204
    assert (await is_in(house, cookie), await is_in(house, other)) == (True, False)


async def test_a_role_holds_from_the_next_request_on(house, ada, cookie):
    bob = await house.world.operator("Bob")
    seen = await house.page("GET", "/console/operators", cookie)
    assert "security-officer" in text_of(seen)
    await bob.call("POST", f"/v1/operators/{ada.id}/role", {"role": "viewer"})
    seen = text_of(await house.page("GET", "/console/operators", cookie))
    assert "Make a claim link" not in seen
    refused = await house.page("POST", "/console/operators", cookie, {})
    assert refused.status == 403
    assert "claim-links.create" in text_of(refused)
    assert house.last.permission == "console.view"
    assert any(each.permission == "claim-links.create" for each in house.world.store.records[-3:])


async def test_the_last_security_officer_cannot_be_demoted_by_anybody(house, ada):
    bob = await house.world.operator("Bob")
    for who, role, status in (
        (ada, OperatorRole.OPERATOR, 200),
        (bob, OperatorRole.VIEWER, 409),
        (ada, OperatorRole.SECURITY_OFFICER, 200),
        (bob, OperatorRole.VIEWER, 200),
    ):
        assert (await bob.call("POST", f"/v1/operators/{who.id}/role", {"role": role}))[0] == status
    assert (await bob.call("POST", f"/v1/operators/{ada.id}/role", {"role": "viewer"}))[0] == 403
    assert (await ada.call("POST", f"/v1/operators/opr_{'0' * 26}/role", {"role": "viewer"}))[0] == 404


async def test_a_claim_link_of_an_operator_makes_an_operator(house, ada):
    _, made = await ada.call("POST", "/v1/claim-links", {})
    actor = type(ada)(house.world, type(ada.key).generate(house.world.entropy))
    _, view = await house.world.call("POST", "/v1/claims", actor.claim(made["link"].partition("#")[2], "Eve"))
    assert view["role"] == "operator"
    _, listed = await ada.call("GET", "/v1/operators")
    assert {each["name"]: each["role"] for each in listed["operators"]} == {
        "Ada": "security-officer",
        "Eve": "operator",
    }


async def test_a_page_uses_no_proof_but_the_session(house, ada, cookie):
    caller = await house.world.authenticate(
        house.world.inbound("GET", "/console", headers={"cookie": cookie}), "console-session"
    )
    api = house.console.frame.api(caller)
    with pytest.raises(Exception, match="proof of identity"):
        await api.fetch("POST", "/v1/operator-sessions", {"operator": ada.id, "nonce": "", "signature": ""})
    with pytest.raises(Exception, match="check the path"):
        await api.fetch("GET", "/v1/nowhere")


async def test_a_report_of_a_browser_is_counted_and_not_kept(house):
    reply = await house.world.send(
        house.world.inbound(
            "POST", "/console/csp-reports", b'{"a": "secret"}', {"content-type": "application/csp-report"}
        )
    )
    assert (reply.status, house.console.violations) == (204, 1)
    assert "secret" not in repr(house.world.store.records)


async def test_a_file_is_kept_for_ever_under_its_digest(house):
    page = text_of(await house.page("GET", "/console/sign-in"))
    path = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    show = house.console.files()["/console/static/"]
    reply = await show(house.world.inbound("GET", path))
    assert dict(reply.headers)["cache-control"] == "public, max-age=31536000, immutable"
    with pytest.raises(Exception, match="another release"):
        await show(house.world.inbound("GET", "/console/static/../means.py"))


async def test_the_cookie_of_a_passkey_is_the_one_cookie(house, cookie, ring):
    assert (await house.add_passkey(cookie, ring)).status == 201
    answer = ring.use(house.passkeys.request())
    reply = await house.post("/console/sign-in/passkey", {"answer": answer})
    assert cookie_of(reply).startswith("__Host-smartagent=")
    assert FORM["content-type"] not in str(reply.headers)
