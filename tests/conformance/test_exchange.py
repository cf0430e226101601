# SPDX-License-Identifier: Apache-2.0
"""Token exchange on the wire: what RFC 8693 asks of who issues."""

import pytest

from smartagent.clients import Client, ClientKind
from smartagent.delegation.model import ACCESS_TOKEN, EXCHANGE_GRANT, ID_TOKEN, TXN_TOKEN
from smartagent.policy import Call
from tests.unit.delegation.world import API, GATEWAY, TRUST_DOMAIN, DelegatingWorld, dpop, hand_over, said

TYPE = "urn:ietf:params:oauth:token-type:"


@pytest.fixture
async def world():
    world = await DelegatingWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def bob(world, ada):
    """An agent that may act for the other one."""
    return await world.agent(ada, "clerk")


@pytest.fixture
async def token(world, ada, bot, bob):
    """What the other one got for itself."""
    await world.delegate(ada, bot.id, bob.id, depth_allowed=4)
    return (await bot.session())["access_token"]


async def error_of(world, actor, subject, **more):
    status, answer = await world.exchange(actor, subject, **more)
    assert status == 400
    assert set(answer) == {"error", "error_description"}
    return answer["error"]


@pytest.mark.requirement("RFC8693-2.1-1")
@pytest.mark.parametrize("missing", [{"subject_token": None}, {"subject_token_type": None}])
async def test_a_request_names_its_subject_and_the_type(world, bob, token, missing):
    form = {"subject_token": token, "subject_token_type": ACCESS_TOKEN} | missing
    form = {name: value for name, value in form.items() if value is not None}
    status, answer = await world.form(bob.form(**{"grant_type": EXCHANGE_GRANT, **form}))
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC8693-2.1-2")
@pytest.mark.parametrize("more", [{"actor_token": "x"}, {"actor_token_type": ACCESS_TOKEN}])
async def test_an_actor_token_and_its_type_come_together(world, bob, token, more):
    assert await error_of(world, bob, token, **more) == "invalid_request"


@pytest.mark.requirement("RFC8693-2.1-3", "RFC8693-2.2.2-1")
@pytest.mark.parametrize("wrong", ["forged", "expired", "revoked", "nonsense"])
async def test_a_subject_token_that_does_not_hold_is_an_invalid_request(world, ada, bob, token, wrong):
    if wrong == "forged":
        token = token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB")
    elif wrong == "nonsense":
        token = "x"
    elif wrong == "expired":
        world.clock.at += 900
    else:
        body = {"kind": "token", "id": said(token)["jti"], "reason": "stolen"}
        await ada.call("POST", "/v1/revocations", body)
    assert await error_of(world, bob, token) == "invalid_request"


@pytest.mark.requirement("RFC8693-2.1-4")
@pytest.mark.parametrize(
    "kind", [ID_TOKEN, TXN_TOKEN, *(TYPE + name for name in ("refresh_token", "jwt", "saml2"))]
)
async def test_a_subject_token_is_what_it_is_said_to_be(world, bob, token, kind):
    assert await error_of(world, bob, token, subject_token_type=kind) == "invalid_request"


