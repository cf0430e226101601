# SPDX-License-Identifier: Apache-2.0
"""The smallest role: never wider than the role there is, and nothing is cut in silence."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs, to_builtins

from smartagent.insight import Enough, Incident, UsageTally, Use, doubts, propose, role_file
from smartagent.insight.proposing import BURST, DAY_MS
from smartagent.insight.usage import About, usage
from smartagent.kernel import Caller, CallerKind, Permitted
from smartagent.policy import Allow, Call, Role, drafted, no_rules, parse_role_file
from tests.unit.insight.past import START, called, leased

CEILING = """\
name = "order-reader"
description = 'reads "orders"'
ttl = "10m"
networks = ["10.0.0.0/8"]
audiences = ["https://reports.example"]
scopes = ["revocations.follow"]
credentials = ["orders-db", "other-db"]
[[allow]]
scope = "orders:read"
upstream = "orders"
methods = ["GET", "HEAD"]
paths = ["/v1/**", "/v2/**"]
[[allow]]
scope = "orders:write"
upstream = "orders"
methods = ["*"]
paths = ["/v1/orders", "/v1/orders/*"]
[[allow]]
scope = "mail"
upstream = "mail"
methods = ["POST"]
paths = ["/send"]
"""
SCOPES = frozenset({"orders:read", "orders:write", "mail", "credential:orders-db", "credential:other-db"})
WHO = Caller("agt_1", CallerKind.AGENT, role="order-reader", scopes=SCOPES, client_ip="10.0.0.1")


def used(*records, ceiling=CEILING):
    book = drafted(no_rules(), [ceiling], {})
    tally = UsageTally()
    leaves = [record.encode() for record in records]
    tally.add(usage(0, leaves, book, About(), {}.get))
    return tally.uses()


def proposed(*records, ceiling=CEILING):
    proposal = propose(ceiling, "smaller", used(*records, ceiling=ceiling))
    return proposal, parse_role_file(proposal.role_file)


def made(*targets):
    return [called(target, WHO) for target in targets]


def test_it_grants_what_was_used_with_ids_as_stars():
    _, role = proposed(
        *made("GET /orders/v1/customers/7", "GET /orders/v1/customers/8", "DELETE /orders/v1/orders/9")
    )

    assert role.allow == (
        Allow("orders:read", "orders", ("GET",), ("/v1/customers/*",)),
        Allow("orders:write", "orders", ("DELETE",), ("/v1/orders/*",)),
    )


def test_methods_that_were_used_on_different_paths_are_not_multiplied():
    _, role = proposed(
        *made("PUT /orders/v1/orders/7", "POST /orders/v1/orders", "PATCH /orders/v1/orders/7")
    )

    assert role.allow == (
        Allow("orders:write", "orders", ("PATCH", "PUT"), ("/v1/orders/*",)),
        Allow("orders:write", "orders", ("POST",), ("/v1/orders",)),
    )


def test_many_names_in_one_place_are_one_of_many_and_few_are_not():
    few, many = (
        made(*[f"GET /orders/v1/repos/{name}/pulls" for name in names]) for names in ("abcdefg", "abcdefgh")
    )

    assert len(proposed(*few)[1].allow[0].paths) == 7
    assert proposed(*many)[1].allow[0].paths == ("/v1/repos/*/pulls",)


def test_what_is_no_call_stays_and_leases_are_kept_when_they_were_used():
    _, role = proposed(leased("orders-db", WHO))

    assert role == Role(
        name="smaller",
        description='reads "orders"',
        ttl_seconds=600,
        networks=("10.0.0.0/8",),
        audiences=("https://reports.example",),
        other_scopes=("revocations.follow",),
        credentials=("orders-db",),
    )


def test_what_narrows_a_credential_stays_with_it_and_goes_with_it():
    blocks = "".join(
        f'[[database]]\ncredential = "{name}"\ntables = ["a"]\nprivileges = ["select"]\ncolumns = {{a = ["x"]}}\n'
        for name in ("used-db", "idle-db")
    )
    holder = structs.replace(WHO, scopes=SCOPES | {"credential:used-db"})
    proposal, role = proposed(leased("used-db", holder), ceiling=CEILING + blocks)

    assert [(block.credential, str(block.items[0])) for block in role.resources] == [
        ("used-db", "SELECT a/x")
    ]
    assert ("role/order-reader/7", "the credential idle-db") in [
        (each.rule, each.what) for each in proposal.dropped
    ]


def test_it_says_what_it_drops():
    proposal, _ = proposed(*made("GET /orders/v1/x", "POST /orders/v1/orders"))

    assert [(each.rule, each.what) for each in proposal.dropped] == [
        ("role/order-reader/1", "the methods HEAD"),
        ("role/order-reader/1", "the path /v2/**"),
        ("role/order-reader/2", "every method but POST"),
        ("role/order-reader/2", "the path /v1/orders/*"),
        ("role/order-reader/3", "all of it"),
        ("role/order-reader/4", "the credential orders-db"),
        ("role/order-reader/5", "the credential other-db"),
    ]


def test_calls_that_the_role_does_not_allow_any_more_are_cut_and_said():
    proposal, role = proposed(*made("GET /orders/v3/x", "GET /gone/y"))

    assert role.allow == ()
    assert {(use.upstream, use.path) for use in proposal.cuts} == {("gone", "/y"), ("orders", "/v3/x")}


def test_refused_calls_and_other_roles_grant_nothing():
    other = structs.replace(WHO, role="other")
    _, role = proposed(called("GET /orders/v1/x", WHO, allowed=False), called("GET /orders/v1/x", other))

    assert role.allow == ()


def test_a_block_with_further_conditions_is_kept_as_a_whole_when_it_was_needed():
    kept = '[[allow]]\nscope = "orders:write"\nupstream = "orders"\nmethods = ["*"]\npaths = ["/v1/**"]\ncontent_types = ["application/json"]\n'
    dropped = kept.replace("orders:write", "mail")
    ceiling = f'name = "order-reader"\n[limits]\nrate = "10/s"\n{kept}{dropped}'
    call = called(
        "POST /orders/v1/items",
        structs.replace(WHO, scopes=frozenset({"orders:write"})),
        content_type="application/json",
    )

    proposal, _ = proposed(call, ceiling=ceiling)

    document = tomllib.loads(proposal.role_file)
    assert document["allow"] == tomllib.loads(kept)["allow"]
    assert document["limits"] == {"rate": "10/s"}
    assert proposal.cuts == []


def test_a_role_for_every_upstream_becomes_one_for_those_that_were_used():
    ceiling = 'name = "order-reader"\n[[allow]]\nscope = "orders:read"\nupstream = "*"\nmethods = ["GET"]\npaths = ["/**"]\n'

    _, role = proposed(*made("GET /orders/v1/x", "GET /mail/"), ceiling=ceiling)

    assert {(block.upstream, block.paths) for block in role.allow} == {
        ("orders", ("/v1/x",)),
        ("mail", ("/",)),
    }


def test_more_paths_than_a_role_file_can_say_fall_back_to_the_ceilings():
    # Two places vary, so that folding one leaves too many.
    targets = [
        f"GET /orders/v1/{'ab'[n % 2] * (n + 1)}/{'cd'[n % 2] * (n + 1)}/{'x' * n}y" for n in range(70)
    ]

    proposal, role = proposed(*made(*targets))

    assert proposal.cuts == []
    assert len(role.allow[0].paths) <= 64


SEGMENT = st.sampled_from(["a", "b", "c", "7", "8", "x@y"])
PATH = st.lists(SEGMENT, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
PATTERN = st.builds(
    lambda parts, end: "/" + "/".join([*parts, *end]),
    st.lists(st.sampled_from(["a", "b", "7", "*"]), max_size=3),
    st.sampled_from([["**"], ["*"], ["a"]]),
)
BLOCK = st.builds(
    Allow,
    st.sampled_from(["one", "two"]),
    st.sampled_from(["orders", "mail", "*"]),
    st.sampled_from([("GET",), ("GET", "POST"), ("*",)]),
    st.lists(PATTERN, min_size=1, max_size=3, unique=True).map(tuple),
)
CEILINGS = st.lists(BLOCK, min_size=1, max_size=4).map(
    lambda blocks: role_file({"name": "order-reader", "allow": [to_builtins(block) for block in blocks]})
)
CALL = st.builds(Call, st.sampled_from(["orders", "mail"]), st.sampled_from(["GET", "POST", "PUT"]), PATH)
HELD = st.sets(st.sampled_from(["one", "two"]), min_size=1).map(frozenset)


@settings(max_examples=60, deadline=None)
@given(CEILINGS, st.lists(st.tuples(CALL, HELD), max_size=12), st.lists(st.tuples(CALL, HELD), max_size=12))
def test_a_proposal_is_never_wider_and_allows_every_recorded_call_that_it_does_not_list(
    ceiling, recorded, others
):
    callers = {
        held: Caller("agt_1", CallerKind.AGENT, role="order-reader", scopes=held)
        for _, held in recorded + others
    }
    before = drafted(no_rules(), [ceiling], {})
    records = [called(f"{call.method} /{call.upstream}{call.path}", callers[held]) for call, held in recorded]

    proposal = propose(ceiling, "order-reader", used(*records, ceiling=ceiling))
    after = drafted(no_rules(), [proposal.role_file], {})

    for call, held in recorded + others:
        if isinstance(after.decide_call(callers[held], call), Permitted):
            assert isinstance(before.decide_call(callers[held], call), Permitted), call
    cut = {(use.upstream, use.method, use.path) for use in proposal.cuts}
    for call, held in recorded:
        kept = isinstance(after.decide_call(callers[held], call), Permitted)
        assert kept or (call.upstream, call.method, call.path) in cut, call


def test_a_role_file_is_written_as_it_is_read():
    assert tomllib.loads(role_file(tomllib.loads(CEILING))) == tomllib.loads(CEILING)


def test_members_that_are_not_known_here_stay_as_they_are():
    document = {
        "name": "x",
        "a key": True,
        "rate": 1.5,
        "limits": {"rate": "10/s", "most": 4},
        "mcp": [{"server": "files", "arguments": [{"path": "p", "one_of": [1, "two"]}]}],
    }

    assert tomllib.loads(role_file(document)) == document


GOOD = {"calls": 500, "first_ms": START * 1000, "last_ms": START * 1000 + 20 * DAY_MS, "unseen": 0}


@pytest.mark.parametrize(
    ("incidents", "changed", "said"),
    [
        ([], {}, []),
        ([], {"calls": 99}, ["too short"]),
        ([], {"last_ms": START * 1000 + DAY_MS}, ["too short"]),
        ([], {"unseen": 3}, ["3 records could not be looked at"]),
        ([Incident("revocation", "agt_1", "then", 1)], {}, ["revocation of agt_1 at then"]),
        ([Incident("honeytoken", "agt_1", "then", 1)], {}, ["honeytoken of agt_1"]),
        ([Incident("refusals", "agt_1", "then", BURST)], {}, ["refused 20 times"]),
        ([Incident("refusals", "agt_1", "then", BURST - 1)], {}, []),
    ],
)
def test_a_history_that_teaches_badly_is_doubted(incidents, changed, said):
    found = doubts(incidents, **(GOOD | changed), enough=Enough())

    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


def test_pages_are_added_up_and_stay_small():
    tally = UsageTally(most=1)
    page = usage(0, [record.encode() for record in made("GET /orders/v1/a", "GET /orders/v1/b")],
                 drafted(no_rules(), [CEILING], {}), About(), {}.get)  # fmt: skip
    refused = structs.replace(page, incidents=[Incident("refusals", "agt_1", "then", 15)])

    tally.add(refused)
    tally.add(refused)

    assert (tally.decided, tally.unseen) == (4, 2)
    assert [(use.path, use.calls) for use in tally.uses()] == [("/v1/a", 2)]
    assert tally.incidents() == [Incident("refusals", "agt_1", "then", 30)]
    assert isinstance(tally.uses()[0], Use)


def test_a_block_that_asks_stays_where_its_upstream_is_used_so_that_nothing_escapes_it():
    ceiling = CEILING + (
        '[[allow]]\nscope = "orders:write"\nupstream = "orders"\nmethods = ["POST"]\n'
        'paths = ["/v1/orders"]\nask = "four-eyes"\n'
    )
    _, role = proposed(*made("POST /orders/v1/orders"), ceiling=ceiling)
    assert [block.ask for block in role.allow] == ["four-eyes", None]


def test_a_block_that_asks_goes_with_an_upstream_that_nobody_used():
    ceiling = CEILING.replace('paths = ["/send"]', 'paths = ["/send"]\nask = "confirm"')
    _, role = proposed(*made("GET /orders/v1/orders/7"), ceiling=ceiling)
    assert {block.upstream for block in role.allow} == {"orders"}
