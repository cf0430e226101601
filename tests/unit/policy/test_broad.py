# SPDX-License-Identifier: Apache-2.0
"""What grants everything is refused with what it would grant, however it is written."""

import pytest

from smartagent.policy import GrantsEverything
from tests.unit.policy.fakes import policy, role

HEAD = 'name = "r"\n'
BLOCK = '[[allow]]\nscope = "s"\nupstream = "{}"\nmethods = {}\npaths = {}\n'


def block(upstream="orders", methods='["GET"]', paths='["/orders/**"]'):
    return BLOCK.format(upstream, methods, paths)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + block(upstream="*"),
        HEAD + block(methods='["*"]', paths='["/**"]'),
        HEAD + block(methods='["*"]', paths='["/orders", "/*/**"]'),
        HEAD + block(methods='["GET", "POST", "PUT", "PATCH", "DELETE"]', paths='["/**"]'),
        HEAD
        + block(methods='["GET", "POST"]', paths='["/**"]')
        + block(methods='["PUT", "PATCH", "DELETE"]', paths='["/**"]'),
        HEAD + 'networks = ["10.0.0.0/8"]\n' + block(methods='["*"]', paths='["/**"]'),
    ],
)
def test_a_role_that_grants_everything_is_refused_unless_it_is_said(text):
    with pytest.raises(GrantsEverything, match=r"^role/r/\d would let role r .*--allow-broad"):
        role(text)

    assert role(text, allow_broad=True).allow_broad


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD + block(),
        HEAD + block(methods='["*"]'),
        HEAD + block(methods='["GET", "HEAD", "POST"]', paths='["/**"]'),
        HEAD
        + block(methods='["GET", "POST"]', paths='["/**"]')
        + block("other", '["PUT", "PATCH", "DELETE"]', '["/**"]'),
        HEAD + block(methods='["*"]', paths='["/*"]'),
    ],
)
def test_a_role_with_a_bound_is_accepted(text):
    assert role(text).version == 1


@pytest.mark.parametrize(
    "cedar",
    [
        "permit(principal, action, resource);",
        "permit(principal, action, resource) when {true};",
        'permit(principal, action, resource) when {context.operation == "git-read"};',
        'permit(principal, action, resource) when {context.operation == "graphql:query"};',
        'permit(principal, action, resource) when {context.content_type == "application/json"};',
        "permit(principal, action, resource) unless {false};",
        "permit(principal is Agent, action, resource is Upstream);",
        'permit(principal, action == Action::"call", resource) when {1 == 1};',
        'permit(principal, action in [Action::"call"], resource) when {context.path != "/admin"};',
        'permit(principal, action, resource) when {resource != Upstream::"payments"};',
        'permit(principal, action, resource) when {context.method == "GET"};',
        'permit(principal, action, resource) when {context.method like "P*"};',
        'permit(principal, action, resource) when {["GET", "HEAD"].contains(context.method)};',
        'permit(principal, action, resource) when {context.path like "/orders/*"};',
        'permit(principal, action, resource) when {context.scopes.contains("root")};',
        'permit(principal, action, resource) when {context.scopes.containsAll(["a", "b"])};',
        'permit(principal, action, resource) when {context.client_ip.isInRange(ip("10.9.0.0/16"))};',
        "permit(principal, action, resource) when {context.client_ip.isIpv4()};",
        'permit(principal in Role::"admin", action, resource);',
        'permit(principal == Agent::"agt_1", action, resource);',
        'permit(principal, action, resource) when {principal in Role::"admin" && context.depth < 9};',
        "permit(principal, action, resource) when {context.depth >= 0};",
        'permit(principal, action, resource); forbid(principal, action, resource) when {context.path == "/x"};',
        'permit(principal, action, resource == Upstream::"orders");',
        'permit(principal, action, resource) when {resource == Upstream::"orders"};',
        'permit(principal, action, resource == Upstream::"orders") when {context.path like "/*"};',
        'permit(principal in Role::"r", action, resource in Upstream::"orders") when {context.scopes.contains("x")};',
        "forbid(principal, action, resource); permit(principal, action, resource) when {if true then true else false};",
    ],
)
def test_a_policy_that_grants_everything_is_refused_unless_it_is_said(cedar):
    with pytest.raises(GrantsEverything, match=r"^policy/p/\d would let .*--allow-broad"):
        policy("p", cedar)

    assert policy("p", cedar, allow_broad=True).allow_broad


@pytest.mark.parametrize(
    "cedar",
    [
        "forbid(principal, action, resource);",
        'forbid(principal, action, resource) when {context.method == "DELETE"};',
        "permit(principal, action, resource) when {false};",
        'permit(principal, action, resource == Upstream::"orders") when {context.method == "GET"};',
        'permit(principal, action, resource == Upstream::"orders") when {context.path like "/orders/*"};',
        'permit(principal == Agent::"a", action, resource == Upstream::"o") when {context.path == "/x"};',
        'permit(principal, action, resource) when {[Upstream::"a", Upstream::"b"].contains(resource) && context.path == "/"};',
    ],
)
def test_a_policy_with_a_bound_is_accepted(cedar):
    assert policy("p", cedar).cedar == cedar


def test_the_refusal_says_which_rule_and_what_it_would_grant():
    text = (
        "forbid(principal, action, resource) when {context.depth > 3};\npermit(principal, action, resource);"
    )

    with pytest.raises(GrantsEverything) as caught:
        policy("open", text)

    assert caught.value.rule == "policy/open/2"
    assert caught.value.grants == "any agent call upstreams that it does not name"


def test_everything_on_one_upstream_is_named():
    with pytest.raises(
        GrantsEverything, match="any agent do everything on orders: every method on every path"
    ):
        policy("open", 'permit(principal, action, resource == Upstream::"orders");')
