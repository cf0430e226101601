# SPDX-License-Identifier: Apache-2.0
"""What a proof does not say of a caller, and policies may ask for: how far it is trusted, and what it has met."""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import structs

from smartagent.kernel import Caller, CallerKind, Standing

_LOWEST_LAST: Final = [each.value for each in Standing]
_ALL_OF_IT: Final = 100


class Circumstances:
    """Completes callers.

    Args:
        standing_of: The standing of an agent by its id; empty for whoever is none.
        facts_about: What policies about a caller ask for.
        met: The labels that an agent met; may ask the store.
    """

    def __init__(
        self,
        standing_of: Callable[[str], str],
        facts_about: Callable[[Caller], frozenset[str]],
        met: Callable[[Caller], Awaitable[frozenset[str]]],
    ) -> None:
        self._standing_of = standing_of
        self._facts_about = facts_about
        self._met = met

    async def complete(self, caller: Caller) -> Caller:
        """Return an authenticated caller with what policies ask for.

        Nothing limits how often an agent asks the authority itself; the gateway says what is left there.

        Raises:
            StoreUnavailable: Its labels are asked for, and cannot be read.
        """
        if caller.kind is not CallerKind.AGENT:
            return caller
        facts = self._facts_about(caller)
        labels = await self._met(caller) if "labels" in facts else None
        budget = _ALL_OF_IT if "budget_left" in facts else caller.budget
        return structs.replace(caller, standing=self.standing(caller), labels=labels, budget=budget)

    def standing(self, caller: Caller) -> str:
        """Return the lowest standing of the agents that a call is made by and for; empty when it is not known."""
        own = self._standing_of(caller.principal)
        if not caller.subject_role:
            return own
        both = own, self._standing_of(caller.subject)
        return max(both, key=_LOWEST_LAST.index) if all(both) else ""