@pytest.mark.requirement("RFC8693-2.1-5")
async def test_who_does_not_authenticate_exchanges_nothing(world, bob, token):
    form = {"grant_type": EXCHANGE_GRANT, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
    status, answer = await world.form({**form, "client_id": bob.id})
    assert (status, answer["error"]) == (401, "invalid_client")
    world.clients.known["clt_p"] = Client("clt_p", ClientKind.REGISTERED, grant_types=(EXCHANGE_GRANT,))
    status, answer = await world.form({**form, "client_id": "clt_p"})
    assert (status, answer["error"]) == (400, "unauthorized_client")


@pytest.mark.requirement("RFC8693-2.1-6")
@pytest.mark.parametrize("name", ["refresh_token", "id_token", "jwt", "saml1"])
async def test_a_type_that_is_not_given_is_refused(world, bob, token, name):
    assert await error_of(world, bob, token, requested_token_type=TYPE + name) == "invalid_request"


@pytest.mark.requirement("RFC8693-2.1-7", "RFC8693-2.2.2-2")
async def test_a_target_is_one_and_is_the_new_audience(world, bob, token):
    for name in ("audience", "resource"):
        assert said((await world.exchanged(bob, token, **{name: API}))["access_token"])["aud"] == API
    assert await error_of(world, bob, token, audience=API, resource=GATEWAY) == "invalid_target"
    assert await error_of(world, bob, token, resource="https://unknown.example") == "invalid_target"


@pytest.mark.requirement("RFC8693-2.2.1-1", "RFC8693-2.2.1-2")
async def test_the_answer_says_what_was_issued(world, bob, token):
    answer = await world.exchanged(bob, token)
    assert {"access_token", "issued_token_type", "token_type", "expires_in", "scope"} <= set(answer)
    assert (answer["issued_token_type"], answer["token_type"]) == (ACCESS_TOKEN, "Bearer")
    assert answer["scope"] == said(answer["access_token"])["scope"]


@pytest.mark.requirement("RFC8693-2.2.1-3")
async def test_what_is_no_access_token_has_no_token_type(world, bob, token):
    more = {"requested_token_type": TXN_TOKEN, "audience": TRUST_DOMAIN, "scope": "orders:read"}
    assert (await world.exchanged(bob, token, **more))["token_type"] == "N_A"


@pytest.mark.requirement("RFC8693-2.2.2-3")
@pytest.mark.parametrize(
    "scope", ["stock:read", "orders:read stock:read", "nothing", "orders:read  orders:write"]
)
async def test_a_scope_that_is_not_shared_is_an_invalid_scope(world, bob, token, scope):
    assert await error_of(world, bob, token, scope=scope) == "invalid_scope"


@pytest.mark.requirement("RFC8693-1.1-1", "RFC8693-4.3-1")
async def test_nobody_but_the_subject_gets_a_token_without_an_actor(world, bot, bob, token):
    assert "act" not in said((await world.exchanged(bot, token))["access_token"])
    claims = said((await world.exchanged(bob, token))["access_token"])
    assert (claims["sub"], claims["act"]["sub"], claims["client_id"]) == (bot.id, bob.id, bob.id)


@pytest.mark.requirement("RFC8693-4.1-1", "RFC8693-4.1-3")
async def test_earlier_actors_are_nested_and_are_identities_only(world, ada, bob, token):
    carol = await world.agent(ada, "helper")
    await world.delegate(ada, bob.id, carol.id)
    first = (await world.exchanged(bob, token))["access_token"]
    claims = said((await world.exchanged(carol, first))["access_token"])
    assert claims["act"] == {"sub": carol.id, "act": {"sub": bob.id}}


@pytest.mark.requirement("RFC8693-4.1-2")
async def test_access_is_decided_by_the_outermost_actor(world, ada, bot, bob, token):
    """Not by the subject's role, nor by an earlier actor's."""
    carol = await world.agent(ada, "helper")
    await world.delegate(ada, bob.id, carol.id)
    first = (await world.exchanged(bob, token))["access_token"]
    caller = world.holds((await world.exchanged(carol, first))["access_token"])
    assert (caller.principal, caller.role, caller.subject) == (carol.id, "helper", bot.id)
    assert caller.actors == (bob.id,)
    # What goes to an upstream of the trust domain says the same.
    sent = said(world.delegations.transactions.for_call(caller, Call("shop", "GET", "/shop"), "req_1"))
    assert (sent["sub"], sent["act"]["sub"]) == (bot.id, carol.id)


@pytest.mark.requirement("RFC8693-4.4-1")
async def test_may_act_names_the_one_who_may(world, ada, bot, bob, token):
    carol = await world.agent(ada, "helper")
    handed = (await world.exchanged(bot, token, authorization_details=hand_over(carol.id)))["access_token"]
    assert said(handed)["may_act"] == {"sub": carol.id}
    assert await error_of(world, bob, handed) == "invalid_request"
    assert said((await world.exchanged(carol, handed))["access_token"])["act"] == {"sub": carol.id}


@pytest.mark.requirement("RFC8693-5-1")
async def test_scope_and_expiry_only_shrink(world, bot, bob, token):
    narrow = (await world.exchanged(bot, token, scope="orders:read"))["access_token"]
    world.clock.at += 600
    claims = said((await world.exchanged(bob, narrow))["access_token"])
    assert claims["scope"] == "orders:read"
    assert claims["exp"] == said(token)["exp"]


@pytest.mark.requirement("RFC8693-5-2", "RFC8693-2.2.2-1")
async def test_chains_are_not_spliced(world, ada, bot, bob, token):
    carol = await world.agent(ada, "helper")
    theirs = (await carol.session())["access_token"]
    more = {"actor_token": theirs, "actor_token_type": ACCESS_TOKEN}
    assert await error_of(world, bob, token, **more) == "invalid_request"
    assert await error_of(world, carol, token) == "invalid_request"


@pytest.mark.requirement("RFC8693-5-3")
async def test_loops_and_long_chains_are_refused(world, ada, bot, bob, token):
    first = (await world.exchanged(bob, token))["access_token"]
    await world.delegate(ada, bob.id, bot.id)
    assert await error_of(world, bot, first) == "invalid_request"
    others = [(await world.agent(ada)).id for _ in range(4)]
    await world.delegate(ada, others[0], bob.id)
    assert await error_of(world, bob, world.chained(bot.id, others)) == "invalid_request"


@pytest.mark.requirement("RFC8693-5-4")
async def test_a_revoked_delegation_ends_what_derives_from_it(world, ada, bob, token):
    derived = (await world.exchanged(bob, token))["access_token"]
    delegation = next(link for link in said(derived)["lin"] if link.startswith("dlg_"))
    await ada.call("DELETE", f"/v1/delegations/{delegation}")
    headers = {"authorization": f"Bearer {derived}"}
    assert (await world.call("GET", "/v1/delegations", headers=headers))[0] == 401


@pytest.mark.requirement("RFC8693-5-5")
async def test_a_bound_token_becomes_no_bearer_token(world, bot, bob, token):
    _, bound = await world.form(bot.form(), dpop(world, bot.key))
    assert await error_of(world, bob, bound["access_token"]) == "invalid_request"
    answer = await world.exchanged(bob, bound["access_token"], dpop(world, bob.key, "p2"))
    assert answer["token_type"] == "DPoP"
