# SPDX-License-Identifier: Apache-2.0
"""Transaction tokens on the wire: draft-ietf-oauth-transaction-tokens-11."""

import pytest

from smartagent.clients import Resource
from smartagent.delegation.model import ACCESS_TOKEN, ID_TOKEN, TXN_TOKEN
from tests.unit.delegation.world import API, NOW, TRUST_DOMAIN, DelegatingWorld, header_of, said

ASKED = {"requested_token_type": TXN_TOKEN, "audience": TRUST_DOMAIN, "scope": "orders:read"}
REPLACE = {**ASKED, "subject_token_type": TXN_TOKEN}
TYPE = "urn:ietf:params:oauth:token-type:"


@pytest.fixture
async def world():
    world = await DelegatingWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def workload(world, ada):
    """An agent that runs the service behind the API."""
    workload = await world.agent(ada, "clerk")
    world.clients.protected[API] = Resource(API, introspectors=(workload.id,))
    return workload


@pytest.fixture
async def token(bot):
    """What was sent to the service."""
    return (await bot.session(audience=API))["access_token"]


@pytest.fixture
async def first(world, workload, token):
    """A transaction token."""
    asked = {**ASKED, "scope": "orders:read orders:write"}
    return (await world.exchanged(workload, token, **asked))["access_token"]


async def error_of(world, actor, token, **more):
    status, answer = await world.exchange(actor, token, **{**ASKED, **more})
    assert status == 400, answer
    return answer["error"]


@pytest.mark.requirement("TXN-7.1-1")
@pytest.mark.parametrize("audience", [None, API, "https://other.example"])
async def test_the_audience_is_the_trust_domain(world, workload, token, audience):
    assert await error_of(world, workload, token, audience=audience) == "invalid_target"


@pytest.mark.requirement("TXN-7.1-2")
async def test_a_transaction_has_a_purpose(world, workload, token):
    assert await error_of(world, workload, token, scope=None) == "invalid_request"


@pytest.mark.requirement("TXN-7.1-3")
@pytest.mark.parametrize("kind", [ID_TOKEN, *(TYPE + name for name in ("refresh_token", "self_signed", "x"))])
async def test_other_subjects_are_refused(world, workload, token, kind):
    assert await error_of(world, workload, token, subject_token_type=kind) == "invalid_request"


@pytest.mark.requirement("TXN-7.2-1")
async def test_a_workload_gets_one_for_its_own_business(world, ada, bot, token):
    stranger = await world.agent(ada, "clerk")
    assert await error_of(world, stranger, token) == "invalid_request"
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": token}
    status, _ = await world.form({**form, **ASKED, "client_id": bot.id, "subject_token_type": ACCESS_TOKEN})
    assert status == 401


@pytest.mark.requirement("TXN-7.2-2")
async def test_a_subject_token_that_does_not_hold_is_refused(world, workload, token):
    assert await error_of(world, workload, token[:-4] + "AAAA") == "invalid_request"
    world.clock.at += 900
    assert await error_of(world, workload, token) == "invalid_request"


@pytest.mark.requirement("TXN-7.2-3", "TXN-7.2-4", "TXN-7.3-1", "TXN-5.1-1", "TXN-5.2-1", "TXN-9.1-1")
async def test_one_says_what_the_transaction_is(world, bot, workload, token):
    more = {"request_context": '{"req_ip":"10.0.0.9"}', "request_details": '{"order":1}'}
    answer = await world.exchanged(workload, token, **ASKED, **more)
    assert (answer["token_type"], answer["issued_token_type"]) == ("N_A", TXN_TOKEN)
    assert "refresh_token" not in answer
    assert header_of(answer["access_token"]).typ == "txntoken+jwt"
    claims = said(answer["access_token"])
    assert (claims["iat"], claims["aud"], claims["sub"]) == (NOW, TRUST_DOMAIN, bot.id)
    assert claims["exp"] <= min(NOW + 300, said(token)["exp"])
    assert (claims["req_wl"], claims["rctx"], claims["tctx"]) == (
        workload.id,
        {"req_ip": "10.0.0.9"},
        {"order": 1},
    )
    other = said((await world.exchanged(workload, token, **ASKED))["access_token"])
    assert other["txn"] != claims["txn"]


@pytest.mark.requirement("TXN-9.4-1")
async def test_the_subject_token_never_stands_within_it(world, workload, token):
    issued = (await world.exchanged(workload, token, **ASKED))["access_token"]
    assert token not in str(said(issued))
    assert await error_of(world, workload, token, request_details=f'{{"t":"{token}"}}') == "invalid_request"


@pytest.mark.requirement("TXN-9.7-1")
async def test_the_scope_is_no_more_than_the_subjects(world, ada, bot, workload, token):
    assert await error_of(world, workload, token, scope="orders:read stock:read") == "invalid_scope"
    bare = world.persons_token(ada.id, bot.id, scope="", audience=API)
    assert await error_of(world, workload, bare) == "invalid_scope"


@pytest.mark.requirement("TXN-9.14-1", "TXN-9.14-2")
async def test_a_replacement_keeps_what_the_transaction_is(world, workload, first):
    claims, old = said((await world.exchanged(workload, first, **REPLACE))["access_token"]), said(first)
    assert [claims[name] for name in ("txn", "sub", "aud")] == [old[name] for name in ("txn", "sub", "aud")]
    assert claims["req_wl"] == f"{old['req_wl']},{workload.id}"
    wider = {**REPLACE, "scope": "orders:read stock:read"}
    assert await error_of(world, workload, first, **wider) == "invalid_scope"


@pytest.mark.requirement("TXN-9.14-3")
async def test_an_expired_one_is_replaced_no_more(world, workload, first):
    world.clock.at += 300
    assert await error_of(world, workload, first, **REPLACE) == "invalid_request"


@pytest.mark.requirement("TXN-9.13-1")
async def test_one_proves_nothing_about_who_sends_it(world, workload, first):
    headers = {"authorization": f"Bearer {first}"}
    assert (await world.call("GET", "/v1/delegations", headers=headers))[0] == 401
    plain = {"requested_token_type": None, "audience": None, "scope": None}
    assert await error_of(world, workload, first, **plain) == "invalid_request"
