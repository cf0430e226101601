# SPDX-License-Identifier: Apache-2.0
"""Userinfo: what the holder of a token may know of its subject."""

import pytest

from smartagent.oauth.challenge import completed
from tests.unit.identity.world import ISSUER, START
from tests.unit.oauth.enquiries import ORDERS, acting, bearer, headers_of, mint, open_enquiries, shown

NOW = int(START)
PATH = "/oauth/userinfo"
METADATA = f"{ISSUER}/.well-known/oauth-protected-resource"


@pytest.fixture(autouse=True)
def _open(world):
    open_enquiries(world)


async def ask(world, token, method="GET"):
    return await world.send(world.inbound(method, PATH, None, bearer(token)))


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_operator_is_shown_with_their_name_when_their_profile_was_asked_for(world, ada, method):
    token = mint(world, ada.id, client_id="clt_web", scope="openid profile").token

    reply = await ask(world, token, method)

    assert (reply.status, reply.media_type) == (200, "application/json")
    assert headers_of(reply) == {"cache-control": ["no-store"], "pragma": ["no-cache"]}
    assert shown(reply) == {"sub": ada.id, "name": "Ada"}
    record = world.store.records[-1]
    assert (record.event, record.caller, record.subject) == ("userinfo.read", ada.id, ada.id)


async def test_without_the_profile_only_the_subject_is_told(world, ada):
    token = mint(world, ada.id, client_id="clt_web").token

    assert shown(await ask(world, token)) == {"sub": ada.id}


async def test_of_an_outside_person_nothing_but_the_subject_is_known(world):
    token = mint(world, "prs_" + "a" * 26, client_id="clt_web", scope="openid profile").token

    assert shown(await ask(world, token)) == {"sub": "prs_" + "a" * 26}


async def test_an_agent_that_acts_is_told_with_the_person_it_acts_for(world, ada, bot):
    token = mint(world, ada.id, client_id=bot.id, act=acting(bot.id), scope="openid profile").token

    assert shown(await ask(world, token)) == {
        "sub": ada.id,
        "name": "Ada",
        "agent_type": "smartagent:order-reader",
        "agent_instance_id": bot.id,
        "delegator_sub": ada.id,
        "delegation_chain": [
            {"iss": ISSUER, "sub": ada.id, "aud": bot.id, "delegated_at": NOW, "scope": "openid profile"}
        ],
    }


async def test_an_agent_for_itself_delegates_nothing(world, bot):
    token = mint(world, bot.id, scope="openid profile").token

    assert shown(await ask(world, token)) == {
        "sub": bot.id,
        "name": "bot",
        "agent_type": "smartagent:order-reader",
        "agent_instance_id": bot.id,
    }


@pytest.mark.parametrize("scope", ["", "orders:read", "profile", "openidx"])
async def test_a_token_without_openid_does_not_reach_this_far(world, bot, scope):
    reply = await ask(world, mint(world, bot.id, scope=scope).token)

    assert reply.status == 403
    bearer_challenge, dpop_challenge = headers_of(reply)["www-authenticate"]
    assert bearer_challenge == (
        f'Bearer error="insufficient_scope", scope="openid", resource_metadata="{METADATA}"'
    )
    assert dpop_challenge.startswith('DPoP error="insufficient_scope", scope="openid"')
    body = shown(reply)
    assert (body["type"], body["missing"]) == ("urn:smartagent:error:token-scope-insufficient", "openid")
    assert world.store.records[-1].outcome == "token-scope-insufficient"


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
async def test_a_bad_token_is_invalid(world, token):
    reply = await ask(world, token)

    assert reply.status == 401
    assert headers_of(reply)["www-authenticate"][0] == 'Bearer error="invalid_token"'


async def test_a_token_for_another_resource_is_invalid_here(world, ada):
    assert (await ask(world, mint(world, ada.id, client_id="c", audience=ORDERS).token)).status == 401


async def test_a_bound_token_is_refused_under_bearer(world, ada):
    assert (await ask(world, mint(world, ada.id, client_id="c", jkt="thumb").token)).status == 401


async def test_a_client_is_nobody_with_userinfo(world):
    reply = await ask(world, mint(world, "clt_00000000000000000000000000").token)

    assert (reply.status, shown(reply)["missing"]) == (403, "userinfo.read")


async def test_a_completed_challenge_says_where_to_learn_how_to_get_a_token(world):
    reply = await ask(world, "nonsense")

    told = headers_of(completed(reply, metadata_url=METADATA, token_was_sent=True))["www-authenticate"]
    assert told == [
        f'Bearer error="invalid_token", resource_metadata="{METADATA}"',
        f'DPoP error="invalid_token", algs="EdDSA Ed25519 ES256 RS256", resource_metadata="{METADATA}"',
    ]
    untold = headers_of(completed(reply, metadata_url=METADATA, token_was_sent=False))["www-authenticate"]
    assert untold == [
        f'Bearer resource_metadata="{METADATA}"',
        f'DPoP algs="EdDSA Ed25519 ES256 RS256", resource_metadata="{METADATA}"',
    ]
