# SPDX-License-Identifier: Apache-2.0
"""Tokens that tell an upstream who calls: the house's own, for that upstream alone.

An upstream that takes our access tokens needs no secret at all.  The gateway brings it a token that lives minutes and
that the agent never sees; whoever is called by it cannot use it anywhere else.

Spec: RFC 9068.
"""

from collections import OrderedDict
from typing import Final

from smartagent.delegation.chain import chain_of, lineage_of
from smartagent.delegation.errors import TargetNotDelegated
from smartagent.delegation.means import Means
from smartagent.kernel import Caller, Secret
from smartagent.tokens import Wanted

LIFE_SECONDS: Final = 300
_LEFT_SECONDS: Final = 60
_REMEMBERED: Final = 4096


class OutwardTokens:
    """Makes tokens for upstreams, and uses each again until its end is near."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._made: OrderedDict[tuple[str, str], tuple[Secret[bytes], int]] = OrderedDict()

    def for_call(self, caller: Caller, audience: str) -> Secret[bytes]:
        """Return a token of `caller` for `audience`; the same object for some minutes.

        Args:
            caller: Who calls, as authenticated.
            audience: Who shall take it; never the house itself.

        Raises:
            TargetNotDelegated: The audience is the house itself.
            KeysNotReady: There is nothing to sign with.
        """
        now = self._means.clock.now()
        # A caller without a token of its own has no name that could be remembered.
        made = self._made.get((caller.jti, audience)) if caller.jti else None
        if made is not None and now < made[1] - _LEFT_SECONDS:
            return made[0]
        if audience.startswith((self._means.issuer, self._means.gateway)):
            raise TargetNotDelegated("a token for the house itself never leaves it")
        issued = self._means.tokens.issuer.mint(
            Wanted(
                subject=caller.subject or caller.principal,
                client_id=caller.principal,
                audience=audience,
                scope=" ".join(sorted(caller.scopes)),
                life_seconds=LIFE_SECONDS,
                role=caller.subject_role or caller.role,
                session=caller.session,
                act=chain_of(caller),
                lineage=lineage_of(caller),
            )
        )
        token = Secret(issued.token.encode())
        self._made[caller.jti, audience] = (token, issued.claims.exp)
        if len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)
        return token
