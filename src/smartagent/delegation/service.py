# SPDX-License-Identifier: Apache-2.0
"""Delegation as one thing: its register, its acts and its grants, built together."""

from collections.abc import Mapping

from smartagent.delegation.exchange import Exchange
from smartagent.delegation.means import Means
from smartagent.delegation.model import EXCHANGE_GRANT, JWT_BEARER_GRANT
from smartagent.delegation.outward import OutwardTokens
from smartagent.delegation.recording import Recording
from smartagent.delegation.redeem import JwtBearer
from smartagent.delegation.register import Register
from smartagent.delegation.store import DELEGATIONS_TOPIC
from smartagent.oauth import Grant
from smartagent.storage import Feed


class Delegations:
    """Who acts for whom."""

    def __init__(self, means: Means) -> None:
        self.register = Register(means.database)
        self.recording = Recording(means, self.register)
        self._exchange = Exchange(means, self.register)
        self._jwt_bearer = JwtBearer(means)
        self.transactions = self._exchange.transactions
        self.outward = OutwardTokens(means)

    def follow(self, feed: Feed) -> None:
        """Keep the register fresh by the store's feed.  Call it before the store starts."""
        feed.register(DELEGATIONS_TOPIC, self.register.reload)

    def grants(self) -> Mapping[str, Grant]:
        """Return the room's grants, for the token endpoint."""
        return {EXCHANGE_GRANT: self._exchange, JWT_BEARER_GRANT: self._jwt_bearer}
