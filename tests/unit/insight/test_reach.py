# SPDX-License-Identifier: Apache-2.0
"""What an agent can reach, by itself and through others."""

import pytest

from smartagent.delegation import Delegation
from smartagent.edge import Inbound
from smartagent.identity import Agent, AgentNotFound, AgentStatus
from smartagent.insight import Reach, ReachMeans
from smartagent.leases import Credential, Provider
from smartagent.policy import drafted, no_rules
from smartagent.vault import Upstream
from tests.unit.audit.small_store import StillClock
from tests.unit.insight.past import OPERATOR, READER, START

GATEWAY = "https://gw.example"
BROAD = 'name = "broad"\n[[allow]]\nscope = "all"\nupstream = "*"\nmethods = ["GET"]\npaths = ["/**"]\n'
POLICIES = {
    "closed": 'forbid(principal, action, resource == Upstream::"orders") when { context.path == "/x" };',
    "theirs": 'permit(principal == Agent::"agt_other", action, resource == Upstream::"mail");',
    "role": 'forbid(principal in Role::"broad", action, resource);',
}
ORDERS = Upstream("orders", "https://orders.example", secret="orders-key", place="bearer")
MAIL = Upstream("mail", "https://mail.example")
PROVIDER = Provider("shop", "postgresql", {"host": "db.example"}, {"password": "broker"})


def agent(agent_id, role="order-reader"):
    return Agent(agent_id, agent_id[4:], "opr_1", role, AgentStatus.ACTIVE, b"", START, START)


def delegation(number, source, target, *, depth=0, until=START + 10, scope="orders:read"):
    return Delegation(
        f"dlg_{number}", source, target, scope, "", until, depth, "opr_1", START, None, "a test"
    )


ALONE = (agent("agt_a"),)


def tree(*delegations, agents=ALONE, roles=(READER,), upstreams=(ORDERS, MAIL)):
    known = {each.id: each for each in agents}
    credentials = {"orders-db": (Credential("orders-db", "shop", {"tables": ["orders"]}), PROVIDER)}

    def live(now):
        return [each for each in delegations if each.is_live(now)]

    return Reach(
        ReachMeans(
            clock=StillClock(START),
            book=drafted(no_rules(), roles, POLICIES),
            agent=known.get,
            upstreams=lambda: upstreams,
            credential=credentials.get,
            grant_of=granted,
            delegations_from=lambda source, now: [each for each in live(now) if each.from_id == source],
            delegations_to=lambda target, now: [each for each in live(now) if each.to_agent == target],
            gateway=GATEWAY,
        )
    )


def granted(credential, items):
    """Narrow as a backend that makes lists of what the items say."""
    return credential.grant if items is None else {"tables": [item.name for item in items]}


async def shown(reach, agent_id="agt_a"):
    outcome = await reach.show(OPERATOR, Inbound("req_1", "GET", "/", params={"id": agent_id}))
    assert outcome.subject == agent_id
    return outcome.reply.body


async def test_upstreams_are_listed_with_what_is_let_through_and_the_name_of_the_secret():
    reach = await shown(tree())

    (upstream,) = reach.upstreams
    assert (upstream.upstream, upstream.base_url, upstream.secret, upstream.place) == (
        "orders",
        "https://orders.example",
        "orders-key",
        "bearer",
    )
    (rule,) = upstream.rules
    assert (rule.rule, rule.scope, rule.methods, rule.paths) == (
        "role/order-reader/1",
        "orders:read",
        ("GET",),
        ("/orders/**",),
    )
    assert reach.audiences == (GATEWAY,)
    assert reach.scopes == ("orders:read", "credential:orders-db")


async def test_leases_are_listed_with_where_and_what_they_are():
    (lease,) = (await shown(tree())).leases

    assert (lease.credential, lease.provider, lease.kind) == ("orders-db", "shop", "postgresql")
    assert (lease.settings, lease.grant, lease.secrets) == (
        {"host": "db.example"},
        {"tables": ["orders"]},
        ("broker",),
    )


