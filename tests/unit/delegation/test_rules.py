# SPDX-License-Identifier: Apache-2.0
"""The rules of a chain by themselves, and that along any chain everything only shrinks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartagent.delegation.errors import (
    ChainRefused,
    DelegationError,
    MalformedDelegation,
    ScopeNotDelegated,
    TargetNotDelegated,
)
from smartagent.delegation.model import Delegation, Subject
from smartagent.delegation.rules import (
    MAX_LINEAGE,
    check_reach,
    chosen_target,
    earliest,
    extended,
    narrowed,
    parse_audience,
    parse_scope,
    parse_term,
    with_actor,
)
from smartagent.edge import AuthenticationFailed
from smartagent.tokens import actors_of
from tests.unit.delegation.world import API, GATEWAY, ISSUER, OTHER_API, DelegatingWorld, hand_over

SCOPES = ("a", "b", "c", "d")
scope_lists = st.lists(st.sampled_from(SCOPES), unique=True)


def subject(sub="agt_1", actors=()):
    return Subject(sub=sub, actors=actors, holder="", client_id="", scopes=(), audience="", expires_at=1)


def delegation(to, depth=0):
    return Delegation("dlg_1", "agt_0", to, "", "", 100, depth, "opr_1", 0, None, "")


@given(st.lists(scope_lists, min_size=1, max_size=4), st.one_of(st.just(""), scope_lists.map(" ".join)))
def test_what_is_granted_is_in_every_ceiling(ceilings, asked):
    shared = set(SCOPES).intersection(*ceilings)
    try:
        granted = narrowed(asked, ceilings).split(" ")
    except ScopeNotDelegated:
        assert not shared if not asked else not set(asked.split(" ")) <= shared
        return
    assert set(granted) <= shared
    assert set(granted) == (set(asked.split(" ")) if asked else shared)
    assert len(granted) == len(set(granted))


@pytest.mark.parametrize("asked", [" ", "a ", " a", "a  b", "A", "a\tb", "a,b", "a\n"])
def test_a_malformed_scope_is_not_granted(asked):
    with pytest.raises(ScopeNotDelegated):
        narrowed(asked, [("a", "b")])


def test_the_answer_keeps_the_first_ceilings_order():
    assert narrowed("", [("c", "a", "b"), ("a", "b", "c")]) == "c a b"


def test_an_actor_comes_in_front_of_the_chain():
    assert with_actor(subject(actors=("agt_2",)), "agt_3", most=2) == ("agt_3", "agt_2")


@pytest.mark.parametrize("actor", ["agt_1", "agt_2", "agt_3"])
def test_nobody_is_in_a_chain_twice(actor):
    with pytest.raises(ChainRefused):
        with_actor(subject(actors=("agt_2", "agt_3")), actor, most=9)


def test_a_chain_has_room_for_so_many():
    assert len(with_actor(subject(actors=("a", "b", "c")), "d", most=4)) == 4
    with pytest.raises(ChainRefused):
        with_actor(subject(actors=("a", "b", "c", "d")), "e", most=4)


def test_a_delegation_reaches_as_far_as_it_says():
    check_reach(["c", "b", "a"], [delegation("a", 2), delegation("b", 1), delegation("c", 0)])
    for short in (delegation("a", 1), delegation("b", 0)):
        with pytest.raises(ChainRefused):
            check_reach(["c", "b", "a"], [short])


@pytest.mark.parametrize("gone", [None, delegation("z")])
def test_a_delegation_that_is_gone_reaches_nobody(gone):
    with pytest.raises(ChainRefused):
        check_reach(["b", "a"], [gone])


def test_a_lineage_names_each_link_once_and_ends():
    assert extended(("a",), "b", "", "a") == ("a", "b")
    full = tuple(str(number) for number in range(MAX_LINEAGE))
    assert extended(full, "0") == full
    with pytest.raises(ChainRefused):
        extended(full, "x")


@pytest.mark.parametrize(
    ("asked", "held", "chosen"),
    [
        ("", "", GATEWAY),
        ("", GATEWAY, GATEWAY),
        ("", API, API),
        (API, "", API),
        (API, GATEWAY, API),
        (API, API, API),
    ],
)
def test_a_target_that_all_may_have_is_chosen(asked, held, chosen):
    assert chosen_target(asked, held, GATEWAY, [frozenset({GATEWAY, API})]) == chosen


@pytest.mark.parametrize(
    ("asked", "held"),
    [(GATEWAY, API), (OTHER_API, API), (OTHER_API, GATEWAY), (OTHER_API, ""), ("", OTHER_API)],
)
def test_a_target_that_widens_is_refused(asked, held):
    with pytest.raises(TargetNotDelegated):
        chosen_target(asked, held, GATEWAY, [frozenset({GATEWAY, API, OTHER_API}), frozenset({GATEWAY, API})])


def test_the_earliest_instant_counts_and_none_says_nothing():
    assert earliest(9, 0, 5) == 5
    assert earliest(0) == 0


def test_the_parts_of_a_delegation_are_read_strictly():
    assert parse_scope("") == ""
    assert parse_scope("b a b") == "b a"
    assert parse_audience("https://x") == "https://x"
    parse_term(1, 0)
    parse_term(366 * 86_400, 8)
    for raw in ("a  b", "a\\b", "é", "a\n"):
        with pytest.raises(MalformedDelegation):
            parse_scope(raw)
    with pytest.raises(MalformedDelegation):
        parse_audience("https://x\n")


# Random chains, through the whole house.

step = st.fixed_dictionaries(
    {"actor": st.integers(0, 3)},
    optional={
        "scope": st.lists(st.sampled_from(["orders:read", "orders:write", "stock:read"]), min_size=1).map(
            " ".join
        ),
        "audience": st.sampled_from([GATEWAY, API, OTHER_API]),
        "requested_expiry": st.sampled_from(["30", "500", "5000"]),
        "hand_over": st.integers(0, 3),
        "wait": st.integers(0, 400),
    },
)
link = st.tuples(
    st.integers(0, 3),
    st.integers(0, 3),
    st.fixed_dictionaries(
        {"depth_allowed": st.integers(0, 3)},
        optional={
            "scope": st.sampled_from(["orders:read", "orders:write orders:read"]),
            "audience": st.sampled_from([GATEWAY, API]),
            "ttl_seconds": st.integers(1, 900),
        },
    ),
)


def bounds_of(world, token):
    claims = world.tokens.access.verified(token).claims
    return claims, set(claims.scope.split()), actors_of(claims.act)


def check_step(world, parent, child, actor):
    """What a step may do to a token: nothing but less, and who takes it says so."""
    old, old_scope, old_actors = bounds_of(world, parent)
    new, new_scope, new_actors = bounds_of(world, child)
    assert new_scope
    assert new_scope <= old_scope
    assert new.exp <= old.exp
    assert (new.sub, new.sid) == (old.sub, old.sid)
    assert {*old.lin, old.jti} <= set(new.lin)
    holder = new_actors[0] if new_actors else new.sub
    assert holder == actor
    assert new_actors in {old_actors, (actor, *old_actors)}
    assert len({new.sub, *new_actors}) == 1 + len(new_actors) <= 5
    endpoint = f"{ISSUER}/oauth/token"
    assert new.aud in {old.aud, endpoint} or old.aud in {GATEWAY, endpoint}


@settings(max_examples=60)
@given(links=st.lists(link, max_size=8), steps=st.lists(step, min_size=1, max_size=6))
async def test_along_any_chain_everything_only_shrinks(links, steps):
    world = await DelegatingWorld().start()
    try:
        ada = await world.operator()
        agents = [await world.agent(ada, role) for role in ("order-reader", "helper", "clerk", "clerk")]
        for giver, taker, terms in links:
            if giver != taker:
                await world.delegate(ada, agents[giver].id, agents[taker].id, **terms)
        token = (await agents[0].session())["access_token"]
        for each in steps:
            token = await take(world, agents, token, dict(each))
    finally:
        world.store.close()


async def take(world, agents, token, each):
    world.clock.at += each.pop("wait", 0)
    actor = agents[each.pop("actor")]
    if "hand_over" in each:
        each["authorization_details"] = hand_over(agents[each.pop("hand_over")].id)
    try:
        world.holds(token)
    except AuthenticationFailed:
        return token
    status, answer = await world.exchange(actor, token, **each)
    if status != 200:
        assert status == 400
        assert answer["error"] in {
            "invalid_request", "invalid_scope", "invalid_target", "invalid_authorization_details",
        }  # fmt: skip
        return token
    check_step(world, token, answer["access_token"], actor.id)
    return answer["access_token"]


def test_every_refusal_has_an_oauth_code_that_the_specs_know():
    codes = {
        "invalid_request", "invalid_scope", "invalid_target", "invalid_grant", "unauthorized_client",
        "invalid_authorization_details",
    }  # fmt: skip
    named = {getattr(each, "oauth_code", None) for each in DelegationError.__subclasses__()}
    assert named - {None} == codes
