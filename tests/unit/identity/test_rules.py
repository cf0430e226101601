# SPDX-License-Identifier: Apache-2.0
"""Nonces, names and the life of an agent, as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import b64u, unb64u
from smartagent.edge import AuthenticationFailed
from smartagent.identity.errors import LifeTooLong, MalformedName, TransitionRefused
from smartagent.identity.model import Agent, AgentStatus, ClaimLink, Enrolment, Purpose
from smartagent.identity.nonce import NONCE_LIFE_SECONDS, check_nonce, make_nonce, short_id
from smartagent.identity.rules import check_transition, parse_life, parse_name, parse_reason
from smartagent.identity.usable import check_active, check_unused
from smartagent.kernel import Secret

KEY = Secret(b"k" * 32)
INSTANTS = st.floats(min_value=0, max_value=2**31, allow_nan=False)
CHANCE = st.binary(min_size=16, max_size=16)


def nonce(now=1000.0, purpose=Purpose.SESSION, principal="agt_1", chance=b"c" * 16, key=KEY):
    return make_nonce(key, purpose, principal, now=now, chance=chance)


def agent(status=AgentStatus.ACTIVE):
    return Agent("agt_1", "bot", "opr_1", "reader", status, b"k" * 32, 1, 1)


@given(INSTANTS, CHANCE, st.floats(min_value=0, max_value=NONCE_LIFE_SECONDS - 1))
def test_a_nonce_works_for_its_principal_and_purpose_within_a_minute(now, chance, later):
    made = nonce(now, chance=chance)

    claim = check_nonce(KEY, Purpose.SESSION, "agt_1", made, now=now + later)

    assert claim.expires_at == int(now) + NONCE_LIFE_SECONDS
    assert len(claim.key) == 16


@given(INSTANTS, CHANCE, st.floats(min_value=0, max_value=10**9))
def test_a_nonce_is_dead_from_the_second_its_claim_may_be_forgotten(now, chance, later):
    made = nonce(now, chance=chance)
    with pytest.raises(AuthenticationFailed) as caught:
        check_nonce(KEY, Purpose.SESSION, "agt_1", made, now=int(now) + NONCE_LIFE_SECONDS + later)
    assert caught.value.reason == "the nonce has expired"


@given(st.integers(0, 36 * 8 - 1))
def test_a_nonce_with_any_bit_flipped_is_not_ours(bit):
    raw = bytearray(unb64u(nonce()))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(AuthenticationFailed, match="missing, expired, used or wrong"):
        check_nonce(KEY, Purpose.SESSION, "agt_1", b64u(bytes(raw)), now=1000)


@pytest.mark.parametrize(
    ("key", "purpose", "principal"),
    [
        (Secret(b"x" * 32), Purpose.SESSION, "agt_1"),
        (KEY, Purpose.OPERATOR_SESSION, "agt_1"),
        (KEY, Purpose.SESSION, "agt_2"),
    ],
)
def test_a_nonce_is_bound_to_the_house_the_purpose_and_the_principal(key, purpose, principal):
    with pytest.raises(AuthenticationFailed) as caught:
        check_nonce(key, purpose, principal, nonce(), now=1000)
    assert caught.value.reason == "the nonce is not ours, or for another principal or purpose"


@given(st.text(max_size=60))
def test_no_text_but_ours_is_a_nonce(text):
    with pytest.raises(AuthenticationFailed):
        check_nonce(KEY, Purpose.SESSION, "agt_1", text, now=1000)


@pytest.mark.parametrize("text", ["=" * 48, "é" * 48, " " * 48, "A" * 47 + "+"])
def test_a_nonce_of_the_right_length_in_another_alphabet_is_malformed(text):
    with pytest.raises(AuthenticationFailed) as caught:
        check_nonce(KEY, Purpose.SESSION, "agt_1", text, now=1000)
    assert caught.value.reason == "the nonce is malformed"


def test_two_nonces_have_two_claims_and_two_names():
    one, two = nonce(), nonce(chance=b"d" * 16)
    claims = {check_nonce(KEY, Purpose.SESSION, "agt_1", each, now=1000).key for each in (one, two)}
    assert len(claims) == 2
    assert short_id(one) != short_id(two)
    assert len(short_id(one)) == 16


def test_a_used_nonce_fails_like_every_other_proof():
    claim = check_nonce(KEY, Purpose.SESSION, "agt_1", nonce(), now=1000)
    assert isinstance(claim.lost, AuthenticationFailed)
    assert claim.lost.reason == "the nonce was used"


@pytest.mark.parametrize("name", ["bot", "Béatrice", "订单机器人", "a" * 80, "order reader #7", "👾"])
def test_names_of_people_and_bots_are_taken(name):
    assert parse_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 81,
        " bot",
        "bot ",
        "a\nb",
        "a\x00b",
        "a\u202eb",
        "a\u200bb",
        "a\u2066b",
        "\ufeffbot",
        "a\u2028b",
        "\x7f",
    ],
)
def test_names_that_could_deceive_are_refused(name):
    with pytest.raises(MalformedName):
        parse_name(name)


@pytest.mark.parametrize("reason", ["a" * 241, "two\nlines", "\u202e"])
def test_reasons_are_one_readable_line(reason):
    with pytest.raises(MalformedName):
        parse_reason(reason)
    assert parse_reason("") == ""
    assert parse_reason("left the company") == "left the company"


@pytest.mark.parametrize("seconds", [0, -1, 3601])
def test_an_enrolment_token_lives_at_most_an_hour(seconds):
    with pytest.raises(LifeTooLong) as caught:
        parse_life(seconds)
    assert caught.value.limit == 3600
    assert [parse_life(1), parse_life(3600)] == [1, 3600]


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from([Enrolment, ClaimLink]))
def test_a_used_ticket_stays_used_at_every_instant(used_at, now, kind):
    ticket = (
        Enrolment("enr_1", "reader", "", "opr_1", 500, used_at)
        if kind is Enrolment
        else ClaimLink("lnk_1", "", 500, used_at)
    )
    with pytest.raises(AuthenticationFailed) as caught:
        check_unused(ticket, now=now)
    assert caught.value.reason.endswith("was used")


def test_a_ticket_works_until_the_second_it_expires():
    ticket = Enrolment("enr_1", "reader", "", "opr_1", 500, None)
    assert check_unused(ticket, now=499.9) is ticket
    with pytest.raises(AuthenticationFailed) as caught:
        check_unused(ticket, now=500)
    assert caught.value.reason.endswith("has expired")
    with pytest.raises(AuthenticationFailed) as caught:
        check_unused(None, now=0)
    assert caught.value.reason.endswith("is unknown")


ALLOWED = {
    (AgentStatus.DISCOVERED, AgentStatus.PENDING),
    (AgentStatus.DISCOVERED, AgentStatus.RETIRED),
    (AgentStatus.PENDING, AgentStatus.ACTIVE),
    (AgentStatus.PENDING, AgentStatus.RETIRED),
    (AgentStatus.ACTIVE, AgentStatus.SUSPENDED),
    (AgentStatus.ACTIVE, AgentStatus.RETIRED),
    (AgentStatus.SUSPENDED, AgentStatus.ACTIVE),
    (AgentStatus.SUSPENDED, AgentStatus.RETIRED),
}


@pytest.mark.parametrize("before", AgentStatus)
@pytest.mark.parametrize("after", AgentStatus)
def test_an_agent_goes_the_ways_that_are_drawn_and_no_other(before, after):
    if (before, after) in ALLOWED:
        check_transition(agent(before), after)
    else:
        with pytest.raises(TransitionRefused, match=f"^{before.value} does not become {after.value}$"):
            check_transition(agent(before), after)


@pytest.mark.parametrize("status", [AgentStatus.SUSPENDED, AgentStatus.RETIRED])
def test_only_an_active_agent_may_act(status):
    assert check_active(agent()) == agent()
    with pytest.raises(AuthenticationFailed) as caught:
        check_active(agent(status))
    assert caught.value.reason == f"the agent is {status.value}"
    with pytest.raises(AuthenticationFailed) as caught:
        check_active(None)
    assert caught.value.reason == "the agent is unknown"
