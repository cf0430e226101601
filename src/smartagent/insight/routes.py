# SPDX-License-Identifier: Apache-2.0
"""What can be asked of rules and history."""

from typing import Final

from smartagent.edge import Proof, Route
from smartagent.insight.model import HistoryRequest, ReplayPage, UsagePage, UsageRequest
from smartagent.insight.reach import Reach
from smartagent.insight.reachable import AgentReach
from smartagent.insight.service import Insight
from smartagent.policy import Permission

_MAX_BODY_BYTES: Final = 1_048_576


def insight_routes(insight: Insight, reach: Reach) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (
        Route(
            method="POST",
            path="/v1/history/replay",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.HISTORY_READ,
            event="history.replayed",
            act=insight.replay,
            summary="Say which recorded requests a draft of rules would decide otherwise, a page of the log at once",
            max_body_bytes=_MAX_BODY_BYTES,
            request_schema=HistoryRequest,
            reply_schema=ReplayPage,
        ),
        Route(
            method="POST",
            path="/v1/history/usage",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.HISTORY_READ,
            event="history.usage-read",
            act=insight.usage,
            summary="Say what of the rules recorded requests used, a page of the log at once",
            max_body_bytes=_MAX_BODY_BYTES,
            request_schema=UsageRequest,
            reply_schema=UsagePage,
        ),
        Route(
            method="GET",
            path="/v1/agents/{id}/reach",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.REACH_READ,
            event="agent.reach-read",
            act=reach.show,
            summary="Show what an agent, and those it may delegate to, can reach",
            reply_schema=AgentReach,
        ),
    )