async def test_a_lease_that_the_role_narrows_is_shown_as_what_is_left():
    block = '[[database]]\ncredential = "orders-db"\ntables = ["public.orders"]\nprivileges = ["select"]\n'
    role = READER.replace('credentials = ["orders-db"]\n', "") + block

    (lease,) = (await shown(tree(roles=(role,)))).leases

    assert lease.narrowed_to == ("SELECT public.orders",)
    assert lease.grant == {"tables": ["public.orders"]}


async def test_mcp_servers_are_listed_with_what_may_be_used_there():
    role = READER + '[[mcp]]\nserver = "files"\ntools = ["read_*"]\n'

    (server,) = (await shown(tree(roles=(role,)))).mcp

    assert (server.server, server.tools) == ("files", ("read_*",))


async def test_every_upstream_means_those_that_there_are():
    reach = await shown(tree(agents=(agent("agt_a", "broad"),), roles=(BROAD,)))

    assert [each.upstream for each in reach.upstreams] == ["mail", "orders"]


async def test_what_does_not_exist_is_said_to_be_missing():
    reach = await shown(tree(upstreams=(), roles=(READER.replace("orders-db", "gone"),)))

    assert [(each.upstream, each.base_url) for each in reach.upstreams] == [("orders", "")]
    assert [(each.credential, each.kind) for each in reach.leases] == [("gone", "")]


async def test_policies_that_speak_of_the_agent_stand_beside():
    reach = await shown(tree())
    other = await shown(tree(agents=(agent("agt_other", "broad"),), roles=(BROAD,)), "agt_other")

    assert [(each.policy, each.effect, each.upstreams) for each in reach.policies] == [
        ("policy/closed/1", "forbid", ("orders",))
    ]
    assert {each.policy for each in other.policies} == {
        "policy/closed/1",
        "policy/theirs/1",
        "policy/role/1",
    }


async def test_those_it_delegates_to_stand_beneath_it():
    agents = (agent("agt_a"), agent("agt_b"))

    reach = await shown(tree(delegation(1, "agt_a", "agt_b"), agents=agents))

    (below,) = reach.delegates
    assert (below.agent, below.delegation.id, below.delegation.scope) == ("agt_b", "dlg_1", "orders:read")
    assert below.acts_for == ("agt_a",)
    assert below.upstreams == reach.upstreams


@pytest.mark.parametrize(("depth", "behind"), [(0, []), (1, ["agt_c"]), (5, ["agt_c"])])
async def test_a_chain_goes_on_as_far_as_the_delegation_reaches(depth, behind):
    agents = (agent("agt_a"), agent("agt_b"), agent("agt_c"), agent("agt_d"))
    links = (
        delegation(1, "agt_a", "agt_b", depth=depth),
        delegation(2, "agt_b", "agt_c", depth=0),
        delegation(3, "agt_c", "agt_d", depth=3),
    )

    reach = await shown(tree(*links, agents=agents))

    assert [each.agent for each in reach.delegates[0].delegates] == behind
    assert all(each.delegates == [] for each in reach.delegates[0].delegates)


async def test_who_stands_in_a_circle_is_told_of_once():
    agents = (agent("agt_a"), agent("agt_b"))
    links = (delegation(1, "agt_a", "agt_b", depth=5), delegation(2, "agt_b", "agt_a", depth=5))

    reach = await shown(tree(*links, agents=agents))

    again = reach.delegates[0].delegates[0]
    assert (again.agent, again.repeated, again.upstreams) == ("agt_a", True, [])


async def test_a_delegation_that_ended_leads_nowhere():
    agents = (agent("agt_a"), agent("agt_b"))

    assert (await shown(tree(delegation(1, "agt_a", "agt_b", until=START), agents=agents))).delegates == []


async def test_an_agent_without_a_role_that_stands_reaches_nothing():
    reach = await shown(tree(roles=()))

    assert (reach.upstreams, reach.leases, reach.scopes, reach.audiences) == ([], [], (), ())


async def test_an_agent_that_nobody_knows_is_refused():
    with pytest.raises(AgentNotFound):
        await shown(tree(), "agt_x")
