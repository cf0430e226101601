# SPDX-License-Identifier: Apache-2.0
"""Rules over claims: what is found, what matches, what is too broad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.federation import IssuerKind, Rule
from smartagent.federation.claims import claim_at, is_bound, matches, rule_for, why_no_pattern
from smartagent.federation.kinds import why_not_of_kind, why_too_broad
from tests.unit.federation.fakes import ACCOUNT

CLAIMS = {
    "sub": "x",
    "kubernetes.io": ACCOUNT,
    "https://aws.amazon.com/": {"tags": {"team": "a"}},
    "a": {"b": {"c": 1}, "b.c": "dotted"},
    "a.b": {"d": 2},
    "empty": {},
    "null": None,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sub", "x"),
        ("kubernetes.io", ACCOUNT),
        ("kubernetes.io.namespace", "agents"),
        ("kubernetes.io.serviceaccount.name", "billing"),
        ("https://aws.amazon.com/.tags.team", "a"),
        # The longest name goes first and nothing is tried twice: `a.b` hides what stands under `a`.
        ("a.b.d", 2),
        ("a.b.c", None),
        ("a.x", None),
        ("sub.x", None),
        ("empty.x", None),
        ("null", None),
        ("", None),
        (".", None),
        ("nobody", None),
    ],
)
def test_a_claim_is_found_by_its_dotted_name(name, value):
    assert claim_at(CLAIMS, name) == value


@given(st.text(max_size=40), st.dictionaries(st.text(max_size=5), st.integers()))
def test_any_name_is_looked_up_without_harm(name, claims):
    assert claim_at({"a": claims, **claims}, name) in [*claims.values(), None, claims]


MATCHING = [
    ("acme/shop", "acme/shop"), ("acme/*", "acme/shop"), ("*", "anything"), ("refs/heads/*", "refs/heads/main"),
    ("repo:acme/*:environment:production", "repo:acme/shop:environment:production"), ("true", True), ("false", False),
    ("7", 7), ("-7", -7), ("admins", ["users", "admins"]), ("acme/*", [1, "acme/shop"]), ("*/shop", "acme/shop"),
    ("a.b", "a.b"), ("*:*", "ab:cd"), ("[a]+", "[a]+"),
]  # fmt: skip
NOT_MATCHING = [
    ("acme/shop", "acme/shop2"), ("acme/shop", "Acme/shop"), ("acme/shop", "xacme/shop"), ("acme/*", "acme/"),
    ("acme/*", "acme/a/b"), ("acme/*", "acme/a:b"), ("acme/*", "acme-evil/shop"), ("*", ""), ("*", "a/b"), ("a.b", "axb"),
    ("1", True), ("true", "TRUE"), ("true", 1), ("7", 7.0), ("7", 7.5), ("x", None), ("x", {"x": 1}), ("x", []),
    ("x", [["x"]]), ("acme/shop", "acme/shop\n"), ("acme/*", "acme/shop\n/x"), ("", "x"), ("None", None),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "value"), MATCHING)
def test_a_pattern_matches_what_it_says(pattern, value):
    assert matches(pattern, value)


@pytest.mark.parametrize(("pattern", "value"), NOT_MATCHING)
def test_a_pattern_matches_nothing_else(pattern, value):
    assert not matches(pattern, value)


@given(st.text(alphabet="ab*/:", max_size=8), st.text(alphabet="ab/:", max_size=8))
def test_a_star_is_one_segment_and_all_else_is_itself(pattern, value):
    if why_no_pattern(pattern):
        return
    wanted, found = pattern.replace(":", "/:/").split("/"), value.replace(":", "/:/").split("/")
    fits = len(wanted) == len(found) and all(
        bool(have) and have != ":" if want == "*" else want == have
        for want, have in zip(wanted, found, strict=True)
    )
    assert matches(pattern, value) == fits


@pytest.mark.parametrize(
    "raw", ["acme*", "*acme", "a*b/c", "refs/heads/rel-*", "**", "", "a\nb", "a\x00", "x" * 513]
)
def test_a_pattern_that_means_less_than_it_seems_is_refused(raw):
    assert why_no_pattern(raw)


def test_a_pattern_without_text_of_its_own_binds_nothing():
    assert not any(map(is_bound, ["", "*", "*/*", "*:*", "/", ":"]))
    assert all(map(is_bound, ["a", "a/*", "*:a"]))


def test_the_first_rule_that_matches_decides():
    rules = (
        Rule({"team": "a", "stage": "live"}, "first"),
        Rule({"team": "a"}, "second"),
        Rule({}, "everybody"),
    )
    assert rule_for(rules, {"team": "a", "stage": "live"}) == (1, rules[0])
    assert rule_for(rules, {"team": "a"}) == (2, rules[1])
    assert rule_for(rules, {}) == (3, rules[2])
    assert rule_for(rules[:2], {"team": "b"}) is None


K8S, GITHUB, OIDC = IssuerKind.KUBERNETES, IssuerKind.GITHUB_ACTIONS, IssuerKind.OIDC
NAMESPACE, ACCOUNT_NAME = "kubernetes.io.namespace", "kubernetes.io.serviceaccount.name"


@pytest.mark.parametrize(
    ("kind", "claims"),
    [
        (K8S, {NAMESPACE: "agents", ACCOUNT_NAME: "billing"}),
        (K8S, {NAMESPACE: "agents", "kubernetes.io.serviceaccount.uid": "3f1c"}),
        (K8S, {"sub": "system:serviceaccount:agents:billing"}),
        (GITHUB, {"repository": "acme/shop", "environment": "production"}),
        (GITHUB, {"repository": "acme/*", "ref": "refs/heads/main"}),
        (GITHUB, {"repository": "acme/shop", "ref": "refs/heads/release/*"}),
        (GITHUB, {"repository_id": "74", "ref": "refs/tags/v1"}),
        (
            GITHUB,
            {
                "repository": "acme/shop",
                "job_workflow_ref": "acme/ci/.github/workflows/a.yml@refs/heads/main",
            },
        ),
        (OIDC, {"sub": "7"}),
        (OIDC, {"groups": "agents", "email": "*"}),
    ],
)
def test_a_rule_that_says_whom_it_means_is_accepted(kind, claims):
    assert why_too_broad(kind, Rule(claims, "r")) == ""


@pytest.mark.parametrize(
    ("kind", "claims"),
    [
        (OIDC, {}),
        (OIDC, {"sub": "*"}),
        (OIDC, {"sub": "*:*"}),
        (K8S, {}),
        (K8S, {NAMESPACE: "agents"}),
        (K8S, {ACCOUNT_NAME: "billing"}),
        (K8S, {NAMESPACE: "*", ACCOUNT_NAME: "billing"}),
        (K8S, {NAMESPACE: "agents", ACCOUNT_NAME: "*"}),
        (K8S, {"sub": "system:serviceaccount:*:billing"}),
        (K8S, {"kubernetes.io.pod.name": "x"}),
        (GITHUB, {"repository": "acme/shop"}),
        (GITHUB, {"ref": "refs/heads/main"}),
        (GITHUB, {"repository_owner": "acme", "ref": "refs/heads/main"}),
        (GITHUB, {"repository": "*/shop", "ref": "refs/heads/main"}),
        (GITHUB, {"repository": "*/*", "ref": "refs/heads/main"}),
        (GITHUB, {"repository": "acme/shop", "ref": "refs/heads/*"}),
        (GITHUB, {"repository": "acme/shop", "ref": "refs/tags/*"}),
        (GITHUB, {"repository": "acme/shop", "environment": "*"}),
        (
            GITHUB,
            {"repository": "acme/shop", "workflow_ref": "acme/shop/.github/workflows/a.yml@refs/heads/*"},
        ),
    ],
)
def test_a_rule_that_admits_more_than_anybody_means_to_says_why(kind, claims):
    assert why_too_broad(kind, Rule(claims, "r"))


GITHUB_TOKEN = {"repository": "a/b", "repository_owner": "a", "ref": "refs/heads/main", "run_id": "1"}


def test_a_token_must_be_of_its_issuers_kind():
    k8s = {"sub": "system:serviceaccount:agents:billing", "kubernetes.io": ACCOUNT}
    assert why_not_of_kind(K8S, k8s) == ""
    assert "another service account" in why_not_of_kind(
        K8S, k8s | {"sub": "system:serviceaccount:agents:other"}
    )
    assert "not a service account's" in why_not_of_kind(K8S, {"sub": "x"})
    assert why_not_of_kind(K8S, k8s | {"kubernetes.io": {"namespace": "agents"}})
    assert why_not_of_kind(GITHUB, GITHUB_TOKEN) == ""
    for name in GITHUB_TOKEN:
        lacking = {key: value for key, value in GITHUB_TOKEN.items() if key != name}
        assert name in why_not_of_kind(GITHUB, lacking)
        assert why_not_of_kind(GITHUB, GITHUB_TOKEN | {name: 7})
    assert why_not_of_kind(OIDC, {}) == ""
