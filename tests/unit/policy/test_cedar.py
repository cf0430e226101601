# SPDX-License-Identifier: Apache-2.0
"""What policies written by hand are checked for before and by the engine."""

import pytest

from smartagent.policy import MalformedPolicy
from smartagent.policy.cedar import Partition, Question, parse_policies
from smartagent.policy.est import Needs, needs_of
from smartagent.policy.facts import FACTS
from tests.unit.policy.fakes import policy

OF_CONTEXT = Needs(client_ip=True, under=True, content_type=True, operation=True, facts=FACTS)
SCOPE = "forbid(principal, action, resource)"


def needs(cedar):
    return needs_of(policy.est for policy in parse_policies(cedar, "p", by_hand=True).values())


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 15_000 + "true" + ")" * 15_000,
        "[" * 3_000 + "]" * 3_000 + " == []",
        "{a: " * 3_000 + "1" + "}" * 3_000 + " == {}",
        "!" * 6_000 + "true",
        "-" * 6_000 + "1 == 1",
        "true && " * 3_000 + "true",
        "true || " * 3_000 + "true",
        "1 + " * 3_000 + "1 == 1",
        "if true then " * 1_000 + "true" + " else false" * 1_000,
        "context" + ".a" * 3_000 + " == 1",
        "context" + '["a"]' * 3_000 + " == 1",
        "true" + " /* */ " * 10 + "(" * 3_000,
        '"a" like "' + "*" * 30_000 + '" && ' + "(" * 1_500,
    ],
)
def test_a_text_that_would_overrun_the_engine_s_stack_is_refused_before_it(condition):
    with pytest.raises(MalformedPolicy):
        policy("p", f"{SCOPE} when {{ {condition} }};")


@pytest.mark.parametrize(
    ("cedar", "why"),
    [
        ("", "1 to 16 policies"),
        ("// nothing", "1 to 16 policies"),
        ("permit(", "semicolon"),
        ("permit(;", "unexpected token"),
        ("\0;", "invalid token"),
        ("permit(principal, action, resource) when {context.nope == 1};", "nope"),
        ("permit(principal, action, resource) when {context.method == 1};", "policy 1"),
        ("permit(principal, action, resource) when {context.method};", "policy 1"),
        ('permit(principal, action == Action::"secrets.read", resource);', "unrecognized action"),
        ("permit(principal is Operator, action, resource);", "Operator"),
        ("permit(principal == ?principal, action, resource);", "template"),
        (SCOPE + ";" + (SCOPE + ";") * 16, "1 to 16 policies"),
        (SCOPE + ";" + "//" + "x" * 40_000, "at most 32768 bytes"),
        ('permit(principal, action, resource) when {context.under.d1 == "/a"};', "d1"),
    ],
)
def test_a_policy_that_does_not_fit_the_schema_is_refused_with_the_reason(cedar, why):
    with pytest.raises(MalformedPolicy, match=why):
        policy("p", cedar, allow_broad=True)


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a" * 64, "a/b", "é"])
def test_a_policy_s_name_is_checked(name):
    with pytest.raises(MalformedPolicy, match="a name is"):
        policy(name, SCOPE + ";")


@pytest.mark.parametrize(
    ("cedar", "needed"),
    [
        (SCOPE + ";", Needs()),
        (SCOPE + ' when {context.method == "client_ip"};', Needs()),
        (SCOPE + ' when {resource == Upstream::"a"};', Needs()),
        ("forbid(principal is Agent, action, resource);", Needs()),
        ('forbid(principal in Role::"x", action, resource);', Needs()),
        ('forbid(principal is Agent in Role::"x", action, resource);', Needs(principal=True)),
        ('forbid(principal == Agent::"x", action, resource);', Needs(principal=True)),
        (SCOPE + ' when {principal in Role::"x"};', Needs(principal=True)),
        (SCOPE + " when {context.client_ip.isLoopback()};", Needs(client_ip=True)),
        (SCOPE + ' when {context["client\\u{5f}ip"].isLoopback()};', Needs(client_ip=True)),
        (SCOPE + " when {context has client_ip};", Needs(client_ip=True)),
        (SCOPE + ' when {{a: context}.a.method == "x"};', OF_CONTEXT),
        (
            SCOPE + ' when {(if true then context else context).method == "x"};',
            OF_CONTEXT,
        ),
        (SCOPE + ' when {context.under has d1 && context.under.d1 == "/a"};', Needs(under=True)),
        (SCOPE + " when {context has under.d1};", Needs(under=True)),
        (SCOPE + ' when {context.content_type == "a/b"};', Needs(content_type=True)),
        (SCOPE + ' when {context.operation == "git-write"};', Needs(operation=True)),
        (SCOPE + ' when {context.fields.contains("viewer")};', Needs(operation=True)),
        (SCOPE + " when {context.minute < 60 && context.weekday > 5};", Needs(facts={"minute", "weekday"})),
        (SCOPE + " when {context has labels};", Needs(facts={"labels"})),
    ],
)
def test_what_a_policy_looks_at_is_never_underestimated(cedar, needed):
    assert needs(cedar) == needed


def test_a_forbid_that_cannot_be_evaluated_refuses():
    cedar = (
        'permit(principal, action, resource == Upstream::"u") when {context.path == "/x"};'
        "forbid(principal, action, resource) when {context.depth * 9223372036854775807 * 2 > 1};"
    )
    partition = Partition("r", parse_policies(cedar, "p", by_hand=True))

    finding = partition.ask(Question("agt_1", "r", "u", "GET", "/x"))

    assert not finding.allowed
    assert "overflow" in finding.errors[0]


@pytest.mark.parametrize("word", ["&&", "||"])
def test_as_many_operators_as_are_taken_are_also_evaluated(word):
    condition = f" {word} ".join(["true"] * 200)
    partition = Partition(
        "r", parse_policies(f"permit(principal, action, resource) when {{{condition}}};", "p", by_hand=True)
    )

    assert partition.ask(Question("agt_1", "r", "u", "GET", "/x")).allowed


def test_a_semicolon_in_a_text_or_a_comment_ends_no_policy():
    cedar = (
        'permit(principal, action, resource) when {context.path == "/;a\\";"}; // b; "\n' + SCOPE + "; // c;"
    )

    policies = parse_policies(cedar, "p", by_hand=True)

    assert [policy.text.strip()[:6] for policy in policies.values()] == ["permit", "// b; "]
    assert [policy.est["effect"] for policy in policies.values()] == ["permit", "forbid"]


def test_policies_keep_the_order_of_the_text():
    cedar = "".join(f'forbid(principal, action, resource == Upstream::"u{n}");\n' for n in range(1, 14))

    policies = parse_policies(cedar, "policy/p", by_hand=True)

    assert list(policies) == [f"policy/p/{n}" for n in range(1, 14)]
    assert [p.est["resource"]["entity"]["id"] for p in policies.values()] == [f"u{n}" for n in range(1, 14)]
