# SPDX-License-Identifier: Apache-2.0
"""Roles that are for a prompt file: their agents state which one they run with."""

import jwt
import pytest

from smartagent.policy import Grants
from tests.unit.identity.world import ROLE

REVIEWED, CHANGED = "a" * 64, "b" * 64


@pytest.fixture
def reviewed(world):
    world.roles["order-reader"] = Grants(ROLE.audiences, ROLE.ttl_seconds, ROLE.scopes, REVIEWED)


def last(world):
    return world.store.records[-1]


async def opened(world, bot, **more):
    return await world.call("POST", "/v1/sessions", {**await bot.session_body(), **more})


@pytest.mark.usefixtures("reviewed")
async def test_a_session_with_the_reviewed_file_is_opened_and_says_so(world, bot):
    status, view = await opened(world, bot, prompt=REVIEWED)

    claims = jwt.decode(view["access_token"], options={"verify_signature": False})
    assert (status, claims["prompt"], last(world).detail["prompt"]) == (201, REVIEWED, REVIEWED)


@pytest.mark.usefixtures("reviewed")
@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({}, "state its digest"),
        ({"prompt": CHANGED}, "needs a new review"),
        ({"prompt": REVIEWED.upper()}, "in hexadecimal"),
    ],
)
async def test_a_session_with_another_file_or_with_none_is_refused(world, bot, stated, why):
    status, view = await opened(world, bot, **stated)

    assert (status, view["type"]) == (403, "urn:smartagent:error:prompt-not-reviewed")
    assert why in view["detail"]
    assert last(world).outcome == "prompt-not-reviewed"


@pytest.mark.usefixtures("reviewed")
async def test_a_session_that_goes_on_states_the_file_again(world, bot):
    _, view = await opened(world, bot, prompt=REVIEWED)

    assert (await opened(world, bot, **{"continue": view["access_token"]}))[0] == 403
    again = {"continue": view["access_token"], "prompt": REVIEWED}
    assert (await opened(world, bot, **again))[0] == 201


@pytest.mark.usefixtures("reviewed")
async def test_the_token_endpoint_asks_for_it_too(world, bot):
    status, view = await world.form(bot.form())
    assert (status, view["error"]) == (400, "unauthorized_client")
    assert (await world.form({**bot.form(), "prompt_digest": CHANGED}))[0] == 400
    assert (await world.form({**bot.form(), "prompt_digest": REVIEWED}))[0] == 200


async def test_a_role_without_a_prompt_file_is_as_before_and_records_what_is_stated(world, bot):
    assert (await opened(world, bot))[0] == 201
    assert "prompt" not in last(world).detail
    assert (await opened(world, bot, prompt=CHANGED))[0] == 201
    assert last(world).detail["prompt"] == CHANGED
