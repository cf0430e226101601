# SPDX-License-Identifier: Apache-2.0
"""The engine is given a part of the policies, and says what it would say to all of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from smartagent.policy.cedar import Partition, Question, parse_policies

PRINCIPALS = [
    "",
    'principal in Role::"r"',
    'principal in Role::"other"',
    'principal == Agent::"agt_1"',
    "principal is Agent",
    'principal is Agent in Role::"other"',
]
RESOURCES = [
    "",
    'resource == Upstream::"orders"',
    'resource in Upstream::"orders"',
    'resource == Upstream::"mail"',
    "resource is Upstream",
    'resource is Upstream in Upstream::"mail"',
]
CONDITIONS = [
    'context.method == "GET"',
    'context.path like "/a*"',
    'context.scopes.contains("read")',
]
POLICY = st.tuples(
    st.sampled_from(["permit", "permit", "forbid"]),
    st.sampled_from(PRINCIPALS),
    st.sampled_from(RESOURCES),
    st.sampled_from(CONDITIONS),
)
QUESTION = st.builds(
    Question,
    agent=st.sampled_from(["agt_1", "agt_2"]),
    role=st.just("r"),
    upstream=st.sampled_from(["orders", "mail", "third"]),
    method=st.sampled_from(["GET", "POST"]),
    path=st.sampled_from(["/", "/a", "/a/b/c", "/x"]),
    scopes=st.sampled_from([frozenset(), frozenset({"read"})]),
)


def scoped(effect, principal, resource, condition):
    return f"{effect}({principal or 'principal'}, action, {resource or 'resource'}) when {{ {condition} }};"


def unscoped(effect, principal, resource, condition):
    """The same with its scope among its conditions, where no slice looks."""
    said = " && ".join(f"({part})" for part in (principal, resource, condition) if part)
    return f"{effect}(principal, action, resource) when {{ {said} }};"


def partition(texts):
    policies = {}
    for number, text in enumerate(texts):
        policies |= parse_policies(text, f"policy/{number}", by_hand=True)
    return Partition("r", policies)


@settings(max_examples=60, deadline=None)
@given(st.lists(POLICY, min_size=1, max_size=8), QUESTION)
def test_a_part_decides_as_the_whole_does(policies, question):
    sliced, whole = (partition([write(*each) for each in policies]) for write in (scoped, unscoped))

    mine, its = sliced.ask(question), whole.ask(question)

    assert (mine.allowed, set(mine.rules), mine.errors) == (its.allowed, set(its.rules), its.errors)
    assert [each.allowed for each in sliced.ask_about([question, question])] == [mine.allowed] * 2


def test_rules_keep_their_names_in_every_part():
    texts = [
        'permit(principal, action, resource == Upstream::"mail");',
        'permit(principal in Role::"other", action, resource == Upstream::"orders");',
        'permit(principal, action, resource == Upstream::"orders");',
        'forbid(principal, action, resource) when { context.path == "/closed" };',
    ]
    policies = parse_policies("\n".join(texts), "policy/p", by_hand=True)

    part = Partition("r", policies)
    part.open_all()

    def rules(upstream, path="/"):
        return part.ask(Question("agt_1", "r", upstream, "GET", path)).rules

    assert rules("orders") == ("policy/p/3",)
    assert rules("mail") == ("policy/p/1",)
    assert rules("third") == ()
    assert rules("orders", "/closed") == ("policy/p/4",)
    assert set(part.annotations) == set(policies)
