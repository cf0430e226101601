# SPDX-License-Identifier: Apache-2.0
"""Step-up: the same rules in the house and in a service that uses our library."""

import pytest

from smartagent.edge import MalformedRequest, problem
from smartagent.oauth.errors import InsufficientScope, InsufficientUserAuthentication
from smartagent.oauth.stepup import Demand, SignIn, check_scope, check_sign_in, parse_demand
from smartagent.sdk import InsufficientScope as ScopeTooShort
from smartagent.sdk import InsufficientSignIn, refusal_of
from tests.unit.identity.world import START
from tests.unit.oauth.enquiries import ORDERS, mint, open_enquiries, post, protect, shown, signed
from tests.unit.sdk.fakes import FakeIssuer

NOW = int(START)
KEY = "urn:example:key"
TOO_LITTLE = [
    (Demand((KEY,)), SignIn(NOW, "urn:example:code")),
    (Demand((KEY,)), SignIn()),
    (Demand((), 60), SignIn(NOW - 200, KEY)),
    (Demand((), 60), SignIn()),
]


@pytest.mark.requirement("RFC9470-3-1", "RFC9470-3-2", "RFC9470-3-3")
@pytest.mark.parametrize(("demand", "sign_in"), TOO_LITTLE)
def test_the_house_says_which_sign_in_would_be_enough(demand, sign_in):
    with pytest.raises(InsufficientUserAuthentication) as refused:
        check_sign_in(demand, sign_in, now=NOW)

    reply = problem(refused.value, instance="req_1")
    told = [value for name, value in reply.headers if name == "www-authenticate"]
    assert reply.status == 401
    assert [value.partition(" ")[0] for value in told] == ["Bearer", "DPoP"]
    for value in told:
        assert 'error="insufficient_user_authentication"' in value
        assert (f'acr_values="{KEY}"' in value) == bool(demand.acr_values)
        assert ('max_age="60"' in value) == (demand.max_age_seconds is not None)


@pytest.mark.requirement("RFC9470-3-1", "RFC9470-3-2", "RFC9470-3-3", "RFC9470-6.1-1")
@pytest.mark.parametrize(("demand", "sign_in"), TOO_LITTLE)
async def test_a_service_of_ours_says_the_same(demand, sign_in):
    issuer = FakeIssuer()
    verifier = issuer.verifier()
    token = issuer.token(acr=sign_in.acr or None, auth_time=sign_in.auth_time or None)
    verified = await verifier.verify(token)

    with pytest.raises(InsufficientSignIn) as refused:
        verifier.check_sign_in(verified, " ".join(demand.acr_values), demand.max_age_seconds)
    refusal = refusal_of(refused.value)
    assert refusal.status == 401
    assert refusal.challenge.startswith('Bearer error="insufficient_user_authentication"')
    assert (f'acr_values="{KEY}"' in refusal.challenge) == bool(demand.acr_values)
    assert ('max_age="60"' in refusal.challenge) == (demand.max_age_seconds is not None)


@pytest.mark.requirement("RFC9470-5-1")
def test_an_authorization_request_can_ask_for_a_sign_in():
    assert parse_demand({"acr_values": f"{KEY} other", "max_age": "0"}) == Demand((KEY, "other"), 0)
    with pytest.raises(MalformedRequest):
        parse_demand({"max_age": "soon"})


@pytest.mark.requirement("RFC9470-6.1-1", "RFC9470-6.2-1")
async def test_a_token_and_its_introspection_tell_of_the_sign_in(world, ada, bot):
    open_enquiries(world)
    protect(world, bot.id)
    issued = mint(world, ada.id, client_id="clt_web", audience=ORDERS, acr=KEY, auth_time=NOW - 5)

    told = shown(await post(world, "/oauth/introspect", signed(bot, token=issued.token)))
    assert (told["acr"], told["auth_time"]) == (KEY, NOW - 5)
    assert (issued.claims.acr, issued.claims.auth_time) == (KEY, NOW - 5)


@pytest.mark.requirement("RFC6750-3.1-4")
async def test_all_the_scopes_that_are_needed_are_listed():
    with pytest.raises(InsufficientScope) as at_the_house:
        check_scope(("a", "b"), {"a"})
    assert 'scope="a b"' in dict(at_the_house.value.response_headers)["www-authenticate"]

    issuer = FakeIssuer()
    verifier = issuer.verifier(required_scope="a")
    verified = await verifier.verify(issuer.token(scope="a"))
    with pytest.raises(ScopeTooShort) as at_a_service:
        verifier.check_scope(verified, "b")
    assert (refusal_of(at_a_service.value).status, at_a_service.value.required) == (403, ("a", "b"))
