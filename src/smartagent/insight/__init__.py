# SPDX-License-Identifier: Apache-2.0
"""Insight: what rules would have done to the recorded history, and what agents can reach."""

from smartagent.insight.errors import EmptyDraft, InsightError
from smartagent.insight.linting import Finding, Known
from smartagent.insight.linting import lint as lint_rules
from smartagent.insight.means import Means, ReachMeans
from smartagent.insight.model import HistoryRequest, Incident, ReplayPage, Shift, UsagePage, UsageRequest, Use
from smartagent.insight.reach import Reach
from smartagent.insight.reachable import AgentReach
from smartagent.insight.routes import insight_routes
from smartagent.insight.rules import Tally
from smartagent.insight.service import Insight

__all__ = [
    "AgentReach",
    "EmptyDraft",
    "Finding",
    "HistoryRequest",
    "Incident",
    "Insight",
    "InsightError",
    "Known",
    "Means",
    "Reach",
    "ReachMeans",
    "ReplayPage",
    "Shift",
    "Tally",
    "UsagePage",
    "UsageRequest",
    "Use",
    "insight_routes",
    "lint_rules",
]
