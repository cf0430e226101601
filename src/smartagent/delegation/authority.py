# SPDX-License-Identifier: Apache-2.0
"""By what may this client act with that token?

    1. It holds the token itself.
    2. The token names it: `may_act`.
    3. A person gave the token to it: they consented that this client acts for them.
    4. Whoever holds the token recorded a delegation to it.

None of these looks further back than the current holder.  That somebody earlier in the chain trusts
the client is no reason: they did not hand it this token.

Spec: RFC 8693 sections 1.1, 2.1 and 4.4.
"""

from typing import Final

from smartagent.delegation.errors import NotDelegated
from smartagent.delegation.means import Means
from smartagent.delegation.model import Authority, Delegation, Subject
from smartagent.delegation.register import Register
from smartagent.delegation.rules import check_reach, with_actor
from smartagent.kernel import IdPrefix

_AGENT: Final = f"{IdPrefix.AGENT.value}_"
_DELEGATION: Final = f"{IdPrefix.DELEGATION.value}_"


class Authorities:
    """Finds by what an agent may act."""

    def __init__(self, means: Means, register: Register) -> None:
        self._means = means
        self._register = register

    def of(self, subject: Subject, agent_id: str) -> tuple[Authority, ...]:
        """Return by what `agent_id` may act with the subject token, the first choice first; at least one.

        Raises:
            NotDelegated: By nothing.
        """
        if subject.holder == agent_id:
            # A hand-over says that somebody else shall act; its maker has the token it was made of.
            if subject.may_act and subject.may_act != agent_id:
                raise NotDelegated("the subject token was made to be handed over")
            return (Authority("own"),)
        if subject.may_act:
            if subject.may_act != agent_id:
                raise NotDelegated("the subject token names another agent in may_act")
            return (Authority("may-act"),)
        if not subject.holder and subject.client_id == agent_id:
            return (Authority("consent"),)
        if not subject.holder and subject.client_id.startswith(_AGENT):
            raise NotDelegated("the person's token was given to another agent, who has to exchange it first")
        recorded = self._register.between(
            subject.holder or subject.sub, agent_id, now=self._means.clock.now()
        )
        if not recorded:
            raise NotDelegated("the subject token has no may_act for you, and no delegation is recorded")
        return tuple(_by(delegation) for delegation in recorded)

    def one_for(self, subject: Subject, agent_id: str, audience: str) -> Authority:
        """Return the first by which `agent_id` may have something for `audience`.

        Raises:
            NotDelegated: By nothing.
        """
        for authority in self.of(subject, agent_id):
            if authority.audience in {"", audience}:
                return authority
        raise NotDelegated("what is delegated is for another audience")

    def chain(self, subject: Subject, authority: Authority, agent_id: str) -> tuple[str, ...]:
        """Return who acts in what comes of it, the current one first.

        Raises:
            ChainRefused: It would be a loop, or longer than the house or a delegation in it allows.
        """
        if authority.is_own:
            return subject.actors
        chain = with_actor(subject, agent_id, most=self._means.settings.max_actors)
        behind = [link for link in (*subject.lineage, *authority.lineage) if link.startswith(_DELEGATION)]
        check_reach(chain, [self._register.find(link) for link in behind])
        return chain


def _by(delegation: Delegation) -> Authority:
    return Authority(
        via=delegation.id,
        scopes=frozenset(delegation.scope.split()) if delegation.scope else None,
        audience=delegation.audience,
        until=delegation.until,
        lineage=(delegation.id,),
    )
