# SPDX-License-Identifier: Apache-2.0
"""Insight: what rules would have done to the recorded history."""

from smartagent.insight.errors import EmptyDraft, InsightError
from smartagent.insight.means import Means
from smartagent.insight.model import HistoryRequest, ReplayPage, Shift
from smartagent.insight.routes import insight_routes
from smartagent.insight.rules import Tally
from smartagent.insight.service import Insight

__all__ = [
    "EmptyDraft",
    "HistoryRequest",
    "Insight",
    "InsightError",
    "Means",
    "ReplayPage",
    "Shift",
    "Tally",
    "insight_routes",
]
