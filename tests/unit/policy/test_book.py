# SPDX-License-Identifier: Apache-2.0
"""What is decided about calls, why, and that nothing old is remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from smartagent.kernel import UNLIMITED, CallerKind, Denied, Limits, Permitted
from smartagent.policy import Call, Condition, Grants, RoleNotFound
from smartagent.policy.cedar import Partition, Question, parse_policies
from smartagent.policy.compile import compile_role
from smartagent.policy.model import Allow, Role
from smartagent.policy.rules import canonical_ip, nearest_rule
from smartagent.policy.store import drop_role, put_policy, put_role
from tests.unit.policy.fakes import OPERATOR, agent, book_of, policy, role

READER = """\
name = "order-reader"
ttl = "10m"
networks = ["10.0.0.0/8"]
audiences = ["https://reports.example"]
[[allow]]
scope = "orders:read"
upstream = "orders"
methods = ["GET"]
paths = ["/orders/**"]
[[allow]]
scope = "orders:write"
upstream = "orders"
methods = ["POST"]
paths = ["/orders"]
"""
NO_SEVEN = '@id("seven is closed")\nforbid(principal, action, resource) when {context.path == "/orders/7"};'
GET_SEVEN = Call("orders", "GET", "/orders/7")


async def test_what_the_role_allows_is_permitted_and_the_rule_is_named(store):
    book = await book_of(store, role(READER))

    assert book.decide_call(agent(), GET_SEVEN) == Permitted(("role/order-reader/1",))


@pytest.mark.parametrize(
    ("caller", "call", "reason"),
    [
        (agent(), Call("orders", "GET", "/customers/7"), "the path is /customers/7, not /orders/**"),
        (agent(), Call("orders", "DELETE", "/orders/7"), "the method is DELETE, not GET"),
        (agent(), Call("orders", "get", "/orders/7"), "the method is get, not GET"),
        (agent(), Call("payments", "GET", "/orders/7"), "the upstream is payments, not orders"),
        (agent(scopes=()), GET_SEVEN, "the scope is none, not orders:read"),
        (agent(scopes=("orders:write",)), GET_SEVEN, "the scope is orders:write, not orders:read"),
        (agent(client_ip="11.0.0.1"), GET_SEVEN, "the network is 11.0.0.1, not 10.0.0.0/8"),
        (agent(client_ip=""), GET_SEVEN, "address is unknown"),
        (agent(client_ip="nonsense"), GET_SEVEN, "address is unknown"),
        (agent("nobody-knows"), GET_SEVEN, "there is no role"),
        (agent(""), GET_SEVEN, "there is no role"),
    ],
)
async def test_what_it_does_not_allow_is_denied_with_what_was_missing(store, caller, call, reason):
    book = await book_of(store, role(READER))

    verdict = book.decide_call(caller, call)

    assert isinstance(verdict, Denied)
    assert reason in verdict.reason
    assert verdict.missing == f"{call.method} {call.path} on {call.upstream}"


@pytest.mark.parametrize(
    "path", ["", "\ud800", "/orders/" + "x" * 9_000, "orders/7", "/orders/\0", "*", "/ORDERS/7"]
)
async def test_no_path_however_odd_raises(store, path):
    book = await book_of(store, role(READER))

    assert isinstance(book.decide_call(agent(), Call("orders", "GET", path)), Denied | Permitted)
    assert isinstance(book.decide_call(agent(), Call("payments", "GET", path)), Denied)


async def test_an_operator_never_calls_an_upstream(store):
    book = await book_of(store, role(READER))
    operator = OPERATOR.__class__(
        "opr_1", CallerKind.OPERATOR, role="order-reader", scopes=frozenset({"orders:read"})
    )

    assert isinstance(book.decide_call(operator, GET_SEVEN), Denied)
    assert book.explain(operator, GET_SEVEN).decision == "deny"


async def test_an_empty_role_grants_nothing(store):
    book = await book_of(store, role('name = "idle"'))

    verdict = book.decide_call(agent("idle"), GET_SEVEN)

    assert verdict == Denied("role idle allows nothing", "GET /orders/7 on orders")
    assert book.grants("idle") == Grants((), 900, ())


async def test_a_policy_that_forbids_holds_for_every_role(store):
    book = await book_of(store, role(READER), policy("closed", NO_SEVEN))

    assert book.decide_call(agent(), GET_SEVEN) == Denied(
        "policy/closed/1 forbids it", "GET /orders/7 on orders", ("policy/closed/1",)
    )
    assert isinstance(book.decide_call(agent(), Call("orders", "GET", "/orders/8")), Permitted)


async def test_a_change_is_seen_by_the_next_decision(store):
    book = await book_of(store, role(READER))
    assert isinstance(book.decide_call(agent(), GET_SEVEN), Permitted)

    store.apply(put_policy(policy("closed", NO_SEVEN)))
    await book.reload_policies(["closed"])
    assert isinstance(book.decide_call(agent(), GET_SEVEN), Denied)

    store.apply(put_policy(policy("closed", NO_SEVEN.replace("/7", "/9"), version=2)))
    await book.reload_policies(["closed", "closed"])
    assert isinstance(book.decide_call(agent(), GET_SEVEN), Permitted)

    store.apply(put_role(role(READER.replace("/orders/**", "/orders/*/lines"), version=2)))
    await book.reload_roles(["order-reader"])
    assert isinstance(book.decide_call(agent(), GET_SEVEN), Denied)

    store.apply(drop_role(book.role("order-reader")))
    await book.reload_roles(["order-reader", "never-was"])
    assert "there is no role" in book.decide_call(agent(), GET_SEVEN).reason
    assert book.grants("order-reader") is None
    with pytest.raises(RoleNotFound):
        book.role("order-reader")


async def test_roles_do_not_see_each_other_s_rules(store):
    other = READER.replace("order-reader", "other").replace("/orders/**", "/other/**")
    book = await book_of(store, role(READER), role(other))

    assert isinstance(book.decide_call(agent("other"), GET_SEVEN), Denied)
    assert isinstance(book.decide_call(agent(), Call("orders", "GET", "/other/1")), Denied)


async def test_what_one_agent_was_told_is_not_told_to_another(store):
    only_two = 'forbid(principal, action, resource) when {principal != Agent::"agt_2"};'
    book = await book_of(store, role(READER), policy("only-two", only_two))

    for _ in range(2):
        assert isinstance(book.decide_call(agent(name="agt_1"), GET_SEVEN), Denied)
        assert isinstance(book.decide_call(agent(name="agt_2"), GET_SEVEN), Permitted)


async def test_what_was_decided_for_one_address_or_scope_is_not_remembered_for_another(store):
    book = await book_of(store, role(READER))

    for _ in range(2):
        assert isinstance(book.decide_call(agent(client_ip="10.0.0.1"), GET_SEVEN), Permitted)
        assert isinstance(book.decide_call(agent(client_ip="::ffff:10.0.0.1"), GET_SEVEN), Permitted)
        assert isinstance(book.decide_call(agent(client_ip="::10.0.0.1"), GET_SEVEN), Denied)
        assert isinstance(book.decide_call(agent(client_ip="192.168.0.1"), GET_SEVEN), Denied)
        assert isinstance(book.decide_call(agent(scopes=("orders:write",)), GET_SEVEN), Denied)


async def test_the_largest_role_that_is_taken_is_also_decided_by(store):
    networks = ", ".join(f'"10.{n}.0.0/16"' for n in range(64))
    paths = {n: ", ".join(f'"/*/{m}"' for m in range(64 if n > 60 else 1)) for n in range(64)}
    blocks = "".join(
        f'[[allow]]\nscope = "s"\nupstream = "u{n}"\nmethods = ["GET"]\npaths = [{paths[n]}]\n' for n in paths
    )
    book = await book_of(store, role(f'name = "huge"\nnetworks = [{networks}]\n{blocks}'))
    caller = agent("huge", scopes=("s",), client_ip="10.63.0.1")

    assert isinstance(book.decide_call(caller, Call("u63", "GET", "/x/63")), Permitted)
    assert isinstance(book.decide_call(caller, Call("u63", "GET", "/x/64")), Denied)


async def test_memory_of_decisions_is_bounded(store):
    book = await book_of(store, role(READER))

    for number in range(17_000):
        book.decide_call(agent(), Call("orders", "GET", f"/orders/{number}"))
    book.decide_call(agent(), Call("orders", "GET", "/orders/" + "x" * 300))

    assert len(book._judgements._remembered) == 16_384


async def test_a_stored_policy_that_cannot_be_read_any_more_lets_nothing_through(store):
    broken = policy("closed", NO_SEVEN).__class__("closed", "forbid(", False, 1, 0, "opr_1")
    book = await book_of(store, role(READER), broken)

    assert isinstance(book.decide_call(agent(), Call("orders", "GET", "/orders/8")), Denied)


async def test_a_stored_role_that_cannot_be_read_any_more_grants_nothing_and_harms_no_other(store):
    stored = role(READER.replace("order-reader", "old"))
    store.apply(put_role(type(stored)(stored.role, "nonsense = 1", stored.cedar, False, 1, 0, "opr_1")))
    book = await book_of(store, role(READER))

    assert isinstance(book.decide_call(agent("old"), GET_SEVEN), Denied)
    assert isinstance(book.decide_call(agent(), GET_SEVEN), Permitted)


async def test_grants_say_what_a_token_may_hold(store):
    book = await book_of(store, role(READER))

    assert book.grants("order-reader") == Grants(
        ("https://reports.example",), 600, ("orders:read", "orders:write")
    )


async def test_limits_are_those_of_the_role_and_of_nobody_elses(store):
    limited = READER + '[limits]\nrate = "1/s"\n[shared_limits]\nconcurrent = 9\n'
    book = await book_of(store, role(limited))

    assert book.limits_of("order-reader") == (Limits(rate="1/s"), Limits(concurrent=9))
    assert book.limits_of("nobody-knows") == (UNLIMITED, UNLIMITED)


async def test_who_listens_hears_of_every_change(store):
    book = await book_of(store, role(READER))
    heard = []
    book.on_change(lambda: heard.append(book.grants("order-reader") is not None))
    store.apply(drop_role(book.role("order-reader")))
    await book.reload_roles(["order-reader"])
    await book.reload_policies([])
    await book.reload_roles([])

    assert heard == [False] * 3


async def test_an_explanation_of_a_permit_names_the_rule(store):
    book = await book_of(store, role(READER))

    explanation = book.explain(agent(), GET_SEVEN)

    assert (explanation.decision, explanation.rules) == ("permit", ("role/order-reader/1",))
    assert explanation.sentence == "GET /orders/7 on orders is allowed by role/order-reader/1"


async def test_an_explanation_of_a_forbid_names_it_with_its_own_words(store):
    book = await book_of(store, role(READER), policy("closed", NO_SEVEN))

    explanation = book.explain(agent(), GET_SEVEN)

    assert (explanation.decision, explanation.rules) == ("deny", ("policy/closed/1 (seven is closed)",))
    assert explanation.nearest is None


async def test_an_explanation_of_a_refusal_says_what_the_nearest_rule_lacked(store):
    book = await book_of(store, role(READER))

    explanation = book.explain(agent(), Call("orders", "POST", "/orders"))

    assert (explanation.decision, explanation.rules, explanation.missing) == (
        "deny",
        (),
        "POST /orders on orders",
    )
    assert explanation.nearest.rule == "role/order-reader/2"
    assert explanation.nearest.conditions == (
        Condition("upstream", True, "orders", "orders"),
        Condition("method", True, "POST", "POST"),
        Condition("path", True, "/orders", "/orders"),
        Condition("scope", False, "orders:write", "orders:read"),
        Condition("network", True, "10.0.0.0/8", "10.1.2.3"),
    )


async def test_an_explanation_for_a_role_that_is_not_there_says_so(store):
    book = await book_of(store)

    assert "no role 'order-reader'" in book.explain(agent(), GET_SEVEN).sentence


ROLES = st.builds(
    Role,
    st.just("r"),
    networks=st.sampled_from([(), ("10.0.0.0/8",), ("2001:db8::/32", "192.0.2.0/24")]),
    allow=st.lists(
        st.builds(
            Allow,
            st.sampled_from(["s", "t"]),
            st.sampled_from(["a", "b", "*"]),
            st.sampled_from([("GET",), ("GET", "POST"), ("*",)]),
            st.sampled_from([("/x",), ("/x/**",), ("/*/y", "/z"), ("/*/y/**",), ("/**",)]),
            st.sampled_from([(), ("application/json",), ("text/plain", "application/json")]),
            st.sampled_from(
                [(), ("git-read",), ("graphql:query:a", "graphql:query:b", "git-write"), ("graphql:query:*",)]
            ),
        ),
        max_size=3,
    ).map(tuple),
)


CALLS = st.builds(
    Call,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from(["/", "/x", "/x/y", "/x/y/z", "/z", "/x/z/y"]),
    st.sampled_from(["", "application/json", "image/png"]),
    st.sampled_from(["", "git-read", "git-write", "graphql:query", "graphql:mutation"]),
    st.sampled_from([(), ("a",), ("a", "b"), ("a", "c")]),
)


@given(
    ROLES,
    CALLS,
    st.sampled_from([frozenset(), frozenset({"s"}), frozenset({"s", "t"})]),
    st.sampled_from(["", "10.0.0.1", "2001:db8::1", "192.0.2.9", "127.0.0.1"]),
)
def test_the_plain_words_never_contradict_the_engine(role, call, scopes, client_ip):
    partition = Partition("r", parse_policies(compile_role(role), "role/r", by_hand=False))
    asked = structs.asdict(call)
    finding = partition.ask(Question("agt_1", "r", **asked, scopes=scopes, client_ip=client_ip))

    nearest = nearest_rule(role, call, scopes, client_ip)

    said = nearest is not None and all(condition.holds for condition in nearest.conditions)
    assert said is finding.allowed


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("10.0.0.1:80", ""),
        ("010.0.0.1", ""),
    ],
)
def test_an_address_has_one_form(raw, canonical):
    assert canonical_ip(raw) == canonical
