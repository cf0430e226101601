# SPDX-License-Identifier: Apache-2.0
"""What an agent can reach: by its role, by policies, and through those it delegates to.

It is told from the rules, not from what was used.  A condition of a policy in Cedar is shown, not solved: the
lists are what roles give, the policies beside them what can widen or narrow that.  An agent can also hand its
own token to any active agent, who can then do what both roles allow: never more than is listed here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import structs

from smartagent.delegation import Delegation
from smartagent.edge import Inbound, Outcome, Reply
from smartagent.identity import Agent, AgentNotFound
from smartagent.insight.means import ReachMeans
from smartagent.insight.reachable import (
    AgentReach,
    LeaseReach,
    PolicyReach,
    RuleReach,
    Terms,
    UpstreamReach,
)
from smartagent.kernel import Caller, rfc3339
from smartagent.leases import LeaseError
from smartagent.policy import ANY, Role, RoleNotFound, StoredPolicy, entity_of, parse_policies, rule_id

MAX_NODES: Final = 1_000
"""How many agents one tree tells of."""


class Reach:
    """Tells what agents can reach."""

    def __init__(self, means: ReachMeans) -> None:
        self._means = means

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show what an agent, and those it may delegate to, can reach.

        Raises:
            AgentNotFound: There is no such agent.
        """
        agent = self._means.agent(inbound.params["id"])
        if agent is None:
            raise AgentNotFound("look at the list")
        policies = await asyncio.to_thread(_policies_of, self._means.book.policies())
        told = _Telling(self._means, policies).of(agent)
        return Outcome(Reply(200, told), subject=agent.id)


class _Telling:
    """One tree.  Nobody is told of twice."""

    def __init__(self, means: ReachMeans, policies: "Sequence[_Policy]") -> None:
        self._means = means
        self._policies = policies
        self._now = means.clock.now()
        self._told: set[str] = set()

    def of(self, agent: Agent, delegation: Delegation | None = None, depth: int | None = None) -> AgentReach:
        """Tell of one agent.

        Args:
            agent: Of whom.
            delegation: By which it comes into the tree.
            depth: How many may come behind it; None for any number.
        """
        known = AgentReach(
            agent.id, agent.name, agent.role, agent.status.value, delegation=_terms(delegation)
        )
        if agent.id in self._told or len(self._told) >= MAX_NODES:
            return structs.replace(known, repeated=True)
        self._told.add(agent.id)
        known = structs.replace(
            known,
            policies=[policy.reach for policy in self._policies if policy.concerns(agent)],
            acts_for=tuple(each.from_id for each in self._means.delegations_to(agent.id, self._now)),
            delegates=self._delegates(agent, depth),
        )
        try:
            role = self._means.book.role(agent.role).role
        except RoleNotFound:
            return known
        return structs.replace(
            known,
            networks=role.networks,
            audiences=(self._means.gateway, *role.audiences),
            scopes=role.scopes,
            upstreams=self._upstreams(role),
            leases=[self._lease(role, name) for name in role.leasable],
            mcp=role.mcp,
        )

    def _delegates(self, agent: Agent, depth: int | None) -> list[AgentReach]:
        if depth == 0:
            return []
        found: list[AgentReach] = []
        for each in self._means.delegations_from(agent.id, self._now):
            delegate = self._means.agent(each.to_agent)
            if delegate is not None:
                behind = each.depth_allowed if depth is None else min(each.depth_allowed, depth - 1)
                found.append(self.of(delegate, each, behind))
        return found

    def _upstreams(self, role: Role) -> list[UpstreamReach]:
        entries = {entry.name: entry for entry in self._means.upstreams()}
        rules: dict[str, list[RuleReach]] = {}
        for number, block in enumerate(role.allow, 1):
            rule = RuleReach(
                rule_id(role.name, number), block.scope, block.methods, block.paths, block.ask or ""
            )
            for name in entries if block.upstream == ANY else (block.upstream,):
                rules.setdefault(name, []).append(rule)
        reached: list[UpstreamReach] = []
        for name in sorted(rules):
            entry = entries.get(name)
            known = ("", "", "") if entry is None else (entry.base_url, entry.secret, entry.place)
            reached.append(UpstreamReach(name, *known, rules=rules[name]))
        return reached

    def _lease(self, role: Role, name: str) -> LeaseReach:
        found = self._means.credential(name)
        if found is None:
            return LeaseReach(name, "", "", {}, {}, (), 0)
        credential, provider = found
        blocks = [block for block in role.resources if block.credential == name]
        items = [item for block in blocks for item in block.items]
        try:
            grant = self._means.grant_of(credential, items if blocks else None)
        except LeaseError:
            grant = {}
        return LeaseReach(
            credential=name,
            provider=provider.name,
            kind=provider.kind,
            settings=provider.settings,
            grant=grant,
            secrets=tuple(sorted(provider.secrets.values())),
            max_ttl_seconds=credential.max_ttl_seconds,
            narrowed_to=tuple(str(item) for item in items),
        )


class _Policy:
    """A policy in Cedar, and whom it speaks of."""

    __slots__ = ("_principal", "reach")

    def __init__(self, name: str, cedar: str, est: Mapping[str, object]) -> None:
        self._principal = entity_of(est.get("principal"))
        upstream = entity_of(est.get("resource"))
        self.reach = PolicyReach(
            policy=name,
            effect=str(est.get("effect", "")),
            upstreams=(upstream[1],) if upstream else (),
            cedar=cedar.strip(),
        )

    def concerns(self, agent: Agent) -> bool:
        """Whether it can speak of `agent`."""
        return self._principal in {None, ("Agent", agent.id), ("Role", agent.role)}


def _policies_of(policies: Sequence[StoredPolicy]) -> list[_Policy]:
    return [
        _Policy(name, policy.text, policy.est)
        for stored in policies
        for name, policy in parse_policies(stored.cedar, f"policy/{stored.name}", by_hand=True).items()
    ]


def _terms(delegation: Delegation | None) -> Terms | None:
    if delegation is None:
        return None
    return Terms(
        id=delegation.id,
        scope=delegation.scope,
        audience=delegation.audience,
        until=rfc3339(delegation.until),
        depth_allowed=delegation.depth_allowed,
    )
