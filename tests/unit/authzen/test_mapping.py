# SPDX-License-Identifier: Apache-2.0
"""From AuthZEN's words to the house's decisions."""

import pytest

from smartagent.authzen import Evaluations, MalformedEvaluation, Means
from smartagent.authzen.mapping import decide
from smartagent.authzen.model import Action, Entity, Evaluation
from smartagent.edge import Inbound
from smartagent.kernel import Caller, CallerKind, Denied
from smartagent.policy import drafted, no_rules
from tests.unit.authzen.world import READER, WRITER

ROLES = {"agt_r": "order-reader", "agt_w": "order-writer"}
HERE = {"ip_address": "10.0.0.1"}
MEANS = Means(
    drafted(no_rules(), [READER, WRITER], {}), ROLES.get, {"opr_1"}.__contains__, lambda _: "normal"
)


def verdict(subject, action, resource, **properties):
    kind, _, name = resource.partition(":")
    who, _, principal = subject.partition(":")
    return decide(
        MEANS,
        Evaluation(
            Entity(who, principal, HERE | properties), Action(action), Entity(kind, name), {"any": "thing"}
        ),
    )


@pytest.mark.parametrize(
    ("subject", "action", "resource", "properties"),
    [
        ("agent:agt_r", "GET", "upstream:orders/v1/items", {}),
        ("agent:agt_r", "GET", "upstream:orders/v1/items", {"scopes": ["orders:read"]}),
        ("agent:agt_r", "lease", "credential:orders-db", {}),
        ("agent:agt_r", "audit.read", "house:any", {}),
        ("agent:agt_w", "POST", "upstream:orders/v1/items", {}),
        ("person:opr_1", "agents.read", "house:this", {}),
    ],
)
def test_what_the_house_permits_is_permitted(subject, action, resource, properties):
    assert verdict(subject, action, resource, **properties).rules


@pytest.mark.parametrize(
    ("subject", "action", "resource", "properties", "reason"),
    [
        ("agent:agt_x", "GET", "upstream:orders/v1/items", {}, "no active agent"),
        ("user:agt_r", "GET", "upstream:orders/v1/items", {}, "a subject is of the type"),
        ("person:agt_r", "agents.read", "house:this", {}, "no operator"),
        ("person:opr_1", "GET", "upstream:orders/v1/items", {}, "may not upstream.call"),
        ("person:opr_1", "lease", "credential:orders-db", {}, "to lease with"),
        ("agent:agt_r", "agents.read", "house:this", {}, "may not agents.read"),
        ("agent:agt_r", "everything", "house:this", {}, "no such permission"),
        ("agent:agt_r", "GET", "file:x", {}, "a resource is of the type"),
        ("agent:agt_r", "get", "upstream:orders/v1/items", {}, "the method is get"),
        ("agent:agt_r", "GET", "upstream:orders/v1/../v2", {}, "ever let through"),
        ("agent:agt_r", "GET", "upstream:orders//v1", {}, "ever let through"),
        ("agent:agt_r", "GET", "upstream:orders", {}, "a path without a query"),
        ("agent:agt_r", "GET", "upstream:orders/v1/x?y=1", {}, "a path without a query"),
        ("agent:agt_r", "GET", "credential:orders-db", {}, "what can be done"),
        ("agent:agt_r", "lease", "credential:other", {}, "no rule"),
        ("agent:agt_r", "GET", "upstream:orders/v1/items", {"scopes": []}, "the scope is none"),
        ("agent:agt_r", "GET", "upstream:orders/v1/items", {"scopes": "orders:read"}, "a list of texts"),
        ("agent:agt_r", "GET", "upstream:orders/v1/items", {"scopes": [7]}, "a list of texts"),
        ("agent:agt_w", "POST", "upstream:orders/v1/items", {"scopes": ["orders:read"]}, "the scope is none"),
        ("agent:agt_r", "GET", "upstream:orders/v1/items", {"ip_address": "11.0.0.1"}, "the network is"),
        ("agent:agt_r", "GET", "upstream:orders/v1/items", {"acts_for": "agt_x"}, "acts_for is"),
        ("agent:agt_r", "GET", "upstream:orders/v1/items", {"acts_for": "agt_w"}, "order-writer"),
    ],
)
def test_everything_else_is_denied_and_the_reason_says_why(subject, action, resource, properties, reason):
    found = verdict(subject, action, resource, **properties)

    assert isinstance(found, Denied)
    assert reason in found.reason


async def test_a_batch_has_an_end():
    inbound = Inbound("req_1", "POST", "/", body=b'{"evaluations": [' + b",".join([b"{}"] * 257) + b"]}")

    with pytest.raises(MalformedEvaluation):
        await Evaluations(MEANS).several(Caller("opr_1", CallerKind.OPERATOR), inbound)
