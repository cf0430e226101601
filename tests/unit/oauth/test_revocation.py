# SPDX-License-Identifier: Apache-2.0
"""Revocation by clients: their own tokens, and nobody learns which others exist."""

import pytest

from smartagent.edge import AuthenticationFailed
from smartagent.kernel import Algorithm
from tests.unit.identity.world import START
from tests.unit.oauth.enquiries import (
    KeptRefreshTokens,
    acting,
    headers_of,
    mint,
    open_enquiries,
    post,
    public_client,
    shown,
    signed,
    signing_client,
)

NOW = int(START)
PATH = "/oauth/revoke"
GRANT = "gnt_0123456789abcdefghjkmnpqrs"


@pytest.fixture
def refresh_tokens(bot):
    return KeptRefreshTokens(("refresh-1", bot.id, GRANT), ("refresh-2", "clt_public", GRANT))


@pytest.fixture(autouse=True)
def _open(world, refresh_tokens):
    open_enquiries(world, refresh_tokens)


def is_dead(world, issued):
    try:
        world.tokens.access.verified(issued.token)
    except AuthenticationFailed as error:
        return "revoked" in error.reason
    return False


async def test_a_client_gives_its_access_token_back(world, bot):
    issued, other = mint(world, bot.id), mint(world, bot.id)

    reply = await post(world, PATH, signed(bot, token=issued.token))

    assert (reply.status, reply.body) == (200, b"")
    assert headers_of(reply) == {"cache-control": ["no-store"], "pragma": ["no-cache"]}
    assert is_dead(world, issued)
    assert not is_dead(world, other)
    record = world.store.records[-1]
    assert (record.event, record.caller, record.subject) == ("token.given-back", bot.id, issued.claims.jti)
    assert record.detail == {"kind": "token"}
    assert issued.token not in record.encode().decode()


async def test_what_derives_from_a_revoked_token_is_dead_too(world, ada, bot):
    helper = await world.agent(ada)
    issued = mint(world, bot.id)
    derived = mint(world, bot.id, client_id=helper.id, act=acting(helper.id), lineage=(issued.claims.jti,))
    assert not is_dead(world, derived)

    await post(world, PATH, signed(bot, token=issued.token))

    assert is_dead(world, derived)


async def test_another_node_refuses_it_as_well(world, bot):
    other = await world.another_node("two").start()
    issued = mint(world, bot.id)

    await post(world, PATH, signed(bot, token=issued.token))

    assert is_dead(other, issued)


async def test_a_refresh_token_takes_all_tokens_of_its_grant_with_it(world, bot, refresh_tokens):
    issued = mint(world, bot.id, lineage=(GRANT,))

    reply = await post(world, PATH, signed(bot, token="refresh-1", token_type_hint="refresh_token"))

    assert (reply.status, reply.body) == (200, b"")
    assert is_dead(world, issued)
    assert refresh_tokens.asked == [("refresh-1", bot.id)]
    assert world.store.records[-1].detail == {"kind": "grant"}
    assert world.store.records[-1].subject == GRANT


async def test_a_public_client_gives_back_its_own_and_no_others(world, bot):
    client = public_client(world)

    for token, kind in (("refresh-2", "grant"), ("refresh-1", "none")):
        reply = await post(world, PATH, {"client_id": client.id, "token": token})
        assert reply.status == 200
        assert world.store.records[-1].detail["kind"] == kind


@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "who-knows"])
async def test_a_wrong_hint_changes_nothing(world, bot, hint):
    issued = mint(world, bot.id)
    more = {"token_type_hint": hint} if hint else {}

    reply = await post(world, PATH, signed(bot, token=issued.token, **more))

    assert reply.status == 200
    assert is_dead(world, issued)


async def test_another_clients_token_is_left_as_it_is(world, bot):
    other = signing_client(world)
    issued = mint(world, bot.id)

    reply = await post(world, PATH, signed(other, token=issued.token))

    assert (reply.status, reply.body) == (200, b"")
    assert not is_dead(world, issued)
    assert world.store.records[-1].detail == {"kind": "none", "why": "another client's"}


@pytest.mark.parametrize("token", ["unknown", "a.b.c", "..", "a" * 9000])
async def test_an_unknown_token_is_answered_like_a_known_one(world, bot, token):
    reply = await post(world, PATH, signed(bot, token=token))

    assert (reply.status, reply.body) == (200, b"")
    assert world.store.records[-1].detail["kind"] == "none"


async def test_an_expired_token_needs_no_revoking(world, bot):
    issued = mint(world, bot.id, life_seconds=60)
    world.clock.at += 60

    reply = await post(world, PATH, signed(bot, token=issued.token))

    assert reply.status == 200
    assert world.store.records[-1].detail == {"kind": "none", "why": "the token has expired"}


@pytest.mark.parametrize("typ", ["JWT", "txntoken+jwt", "oauth-id-jag+jwt", "statuslist+jwt"])
async def test_our_tokens_of_other_kinds_are_unsupported(world, bot, typ):
    token = world.tokens.rings.sign(Algorithm.EDDSA, typ, b'{"sub":"opr_1"}')

    reply = await post(world, PATH, signed(bot, token=token))

    assert (reply.status, shown(reply)["error"]) == (400, "unsupported_token_type")


async def test_a_foreign_token_of_another_kind_is_simply_unknown(world, bot):
    reply = await post(world, PATH, signed(bot, token=bot.assertion(jti="another")))

    assert reply.status == 200


async def test_a_request_without_a_token_is_invalid(world, bot):
    reply = await post(world, PATH, signed(bot))

    assert (reply.status, shown(reply)["error"]) == (400, "invalid_request")


async def test_whoever_proves_nothing_is_no_client(world, bot):
    issued = mint(world, bot.id)
    for fields in ({"token": issued.token}, {"token": issued.token, "client_id": bot.id}):
        reply = await post(world, PATH, fields)
        assert (reply.status, shown(reply)["error"]) == (401, "invalid_client")
    assert not is_dead(world, issued)


async def test_a_token_is_no_way_to_authenticate_here(world, bot):
    issued = mint(world, bot.id)

    reply = await post(world, PATH, {"token": issued.token}, {"authorization": f"Bearer {issued.token}"})

    assert (reply.status, shown(reply)["error"]) == (401, "invalid_client")
