# SPDX-License-Identifier: Apache-2.0
"""Governance: who answers for agents, until when they may act, and what happens when nobody asks."""

from smartagent.governance.access.desk import Prepared
from smartagent.governance.access.views import AccessAsked
from smartagent.governance.errors import GovernanceChanged, GovernanceError, MalformedTerms
from smartagent.governance.means import Means
from smartagent.governance.model import DAY_SECONDS, Defaults
from smartagent.governance.owners import is_person_here
from smartagent.governance.reviews.store import WITHDRAWALS_TOPIC
from smartagent.governance.reviews.withdrawals import Withdrawals
from smartagent.governance.routes import governance_routes
from smartagent.governance.service import Governance

__all__ = [
    "DAY_SECONDS",
    "WITHDRAWALS_TOPIC",
    "AccessAsked",
    "Defaults",
    "Governance",
    "GovernanceChanged",
    "GovernanceError",
    "MalformedTerms",
    "Means",
    "Prepared",
    "Withdrawals",
    "governance_routes",
    "is_person_here",
]
