# SPDX-License-Identifier: Apache-2.0
"""One refresher for each account, whatever dies or fails in the middle; and no token is ever shown."""

import asyncio
import base64

import pytest

from smartagent.accounts import AccountNotFound, AccountRefused, AccountUnreachable, ReconnectNeeded
from smartagent.accounts.rules import CLAIM_SECONDS, RETRY_SECONDS
from smartagent.drivers import DriverFailed, DriverUnreachable
from tests.unit.accounts.world import ENDPOINT, ENTRY, AccountsWorld


@pytest.fixture
async def world():
    made = await AccountsWorld().start()
    yield made
    made.store.close()


@pytest.fixture
async def ada(world):
    return await world.operator()


@pytest.fixture
async def connected(world, ada):
    status, body = await ada.call("PUT", "/v1/accounts/idp/ada", ENTRY)
    assert status == 201, body
    return world


async def test_the_first_access_token_is_got_with_the_refresh_token(connected):
    assert await connected.token() == "at-2-opaque"
    method, url, headers, form = connected.provider.asked[0]
    assert (method, url) == ("POST", ENDPOINT)
    assert headers["authorization"] == "Basic " + base64.b64encode(b"house:client+secret").decode()
    assert form == {"grant_type": "refresh_token", "refresh_token": "rt-1"}
    assert connected.events() == ["account.connected", "account.refreshing", "account.refreshed"]


async def test_it_is_used_until_it_is_close_to_its_end_and_then_refreshed(connected):
    await connected.token()
    connected.clock.at += 3600 - 301
    assert await connected.token() == "at-2-opaque"
    connected.clock.at += 2
    assert await connected.token() == "at-3-opaque"
    assert connected.provider.used == ["rt-1", "rt-2"]


async def test_a_provider_that_keeps_its_refresh_token_is_asked_with_it_again(connected):
    connected.provider.rotates = False
    for _ in range(3):
        await connected.token()
        connected.clock.at += 3600
    assert connected.provider.used == ["rt-1", "rt-1", "rt-1"]


async def test_many_that_want_it_at_once_on_many_nodes_refresh_once(connected):
    nodes = [connected, *(connected.another_node(f"n{number}") for number in range(4))]
    connected.provider.gate = asyncio.Event()
    asking = [asyncio.create_task(node.token()) for node in nodes for _ in range(10)]
    await asyncio.sleep(0)
    connected.provider.gate.set()
    assert set(await asyncio.gather(*asking)) == {"at-2-opaque"}
    assert connected.provider.used == ["rt-1"]


async def test_while_another_node_refreshes_the_old_token_is_used_as_long_as_it_lives(connected):
    await connected.token()
    connected.clock.at += 3400
    connected.provider.gate = asyncio.Event()
    first = asyncio.create_task(connected.token())
    while len(connected.provider.asked) < 2:  # noqa: ASYNC110 -- until the other has begun
        await asyncio.sleep(0)
    assert await connected.another_node("two").token() == "at-2-opaque"
    connected.provider.gate.set()
    assert await first == "at-3-opaque"


async def test_a_node_that_dies_before_it_asked_loses_nothing(connected):
    connected.provider.gate = asyncio.Event()
    dying = asyncio.create_task(connected.token())
    while not connected.provider.asked:  # noqa: ASYNC110 -- until it has begun
        await asyncio.sleep(0)
    dying.cancel()
    connected.provider.gate.set()
    two = connected.another_node("two")
    connected.clock.at += CLAIM_SECONDS
    assert await two.token() == "at-2-opaque"
    assert connected.provider.used == ["rt-1"]


async def test_an_answer_that_came_is_written_although_nobody_waits_for_it_any_more(connected):
    waiting = asyncio.create_task(connected.token())
    connected.ledger.before = 2
    while not connected.provider.used:  # noqa: ASYNC110 -- until the answer is under way
        await asyncio.sleep(0)
    waiting.cancel()
    for _ in range(50):
        await asyncio.sleep(0)
    assert "account.refreshed" in connected.events()
    assert await connected.another_node("two").token() == "at-2-opaque"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_store_that_fails_while_the_answer_is_written_is_asked_again(connected, when):
    setattr(connected.ledger, when, 2)
    assert await connected.token() == "at-2-opaque"
    assert await connected.another_node("two").token() == "at-2-opaque"
    assert connected.provider.used == ["rt-1"]


async def test_a_store_that_stays_away_is_written_to_when_it_is_back(connected):
    connected.ledger.before = 100
    with pytest.raises(AccountUnreachable):
        await connected.token()
    connected.ledger.before = 0
    assert await connected.token() == "at-2-opaque"
    assert connected.provider.used == ["rt-1"]


async def test_a_refresh_token_that_is_taken_no_more_is_marked_and_not_tried_again(connected, ada):
    connected.provider.good = "another"
    with pytest.raises(ReconnectNeeded):
        await connected.token()
    with pytest.raises(ReconnectNeeded):
        await connected.token()
    assert len(connected.provider.asked) == 1
    shown = await connected.shown(ada)
    assert (shown["state"], shown["failure"]) == ("reconnect-needed", "invalid_grant")
    assert "secret words" not in str(shown)


async def test_connecting_again_heals_it(connected, ada):
    connected.provider.good = "rt-new"
    with pytest.raises(ReconnectNeeded):
        await connected.token()
    entry = ENTRY | {"refresh_token": "rt-new"}
    assert (await ada.call("PUT", "/v1/accounts/idp/ada", entry))[0] == 409
    assert (await ada.call("PUT", "/v1/accounts/idp/ada?replace=true", entry))[0] == 200
    assert await connected.token() == "at-2-opaque"


