# SPDX-License-Identifier: Apache-2.0
"""Signals: how revocations reach those who verify offline; status lists, an event feed, security event streams."""

from smartagent.signals.errors import StatusListUnknown, StreamNotFound
from smartagent.signals.lease import LedgerLease
from smartagent.signals.ports import Bounds, Means
from smartagent.signals.publish import AGGREGATION_PATH
from smartagent.signals.routes import signals_routes
from smartagent.signals.service import Signals
from smartagent.signals.statuses import STATUS_PATH

__all__ = [
    "AGGREGATION_PATH",
    "STATUS_PATH",
    "Bounds",
    "LedgerLease",
    "Means",
    "Signals",
    "StatusListUnknown",
    "StreamNotFound",
    "signals_routes",
]
