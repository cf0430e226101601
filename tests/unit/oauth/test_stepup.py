# SPDX-License-Identifier: Apache-2.0
"""Step-up: when a sign-in is enough, and what is said when it is not."""

import pytest

from smartagent.edge import MalformedRequest, problem
from smartagent.oauth.errors import InsufficientScope, InsufficientUserAuthentication
from smartagent.oauth.stepup import Demand, SignIn, check_scope, check_sign_in, is_met, parse_demand

NOW = 1_800_000_000
KEY, CODE = "urn:example:key", "urn:example:code"


@pytest.mark.parametrize(
    ("demand", "sign_in", "enough"),
    [
        (Demand(), SignIn(), True),
        (Demand((KEY,)), SignIn(NOW, KEY), True),
        (Demand((KEY, CODE)), SignIn(NOW, CODE), True),
        (Demand((KEY,)), SignIn(NOW, CODE), False),
        (Demand((KEY,)), SignIn(NOW, ""), False),
        (Demand((), 60), SignIn(NOW - 60), True),
        (Demand((), 60), SignIn(NOW - 61), False),
        (Demand((), 60), SignIn(0), False),
        (Demand((), 0), SignIn(NOW), True),
        (Demand((), 0), SignIn(NOW - 1), False),
        (Demand((), 60), SignIn(NOW + 60), True),
        (Demand((), 60), SignIn(NOW + 61), False),
        (Demand((KEY,), 60), SignIn(NOW - 61, KEY), False),
    ],
)
def test_a_sign_in_is_enough_or_not(demand, sign_in, enough):
    assert is_met(demand, sign_in, now=NOW) is enough


def test_whoever_signed_in_well_enough_passes():
    check_sign_in(Demand((KEY,), 60), SignIn(NOW, KEY), now=NOW)


def test_the_challenge_says_all_that_is_needed():
    with pytest.raises(InsufficientUserAuthentication) as refused:
        check_sign_in(
            Demand((KEY, CODE), 0), SignIn(NOW - 9, KEY), now=NOW, metadata_url="https://a.example/m"
        )

    reply = problem(refused.value, instance="req_1")
    assert reply.status == 401
    assert reply.body["type"] == "urn:smartagent:error:sign-in-insufficient"
    challenge = dict(reversed(reply.headers))["www-authenticate"]
    assert challenge == (
        'Bearer error="insufficient_user_authentication", '
        'error_description="A different or more recent sign-in is needed.", '
        f'acr_values="{KEY} {CODE}", max_age="0", resource_metadata="https://a.example/m"'
    )


def test_what_is_not_demanded_is_not_in_the_challenge():
    with pytest.raises(InsufficientUserAuthentication) as refused:
        check_sign_in(Demand((KEY,)), SignIn(), now=NOW)

    assert "max_age" not in str(refused.value.response_headers)
    assert "resource_metadata" not in str(refused.value.response_headers)


def test_whoever_holds_every_scope_passes():
    check_scope(("a", "b"), {"a", "b", "c"})
    check_scope((), ())


def test_the_challenge_lists_every_scope_that_is_needed():
    with pytest.raises(InsufficientScope) as refused:
        check_scope(("a", "b"), {"a"}, metadata_url="https://a.example/m")

    reply = problem(refused.value, instance="req_1")
    assert (reply.status, reply.body["missing"]) == (403, "b")
    challenge = dict(reversed(reply.headers))["www-authenticate"]
    assert challenge == (
        'Bearer error="insufficient_scope", scope="a b", resource_metadata="https://a.example/m"'
    )


@pytest.mark.parametrize(
    ("parameters", "demand"),
    [
        ({}, Demand()),
        ({"acr_values": f"{KEY}  {CODE} {KEY}"}, Demand((KEY, CODE))),
        ({"max_age": "0"}, Demand((), 0)),
        ({"max_age": "3600", "acr_values": KEY}, Demand((KEY,), 3600)),
        ({"max_age": "99999999"}, Demand((), 366 * 86_400)),
    ],
)
def test_an_authorization_request_says_what_it_asks_of_the_sign_in(parameters, demand):
    assert parse_demand(parameters) == demand


@pytest.mark.parametrize("max_age", ["", "-1", "1.5", "x", "\u0661", "9" * 20, " 1"])
def test_a_malformed_age_is_refused(max_age):
    with pytest.raises(MalformedRequest):
        parse_demand({"max_age": max_age})


def test_too_many_kinds_of_sign_in_are_refused():
    with pytest.raises(MalformedRequest):
        parse_demand({"acr_values": " ".join(str(n) for n in range(17))})
