# SPDX-License-Identifier: Apache-2.0
"""Revocation by clients, on the wire."""

import pytest

from smartagent.edge import AuthenticationFailed
from smartagent.kernel import Algorithm
from smartagent.storage import StoreUnavailable
from tests.unit.identity.world import World
from tests.unit.oauth.enquiries import (
    KeptRefreshTokens,
    headers_of,
    mint,
    open_enquiries,
    post,
    public_client,
    shown,
    signed,
    signing_client,
)

PATH = "/oauth/revoke"
GRANT = "gnt_0123456789abcdefghjkmnpqrs"


class StoreIsDown:
    """Refresh tokens that nobody can look for."""

    async def family_of(self, token, client_id):
        raise StoreUnavailable("no answer")


@pytest.fixture(autouse=True)
def _open(world, bot):
    open_enquiries(world, KeptRefreshTokens(("refresh", bot.id, GRANT)))


def holds(world, issued):
    try:
        world.tokens.access.verified(issued.token)
    except AuthenticationFailed:
        return False
    return True


@pytest.mark.requirement("RFC7009-2-2", "RFC7009-2.2-1", "RFC7009-2.1-5")
async def test_an_access_token_is_dead_at_once_on_every_node(world, bot):
    other = await world.another_node("two").start()
    issued = mint(world, bot.id)

    reply = await post(world, PATH, signed(bot, token=issued.token))

    assert (reply.status, reply.body) == (200, b"")
    assert not holds(world, issued)
    assert not holds(other, issued)


@pytest.mark.requirement("RFC7009-2-1", "RFC7009-2.1-3")
async def test_a_refresh_token_is_dead_with_all_that_its_grant_gave(world, bot):
    issued = mint(world, bot.id, lineage=(GRANT,))

    assert (await post(world, PATH, signed(bot, token="refresh"))).status == 200
    assert not holds(world, issued)
    assert world.tokens.revocations.is_dead(GRANT)


@pytest.mark.requirement("RFC7009-2.1-1")
async def test_a_client_proves_itself_and_a_public_one_names_itself(world, bot):
    issued = mint(world, bot.id)
    refused = await post(world, PATH, {"token": issued.token})
    assert (refused.status, shown(refused)["error"]) == (401, "invalid_client")

    client = public_client(world)
    own = mint(world, "opr_00000000000000000000000000", client_id=client.id)
    assert (await post(world, PATH, {"client_id": client.id, "token": own.token})).status == 200
    assert holds(world, issued)


@pytest.mark.requirement("RFC7009-2.1-2")
async def test_another_clients_tokens_stay_as_they_are(world, bot):
    issued = mint(world, bot.id)
    other = signing_client(world)

    for token in (issued.token, "refresh"):
        assert (await post(world, PATH, signed(other, token=token))).status == 200
    assert holds(world, issued)
    assert not world.tokens.revocations.is_dead(GRANT)


@pytest.mark.requirement("RFC7009-2.1-4", "RFC7009-2.2-2")
@pytest.mark.parametrize("hint", ["refresh_token", "who-knows"])
async def test_a_wrong_hint_is_no_matter(world, bot, hint):
    issued = mint(world, bot.id)

    reply = await post(world, PATH, signed(bot, token=issued.token, token_type_hint=hint))

    assert reply.status == 200
    assert not holds(world, issued)


@pytest.mark.requirement("RFC7009-2.2-1")
@pytest.mark.parametrize("token", ["unknown", "a.b.c", "a" * 9000])
async def test_an_unknown_token_is_answered_like_a_known_one(world, bot, token):
    reply = await post(world, PATH, signed(bot, token=token))

    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.requirement("RFC7009-2.2.1-1")
async def test_an_id_token_cannot_be_revoked(world, bot):
    token = world.tokens.rings.sign(Algorithm.RS256, "JWT", b'{"sub":"opr_1"}')

    reply = await post(world, PATH, signed(bot, token=token))

    assert (reply.status, shown(reply)["error"]) == (400, "unsupported_token_type")


@pytest.mark.requirement("RFC7009-2.2.1-2")
async def test_what_could_not_be_done_is_to_be_tried_again():
    world = await World().start()
    open_enquiries(world, StoreIsDown())
    client = public_client(world)

    reply = await post(world, PATH, {"client_id": client.id, "token": "refresh"})

    assert reply.status == 503
    assert headers_of(reply)["retry-after"] == ["1"]
    world.store.close()
