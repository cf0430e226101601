# SPDX-License-Identifier: Apache-2.0
"""Approvals as one thing: their memory, what gates ask, what people say, and what time does."""

from smartagent.approvals.asking import Asking
from smartagent.approvals.deciding import Deciding
from smartagent.approvals.desk import Desk
from smartagent.approvals.means import Means
from smartagent.approvals.memory import Memory
from smartagent.approvals.tending import Tending
from smartagent.storage import Feed


class Approvals:
    """The room's verbs."""

    def __init__(self, means: Means) -> None:
        self.memory = Memory(means.database)
        asking, deciding, tending = Asking(means, self.memory), Deciding(means), Tending(means, self.memory)
        self.desk = Desk(means, self.memory, deciding)
        self.obtain = asking.obtain
        self.location = asking.location
        self.find = deciding.find
        self.confirmer_of = deciding.confirmer_of
        self.card_for = deciding.card_for
        self.decide = deciding.decide
        self.end_grant = deciding.end
        self.tend = tending.tend

    def follow(self, feed: Feed) -> None:
        """Keep the memory fresh by the store's feed.  Call it before the store starts."""
        self.memory.follow(feed)
