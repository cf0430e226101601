# SPDX-License-Identifier: Apache-2.0
"""The authorization code grant, as its specifications have it."""

import asyncio

import pytest

from smartagent.clients import match_redirect
from smartagent.crypto import SigningKey, system_entropy
from tests.unit.consent.house import (
    API,
    CLIENT,
    REDIRECT,
    VERIFIER,
    House,
    answer_of,
    location_of,
)
from tests.unit.identity.world import ISSUER


def page_of(reply):
    return reply.status, reply.body.decode()


@pytest.mark.requirement("RFC6749-4.1.1-1", "RFC6749-4.1.2.1-2", "RFC9207-2-1")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "orders:delete"}, "invalid_scope"),
        ({"scope": "orders:read  orders:write"}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        ({"prompt": "whatever"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"dpop_jkt": "x"}, "invalid_request"),
        ({"nonce": "n" * 600}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_what_cannot_be_granted_is_told_the_client(house, changes, code):
    answer = answer_of(await house.authorize(**changes))
    assert (answer["error"], answer["state"], answer["iss"]) == (code, "s1", ISSUER)
    assert house.last.outcome == "authorization-refused"


@pytest.mark.requirement("RFC6749-4.1.2.1-1")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "clt_" + "9" * 26},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": REDIRECT + "?x=1"},
        {"redirect_uri": REDIRECT.upper()},
        {"request_uri": "urn:ietf:params:oauth:request_uri:unknown"},
        {"request_uri": "https://app.example/request.jwt"},
    ],
)
async def test_whom_the_answer_would_reach_is_not_guessed(house, changes):
    status, text = page_of(await house.authorize(**changes))
    assert status == 400
    assert "Nothing was sent back to it" in text


@pytest.mark.requirement("RFC6749-3.1-1")
async def test_a_parameter_that_comes_twice_is_refused_on_a_page(house):
    target = f"/oauth/authorize?client_id={CLIENT}&client_id={CLIENT}"
    assert (await house.page("GET", target)).status == 400


@pytest.mark.requirement("RFC7636-4.4.1-1", "RFC9700-2.1.1-1")
@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": "short"},
        {"code_challenge": "=" * 43},
    ],
)
async def test_a_request_without_a_good_challenge_is_refused(house, changes):
    assert answer_of(await house.authorize(**changes))["error"] == "invalid_request"


@pytest.mark.requirement("RFC8707-2.1-1", "RFC9207-2-1")
async def test_a_code_becomes_a_token_for_the_resource_and_what_was_consented_to(house, cookie):
    answer = answer_of(await house.decided(cookie))
    assert answer.keys() == {"code", "state", "iss"}
    status, view = await house.redeem(answer["code"])
    assert (status, view["scope"], view["token_type"]) == (200, "orders:read", "Bearer")
    claims = house.world.tokens.access.verified(view["access_token"]).claims
    assert (claims.sub, claims.client_id, claims.aud) == (house.ada.id, CLIENT, API)
    assert claims.lin[0].startswith("gnt_")
    assert "id_token" not in view


async def test_without_a_resource_the_token_is_for_the_house_and_says_who_somebody_is(house, cookie):
    view = await house.tokens(cookie, resource=None, scope="openid profile")
    headers = {"authorization": f"Bearer {view['access_token']}"}
    status, about = await house.world.call("GET", "/oauth/userinfo", None, headers)
    assert (status, about) == (200, {"sub": house.ada.id, "name": "Ada"})
    # In the name of an operator, and yet no operator.
    assert (await house.world.call("GET", "/v1/agents", None, headers))[0] == 403


@pytest.mark.requirement("RFC6749-4.1.2-1")
async def test_a_code_is_good_for_a_minute(house, cookie):
    first, second = await house.code(cookie), await house.code(cookie)
    house.later(59)
    assert (await house.redeem(first))[0] == 200
    house.later(1)
    assert (await house.redeem(second))[1]["error"] == "invalid_grant"


@pytest.mark.requirement("RFC6749-4.1.2-2")
async def test_a_code_that_comes_twice_ends_what_came_of_it(house, cookie):
    code = await house.code(cookie)
    _, view = await house.redeem(code)
    assert house.holds(view["access_token"])
    status, again = await house.redeem(code)
    assert (status, again["error"]) == (400, "invalid_grant")
    assert not house.holds(view["access_token"])
    assert (await house.refresh(view["refresh_token"]))[1]["error"] == "invalid_grant"
    assert house.world.store.records[-2].outcome == "authorization-code-used-again"


@pytest.mark.requirement("RFC6749-4.1.2-2")
async def test_of_two_who_redeem_at_once_nobody_keeps_anything(house, cookie):
    other = await house.another()
    code = await house.code(cookie)
    answers = await asyncio.gather(house.redeem(code), other.redeem(code), house.redeem(code))
    given = [view["access_token"] for status, view in answers if status == 200]
    assert len(given) <= 1
    assert not any(house.holds(token) for token in given)


