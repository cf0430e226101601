# SPDX-License-Identifier: Apache-2.0
"""From AuthZEN's subjects, actions and resources to the house's decisions.

    subject    agent: an agent's id              person: an operator's id
    resource   upstream: <name>/<path>           credential: its name        house: anything
    action     a method, as in GET               lease                       a permission, as in agents.read

A subject's properties can only narrow: `scopes` to those of the role, `ip_address` is from where, `acts_for` is
an agent whose role must allow it too.  An action's properties say what a method is: `content_type`, `operation`,
`fields` (with blanks between them).  The context may say what policies ask for besides: `at`, `session_age`,
`delegation_depth`, `acting_for`, `labels`, `standing`, `authn`, `binding`, `budget_left`.  What is not known is not
permitted.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from smartagent.authzen.means import Means
from smartagent.authzen.model import Evaluation
from smartagent.edge import TargetRefused, parse_target
from smartagent.kernel import Caller, CallerKind, Denied, Verdict
from smartagent.policy import Call, Given

AGENT: Final = "agent"
PERSON: Final = "person"
UPSTREAM: Final = "upstream"
CREDENTIAL: Final = "credential"
HOUSE: Final = "house"
LEASE: Final = "lease"


def decide(means: Means, asked: Evaluation) -> Verdict:
    """Decide an evaluation.  Never raises: what cannot be decided is denied."""
    caller = _caller(means, asked)
    if isinstance(caller, Denied):
        return caller
    judge = _RESOURCES.get(asked.resource.type)
    if judge is None:
        return Denied(f"a resource is of the type {', '.join(_RESOURCES)}")
    return judge(means, caller, asked)


def _caller(means: Means, asked: Evaluation) -> Caller | Denied:
    subject = asked.subject
    if subject.type == PERSON:
        if not means.is_operator(subject.id):
            return Denied("no operator has this id")
        return Caller(subject.id, CallerKind.OPERATOR)
    if subject.type != AGENT:
        return Denied(f"a subject is of the type {AGENT} or {PERSON}")
    role = means.role_of(subject.id)
    if role is None:
        return Denied("no active agent has this id")
    scopes = _scopes(means, role, subject.properties)
    acts_for = subject.properties.get("acts_for", "")
    other = "" if acts_for == "" else means.role_of(str(acts_for))
    if scopes is None or other is None:
        return Denied("scopes are a list of texts, and acts_for is the id of an active agent")
    caller = Caller(
        principal=subject.id,
        kind=CallerKind.AGENT,
        role=role,
        scopes=scopes,
        client_ip=str(subject.properties.get("ip_address", "")),
        subject=str(acts_for),
        subject_role=other,
        standing=means.standing_of(subject.id),
    )
    return _in_context(means, caller, asked)


def _in_context(means: Means, caller: Caller, asked: Evaluation) -> Caller | Denied:
    said = {name: value for name, value in asked.context.items() if name in Given.__struct_fields__}
    try:
        given = msgspec.convert(said, Given)
    except msgspec.ValidationError as error:
        return Denied(f"the context is not what policies ask for: {error}")
    return given.applied_to(caller, means.book.now_of(caller))


def _scopes(means: Means, role: str, properties: Mapping[str, object]) -> frozenset[str] | None:
    grants = means.book.grants(role)
    held = frozenset(grants.scopes if grants else ())
    asked = properties.get("scopes")
    if asked is None:
        return held
    if not isinstance(asked, list) or not all(isinstance(each, str) for each in asked):
        return None
    return held & frozenset(asked)


def _call(means: Means, caller: Caller, asked: Evaluation) -> Verdict:
    try:
        target = parse_target(f"/{asked.resource.id}")
    except TargetRefused as error:
        return Denied(f"no such path is ever let through: {error}")
    name, slash, rest = target.path[1:].partition("/")
    if not slash or "?" in asked.resource.id:
        return Denied("an upstream's id is its name and a path without a query, as in orders/v1/items")
    verdict = means.book.decide_api(caller, "upstream.call")
    if isinstance(verdict, Denied):
        return verdict
    said = {key: str(asked.action.properties.get(key, "")) for key in ("content_type", "operation", "fields")}
    call = Call(
        upstream=name,
        method=asked.action.name,
        path=f"/{rest}",
        content_type=said["content_type"],
        operation=said["operation"],
        fields=tuple(said["fields"].split()),
    )
    return means.book.decide_for_both(caller, call)


def _lease(means: Means, caller: Caller, asked: Evaluation) -> Verdict:
    if asked.action.name != LEASE:
        return Denied(f"what can be done with a credential is {LEASE}")
    return means.book.decide_lease(caller, asked.resource.id)


def _permission(means: Means, caller: Caller, asked: Evaluation) -> Verdict:
    return means.book.decide_api(caller, asked.action.name)


_RESOURCES: Final[Mapping[str, Callable[[Means, Caller, Evaluation], Verdict]]] = {
    UPSTREAM: _call,
    CREDENTIAL: _lease,
    HOUSE: _permission,
}
