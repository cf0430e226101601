# SPDX-License-Identifier: Apache-2.0
"""Refresh tokens, as RFC 6749 and RFC 9700 have them."""

import asyncio

import pytest

from smartagent.clients import AuthMethod, ClientKind
from smartagent.crypto import SigningKey, system_entropy
from smartagent.kernel import Work
from smartagent.tokens import RevocationKind, revocation_of
from tests.unit.consent.house import CLIENT

DAY = 86_400


async def refused(house, token, **more):
    status, view = await house.refresh(token, **more)
    return status == 400 and view["error"] == "invalid_grant"


@pytest.mark.requirement("RFC9700-4.14.2-1")
async def test_each_refresh_gives_another_token_of_the_same_family(house, cookie):
    view = await house.tokens(cookie)
    first = house.world.tokens.access.verified(view["access_token"]).claims
    for _ in range(3):
        before = view["refresh_token"]
        status, view = await house.refresh(before)
        assert status == 200
        assert view["refresh_token"] != before
    claims = house.world.tokens.access.verified(view["access_token"]).claims
    assert (claims.lin, claims.sid, claims.sub) == (first.lin, first.sid, first.sub)


@pytest.mark.requirement("RFC9700-4.14.2-1")
async def test_a_token_that_comes_twice_ends_the_family(house, cookie):
    view = await house.tokens(cookie)
    _, newer = await house.refresh(view["refresh_token"])
    assert await refused(house, view["refresh_token"])
    assert await refused(house, newer["refresh_token"])
    for given in (view, newer):
        assert not house.holds(given["access_token"])
    assert house.world.store.records[-2].outcome == "refresh-token-used-again"


@pytest.mark.requirement("RFC9700-4.14.2-1")
async def test_of_two_who_refresh_at_once_nobody_keeps_anything(house, cookie):
    other = await house.another()
    view = await house.tokens(cookie)
    answers = await asyncio.gather(*(node.refresh(view["refresh_token"]) for node in (house, other)))
    given = [answer["access_token"] for status, answer in answers if status == 200]
    assert len(given) <= 1
    assert not any(house.holds(token) for token in [*given, view["access_token"]])


@pytest.mark.requirement("RFC6749-6-1")
async def test_a_refresh_token_is_its_clients(house, cookie):
    house.client("clt_" + "1" * 26)
    view = await house.tokens(cookie)
    assert await refused(house, view["refresh_token"], client_id="clt_" + "1" * 26)
    assert await refused(house, "srr_unknown")
    status, answer = await house.form("/oauth/token", {"grant_type": "refresh_token", "client_id": CLIENT})
    assert (status, answer["error"]) == (400, "invalid_request")
    assert (await house.refresh(view["refresh_token"]))[0] == 200


@pytest.mark.requirement("RFC6749-6-2")
async def test_scope_shrinks_for_one_token_and_never_grows(house, cookie):
    view = await house.tokens(cookie, scope="orders:read orders:write")
    _, less = await house.refresh(view["refresh_token"], scope="orders:read")
    assert less["scope"] == "orders:read"
    _, all_again = await house.refresh(less["refresh_token"])
    assert all_again["scope"] == "orders:read orders:write"
    status, answer = await house.refresh(all_again["refresh_token"], scope="orders:read openid")
    assert (status, answer["error"]) == (400, "invalid_scope")
    status, answer = await house.refresh(all_again["refresh_token"], resource="https://other.example")
    assert (status, answer["error"]) == (400, "invalid_target")
    assert (await house.refresh(all_again["refresh_token"]))[0] == 200


@pytest.mark.requirement("RFC9700-4.14.2-2")
async def test_what_is_not_used_for_a_week_expires(house, cookie):
    view = await house.tokens(cookie)
    house.later(7 * DAY)
    assert await refused(house, view["refresh_token"])


@pytest.mark.requirement("RFC9700-4.14.2-2")
async def test_a_family_ends_after_thirty_days_however_busy_it_was(house, cookie):
    view = await house.tokens(cookie)
    for _ in range(5):
        house.later(6 * DAY - 1)
        status, view = await house.refresh(view["refresh_token"])
        assert status == 200
    house.later(5)
    assert await refused(house, view["refresh_token"])


@pytest.mark.requirement("RFC9700-4.14.2-3")
async def test_a_family_ends_with_the_person_the_client_and_the_grant(house, cookie):
    world = house.world
    for kind, subject in ((RevocationKind.PERSON, house.ada.id), (RevocationKind.CLIENT, CLIENT)):
        view = await house.tokens(await house.sign_in(house.ada))
        house.later(1)
        writes, changes = revocation_of(kind, subject, now=world.clock.now())
        await world.store.commit(Work((), (), writes, changes))
        house.later(1)
        assert await refused(house, view["refresh_token"])
        await house.ada.login()


@pytest.mark.requirement("RFC9700-4.14.2-3")
async def test_an_operator_ends_a_grant_with_all_that_came_of_it(house, cookie):
    view = await house.tokens(cookie)
    _, page = await house.ada.call("GET", "/v1/grants")
    (grant,) = page["grants"]
    assert (grant["person"], grant["client"], grant["scope"]) == (house.ada.id, CLIENT, "orders:read")
    assert (await house.ada.call("DELETE", f"/v1/grants/{grant['id']}"))[0] == 204
    assert not house.holds(view["access_token"])
    assert await refused(house, view["refresh_token"])
    _, page = await house.ada.call("GET", "/v1/grants")
    assert page["grants"][0]["ended_at"]
    assert (await house.ada.call("DELETE", "/v1/grants/gnt_unknown"))[0] == 404


@pytest.mark.requirement("RFC7009-2.1-R1")
async def test_giving_a_refresh_token_back_ends_all_of_its_grant(house, cookie):
    view = await house.tokens(cookie)
    form = {"client_id": CLIENT, "token": view["refresh_token"]}
    assert (await house.form("/oauth/revoke", form))[0] == 200
    assert not house.holds(view["access_token"])
    assert await refused(house, view["refresh_token"])


@pytest.mark.requirement("RFC9449-5-R1")
async def test_a_public_clients_refresh_token_is_bound_to_its_key(house, cookie):
    key, other = (SigningKey.generate(system_entropy) for _ in range(2))
    view = await house.tokens(cookie, house.proof(key))
    assert view["token_type"] == "DPoP"
    assert await refused(house, view["refresh_token"])
    assert await refused(house, view["refresh_token"], headers=house.proof(other))
    status, view = await house.refresh(view["refresh_token"], house.proof(key))
    assert (status, view["token_type"]) == (200, "DPoP")


async def test_a_client_that_registered_no_refresh_gets_none(house, cookie):
    house.client(grant_types=("authorization_code",))
    view = await house.tokens(cookie)
    assert "refresh_token" not in view
    status, answer = await house.refresh("srr_x")
    assert (status, answer["error"]) == (400, "unauthorized_client")


async def test_a_client_that_takes_bound_tokens_only_is_given_no_other(house, cookie):
    house.client(dpop_bound=True, kind=ClientKind.DYNAMIC, auth_method=AuthMethod.NONE)
    status, answer = await house.redeem(await house.code(cookie))
    assert (status, answer["error"]) == (400, "invalid_dpop_proof")