@pytest.mark.parametrize("trouble", [DriverUnreachable("timeout"), (503, b""), (429, b"{}")])
async def test_trouble_uses_the_token_that_lives_and_waits_before_the_next_try(connected, trouble):
    await connected.token()
    connected.clock.at += 3400
    connected.provider.answers = [trouble]
    assert await connected.token() == "at-2-opaque"
    assert await connected.token() == "at-2-opaque"
    assert len(connected.provider.asked) == 2
    connected.clock.at += RETRY_SECONDS
    assert await connected.token() == "at-3-opaque"


async def test_trouble_with_no_token_that_lives_says_so(connected):
    connected.provider.answers = [DriverUnreachable("timeout")]
    with pytest.raises(AccountUnreachable):
        await connected.token()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (DriverFailed("not-https"), "not-https"),
        ((400, b'{"error": "invalid_client"}'), "invalid_client"),
        ((401, b'{"error": "made <up>"}'), "status-401"),
        ((302, b""), "status-302"),
        ((200, b"<html>"), "answer-not-understood"),
        ((200, b'{"access_token": ""}'), "answer-not-understood"),
        ((200, b'{"access_token": "a\\nb", "expires_in": 5}'), "answer-not-understood"),
        ((200, b'{"access_token": "abc", "token_type": "mac"}'), "token-type-not-bearer"),
        ((200, b'{"access_token": "abc", "expires_in": -1}'), "answer-not-understood"),
    ],
)
async def test_a_refusal_is_named_by_its_code_and_the_refresh_token_stays(connected, ada, answer, reason):
    connected.provider.answers = [answer]
    with pytest.raises(AccountRefused):
        await connected.token()
    assert (await connected.shown(ada))["failure"] == reason
    connected.clock.at += RETRY_SECONDS
    assert await connected.token() == "at-2-opaque"


async def test_what_comes_close_to_its_end_is_refreshed_by_whoever_has_the_turn(connected):
    await connected.token()
    connected.clock.at += 3400
    other = connected.another_node("two")
    other.turn.mine = False
    await other.accounts.step()
    assert len(connected.provider.asked) == 1
    await connected.accounts.step()
    assert connected.provider.used == ["rt-1", "rt-2"]


async def test_one_account_that_fails_does_not_keep_the_others_waiting(connected, ada):
    await ada.call("PUT", "/v1/accounts/idp/bob", ENTRY | {"refresh_token": "never good"})
    await connected.accounts.step()
    accounts = (await ada.call("GET", "/v1/accounts"))[1]["accounts"]
    assert [(each["name"], each["state"]) for each in accounts] == [
        ("ada", "connected"),
        ("bob", "reconnect-needed"),
    ]


async def test_an_operator_gets_a_new_one_now(connected, ada):
    await connected.token()
    status, _ = await ada.call("POST", "/v1/accounts/idp/ada/refresh", {})
    assert status == 200
    assert await connected.token() == "at-3-opaque"


async def test_what_is_forgotten_is_gone(connected, ada):
    assert (await ada.call("DELETE", "/v1/accounts/idp/ada"))[0] == 204
    assert (await ada.call("DELETE", "/v1/accounts/idp/ada"))[0] == 404
    with pytest.raises(AccountNotFound):
        await connected.token()


@pytest.mark.parametrize(
    "change",
    [
        {"token_endpoint": "http://idp.example/token"},
        {"client_id": ""},
        {"client_secret": "nothing"},
        {"client_secret": ""},
        {"auth": "digest"},
        {"auth": "none"},
        {"scopes": ["a b"]},
        {"refresh_token": ""},
        {"refresh_token": "two\nlines"},
        {"refresh_token": "x" * 20_000},
        {"unknown": 1},
    ],
)
async def test_an_entry_that_is_none_is_refused(world, ada, change):
    status, _ = await ada.call("PUT", "/v1/accounts/idp/ada", ENTRY | change)
    assert status == 400


@pytest.mark.parametrize("auth", ["post", "none"])
async def test_the_client_says_who_it_is_as_it_was_set(world, ada, auth):
    entry = ENTRY | {
        "auth": auth,
        "client_secret": "idp-client" if auth == "post" else "",
        "scopes": ["a", "b"],
    }
    assert (await ada.call("PUT", "/v1/accounts/idp/ada", entry))[0] == 201
    await world.token()
    _, _, headers, form = world.provider.asked[0]
    assert "authorization" not in headers
    assert form["client_id"] == "house"
    assert form.get("client_secret") == ("client secret" if auth == "post" else None)
    assert form["scope"] == "a b"


async def test_no_token_is_in_the_log_the_answers_or_the_store(connected, ada):
    await connected.token()
    told = str(connected.store.records) + str(await connected.shown(ada)) + repr(connected.provider.used[:0])
    rows = str(await connected.store.fetch(_everything()))
    for token in ("rt-1", "rt-2", "at-2-opaque"):
        assert token not in told
        assert token not in rows


def _everything():
    from smartagent.accounts.store import oauth_accounts

    return oauth_accounts.select()


async def test_agents_may_not_look(connected, world, ada):
    agent = await world.agent(ada)
    token = (await agent.session())["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert (await world.call("GET", "/v1/accounts", headers=headers))[0] == 403