@pytest.mark.requirement("RFC6749-4.1.3-1")
async def test_a_code_is_its_clients_and_goes_where_it_was_sent(house, cookie):
    house.client("clt_" + "1" * 26)
    code = await house.code(cookie)
    assert (await house.redeem(code, client_id="clt_" + "1" * 26))[1]["error"] == "invalid_grant"
    assert (await house.redeem(code, redirect_uri=REDIRECT + "/"))[1]["error"] == "invalid_grant"
    # Neither was its client's use of it.
    assert (await house.redeem(code))[0] == 200


@pytest.mark.requirement("RFC7636-4.6-1")
@pytest.mark.parametrize("verifier", ["x" * 43, VERIFIER[:42], "v" * 129, VERIFIER + " ", VERIFIER.upper()])
async def test_a_verifier_that_is_not_the_challenges_is_refused(house, cookie, verifier):
    status, view = await house.redeem(await house.code(cookie), code_verifier=verifier)
    assert (status, view["error"]) == (400, "invalid_grant")


@pytest.mark.requirement("RFC7636-4.6-1")
@pytest.mark.parametrize("missing", ["code", "code_verifier"])
async def test_what_is_missing_is_an_invalid_request(house, cookie, missing):
    status, view = await house.redeem(await house.code(cookie), **{missing: None})
    assert (status, view["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC8252-7.3-1")
def test_of_a_loopback_address_only_the_port_is_free():
    house = House.__new__(House)
    house.world = type("W", (), {"clients": type("C", (), {"known": {}})()})()
    client = house.client(
        redirect_uris=("http://127.0.0.1/callback", "http://localhost:1/cb", "http://[::1]/x")
    )
    for good in ("http://127.0.0.1:8123/callback", "http://localhost:9/cb", "http://[::1]:7/x"):
        assert match_redirect(client, good)
    for bad in (
        "http://127.0.0.1:8123/other",
        "https://127.0.0.1:8123/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.2:8123/callback",
        "http://x@127.0.0.1/callback",
        "http://127.0.0.1/callback?x=1",
        "http://127.0.0.1:99999/callback",
    ):
        assert not match_redirect(client, bad), bad


@pytest.mark.requirement("RFC8707-2.2-1")
async def test_a_code_is_redeemed_for_its_own_resource(house, cookie):
    code = await house.code(cookie)
    assert (await house.redeem(code, resource="https://other.example"))[1]["error"] == "invalid_target"
    assert (await house.redeem(code, resource=API))[0] == 200


@pytest.mark.requirement("RFC9449-10-1")
async def test_a_code_that_is_bound_to_a_key_needs_its_proof(house, cookie):
    key, other = (SigningKey.generate(system_entropy) for _ in range(2))
    code = await house.code(cookie, dpop_jkt=key.public.thumbprint)
    assert (await house.redeem(code))[1]["error"] == "invalid_grant"
    assert (await house.redeem(code, house.proof(other)))[1]["error"] == "invalid_grant"
    status, view = await house.redeem(code, house.proof(key))
    assert (status, view["token_type"]) == (200, "DPoP")


@pytest.mark.requirement("RFC9700-4.16-1")
async def test_no_page_is_shown_in_a_frame_and_none_has_a_script(house, cookie):
    handle = location_of(await house.authorize(cookie))
    pages = [
        await house.page("GET", "/oauth/sign-in"),
        await house.page("GET", handle, cookie),
        await house.authorize(client_id="clt_x"),
    ]
    for reply in pages:
        headers = dict(reply.headers)
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert b"<script" not in reply.body


async def test_the_page_names_where_its_form_may_lead_to(house, cookie):
    reply = await house.page("GET", location_of(await house.authorize(cookie)), cookie)
    policy = dict(reply.headers)["content-security-policy"]
    assert policy.endswith("form-action 'self' https://app.example")


async def test_an_id_token_has_the_nonce_that_was_asked_with(house, cookie):
    import jwt

    view = await house.tokens(cookie, scope="openid", nonce="n-1")
    claims = jwt.decode(view["id_token"], options={"verify_signature": False})
    assert (claims["nonce"], claims["aud"], claims["iss"]) == ("n-1", CLIENT, ISSUER)
    _, refreshed = await house.refresh(view["refresh_token"])
    assert "nonce" not in jwt.decode(refreshed["id_token"], options={"verify_signature": False})


async def test_a_form_post_answer_is_a_form_for_the_clients_own_address(house, cookie):
    reply = await house.decided(cookie, response_mode="form_post")
    text = reply.body.decode()
    assert reply.status == 200
    assert f'action="{REDIRECT}"' in text
    assert 'name="code"' in text
    assert "form-action 'self' https://app.example" in dict(reply.headers)["content-security-policy"]
