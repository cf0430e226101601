# SPDX-License-Identifier: Apache-2.0
"""Insight: what rules would have done to the recorded history, and what agents can reach."""

from smartagent.insight.errors import EmptyDraft, InsightError, MalformedTests
from smartagent.insight.fixtures import Case, Result, parse_cases, run_cases
from smartagent.insight.linting import Finding, Known
from smartagent.insight.linting import lint as lint_rules
from smartagent.insight.means import Means, ReachMeans
from smartagent.insight.model import HistoryRequest, Incident, ReplayPage, Shift, UsagePage, UsageRequest, Use
from smartagent.insight.proposing import Enough, Proposal, doubts, propose, role_file
from smartagent.insight.reach import Reach
from smartagent.insight.reachable import AgentReach, LeaseReach
from smartagent.insight.routes import insight_routes
from smartagent.insight.rules import Tally, UsageTally
from smartagent.insight.service import Insight

__all__ = [
    "AgentReach",
    "Case",
    "EmptyDraft",
    "Enough",
    "Finding",
    "HistoryRequest",
    "Incident",
    "Insight",
    "InsightError",
    "Known",
    "LeaseReach",
    "MalformedTests",
    "Means",
    "Proposal",
    "Reach",
    "ReachMeans",
    "ReplayPage",
    "Result",
    "Shift",
    "Tally",
    "UsagePage",
    "UsageRequest",
    "UsageTally",
    "Use",
    "doubts",
    "insight_routes",
    "lint_rules",
    "parse_cases",
    "propose",
    "role_file",
    "run_cases",
]
