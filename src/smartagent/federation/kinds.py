# SPDX-License-Identifier: Apache-2.0
"""What is known of each kind of issuer: which claims its tokens must have, and what a rule must ask for.  Pure.

Kubernetes      a bound service account token: it says its namespace and account twice, and both must agree
GitHub Actions  a token says the repository, and where in it the run came from: one without the other admits
                a branch that anybody may push to
OIDC            any other issuer: at least one claim with a value of its own
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from smartagent.federation.claims import is_bound, text_at
from smartagent.federation.model import IssuerKind, Rule

GITHUB_ISSUER: Final = "https://token.actions.githubusercontent.com"

_NAMESPACE: Final = "kubernetes.io.namespace"
_ACCOUNT: Final = "kubernetes.io.serviceaccount.name"
_ACCOUNT_UID: Final = "kubernetes.io.serviceaccount.uid"
_K8S_SUBJECT: Final = "system:serviceaccount:"
_GITHUB_CLAIMS: Final = ("repository", "repository_owner", "ref", "run_id")
_REPOSITORIES: Final = ("repository", "repository_id")
_REFS: Final = ("ref", "job_workflow_ref", "workflow_ref")
_EVERY_REF: Final = re.compile(r"refs/(?:heads|tags|pull)/")

ALGORITHMS: Final = {
    IssuerKind.OIDC: ("RS256",),
    IssuerKind.KUBERNETES: ("RS256", "ES256"),
    IssuerKind.GITHUB_ACTIONS: ("RS256",),
}
"""What an issuer of a kind signs with, when its entry does not say."""


def why_not_of_kind(kind: IssuerKind, claims: Mapping[str, object]) -> str:
    """Say what a token lacks to be one of its issuer's kind; empty when nothing."""
    return _TOKENS[kind](claims)


def why_too_broad(kind: IssuerKind, rule: Rule) -> str:
    """Say what a rule admits that nobody means to; empty when nothing."""
    if not any(is_bound(pattern) for pattern in rule.claims.values()):
        return "it has no condition, so it admits every token of the issuer"
    return _RULES[kind](rule)


def _kubernetes_token(claims: Mapping[str, object]) -> str:
    namespace, account = text_at(claims, _NAMESPACE), text_at(claims, _ACCOUNT)
    if not namespace or not account:
        return "the token is not a service account's: it has no kubernetes.io namespace and account"
    if claims.get("sub") != f"{_K8S_SUBJECT}{namespace}:{account}":
        return "the token's sub is another service account than its kubernetes.io claims"
    return ""


def _github_token(claims: Mapping[str, object]) -> str:
    missing = [name for name in _GITHUB_CLAIMS if not text_at(claims, name)]
    return f"the token is not a workflow's: it has no {', '.join(missing)}" if missing else ""


def _any_token(_claims: Mapping[str, object]) -> str:
    return ""


def _kubernetes_rule(rule: Rule) -> str:
    # In a subject both stand to the letter: a star there would be one of them left open.
    subject = rule.claims.get("sub", "")
    if subject.startswith(_K8S_SUBJECT) and "*" not in subject:
        return ""
    if not _asks(rule, _NAMESPACE):
        return f"it does not ask for {_NAMESPACE}"
    if not (_asks(rule, _ACCOUNT) or _asks(rule, _ACCOUNT_UID)):
        return f"it does not ask for {_ACCOUNT}, so every service account of the namespace may come"
    return ""


def _github_rule(rule: Rule) -> str:
    if not any(_asks(rule, name) for name in _REPOSITORIES):
        return f"it asks for none of {', '.join(_REPOSITORIES)}"
    if not rule.claims.get("repository", "x/").partition("/")[0].strip("*"):
        return "it leaves the repository's owner open"
    if not (_asks(rule, "environment") or any(_names_a_ref(rule.claims.get(name, "")) for name in _REFS)):
        return (
            f"it names no environment and no {', '.join(_REFS)}, so every branch of the repository may come"
        )
    return ""


def _any_rule(_rule: Rule) -> str:
    return ""


def _names_a_ref(pattern: str) -> bool:
    # `refs/heads/*` is every branch that anybody may push; a workflow's ref stands behind its path and an @.
    return is_bound(_EVERY_REF.sub("", pattern.rpartition("@")[2], count=1))


def _asks(rule: Rule, name: str) -> bool:
    return is_bound(rule.claims.get(name, ""))


_TOKENS: Final[dict[IssuerKind, Callable[[Mapping[str, object]], str]]] = {
    IssuerKind.OIDC: _any_token,
    IssuerKind.KUBERNETES: _kubernetes_token,
    IssuerKind.GITHUB_ACTIONS: _github_token,
}
_RULES: Final[dict[IssuerKind, Callable[[Rule], str]]] = {
    IssuerKind.OIDC: _any_rule,
    IssuerKind.KUBERNETES: _kubernetes_rule,
    IssuerKind.GITHUB_ACTIONS: _github_rule,
}
