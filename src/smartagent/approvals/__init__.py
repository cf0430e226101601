# SPDX-License-Identifier: Apache-2.0
"""Approvals: people agree to single calls before they are made."""

from smartagent.approvals.asking import Wish
from smartagent.approvals.card import card_of, digest_of
from smartagent.approvals.errors import (
    ApprovalChanged,
    ApprovalDecided,
    ApprovalDenied,
    ApprovalExpired,
    ApprovalMismatch,
    ApprovalNotFound,
    ApprovalPending,
    ApprovalsError,
    ApprovalUsed,
    MalformedDecision,
    NotYourDecision,
    TooManyPending,
)
from smartagent.approvals.means import Means
from smartagent.approvals.model import (
    APPROVAL_PAGE,
    Approval,
    Card,
    Decided,
    Deed,
    Demand,
    Lives,
    Obtained,
    Reach,
    Said,
    State,
)
from smartagent.approvals.routes import approvals_routes
from smartagent.approvals.rules import covers, demand_of
from smartagent.approvals.service import Approvals
from smartagent.approvals.store import APPROVALS_TOPIC, Shown

__all__ = [
    "APPROVALS_TOPIC",
    "APPROVAL_PAGE",
    "Approval",
    "ApprovalChanged",
    "ApprovalDecided",
    "ApprovalDenied",
    "ApprovalExpired",
    "ApprovalMismatch",
    "ApprovalNotFound",
    "ApprovalPending",
    "ApprovalUsed",
    "Approvals",
    "ApprovalsError",
    "Card",
    "Decided",
    "Deed",
    "Demand",
    "Lives",
    "MalformedDecision",
    "Means",
    "NotYourDecision",
    "Obtained",
    "Reach",
    "Said",
    "Shown",
    "State",
    "TooManyPending",
    "Wish",
    "approvals_routes",
    "card_of",
    "covers",
    "demand_of",
    "digest_of",
]
