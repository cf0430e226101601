# SPDX-License-Identifier: Apache-2.0
"""What was changed between the request, the decision and the refresh."""

import pytest
from msgspec import structs

from smartagent.clients import Resource
from tests.unit.consent.house import API, CLIENT, answer_of, handle_of


def without_client(house):
    del house.world.clients.known[CLIENT]


def another_redirect(house):
    house.client(redirect_uris=("https://app.example/elsewhere",))


def no_codes(house):
    house.client(grant_types=("refresh_token",))


def without_resource(house):
    del house.world.clients.protected[API]


def less_of_the_resource(house):
    house.world.clients.protected[API] = Resource(API, "Orders", ("orders:write",))


@pytest.mark.parametrize(
    "change", [without_client, another_redirect, no_codes, without_resource, less_of_the_resource]
)
async def test_what_could_not_be_asked_any_more_is_neither_shown_nor_decided(house, cookie, change):
    handle = handle_of(await house.authorize(cookie))
    change(house)
    page = await house.page("GET", f"/oauth/consent?request={handle}", cookie)
    assert page.status == 410
    decided = await house.page("POST", "/oauth/consent", cookie, {"request": handle, "decision": "allow"})
    assert decided.status == 410
    assert not [value for name, value in decided.headers if name == "location"]


async def test_a_refresh_for_a_resource_that_is_gone_is_refused(house, cookie):
    view = await house.tokens(cookie)
    without_resource(house)
    status, problem = await house.refresh(view["refresh_token"])
    assert (status, problem["error"]) == (400, "invalid_target")


async def test_a_refresh_gives_what_is_left_of_the_scope(house, cookie):
    view = await house.tokens(cookie, scope="orders:read orders:write")
    less_of_the_resource(house)
    status, again = await house.refresh(view["refresh_token"])
    assert (status, again["scope"]) == (200, "orders:write")


async def test_a_refresh_of_which_nothing_is_left_is_refused(house, cookie):
    view = await house.tokens(cookie)
    less_of_the_resource(house)
    status, problem = await house.refresh(view["refresh_token"])
    assert (status, problem["error"]) == (400, "invalid_scope")


async def test_a_code_is_worth_what_is_left_of_its_scope(house, cookie):
    code = await house.code(cookie, scope="orders:read orders:write")
    less_of_the_resource(house)
    status, view = await house.redeem(code)
    assert (status, view["scope"]) == (200, "orders:write")


@pytest.mark.parametrize("prompt", ["none login", "login whatever", "consent none", "NONE"])
async def test_none_stands_alone_and_what_is_unknown_is_refused(house, cookie, prompt):
    assert answer_of(await house.authorize(cookie, prompt=prompt))["error"] == "invalid_request"


async def test_a_redirect_to_an_ipv6_loopback_is_named_in_a_form_that_browsers_read(house, cookie):
    client = house.client(redirect_uris=("http://[::1]/callback",))
    house.world.clients.known[CLIENT] = structs.replace(client)
    handle = handle_of(await house.authorize(cookie, redirect_uri="http://[::1]:4711/callback"))
    page = await house.page("GET", f"/oauth/consent?request={handle}", cookie)
    (policy,) = [value for name, value in page.headers if name == "content-security-policy"]
    assert policy.endswith("form-action 'self' http:")
