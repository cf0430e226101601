# SPDX-License-Identifier: Apache-2.0
"""The shared kernel: what every room may import, and which does no I/O."""

from smartagent.kernel.algorithm import Algorithm
from smartagent.kernel.caller import (
    UNKNOWN_BUDGET,
    Caller,
    CallerKind,
    CallRestriction,
    Standing,
    circumstances,
    elevation_in,
)
from smartagent.kernel.clock import Clock, Entropy, rfc3339
from smartagent.kernel.errors import Kind, SmartAgentError
from smartagent.kernel.ids import IdPrefix, Ids, made_at_ms, parse_id
from smartagent.kernel.labels import Label
from smartagent.kernel.limits import UNLIMITED, Limits, UnusableLimit, parse_limits
from smartagent.kernel.record import Decision, Detail, Record
from smartagent.kernel.secret import Secret
from smartagent.kernel.verdict import Denied, NeedsApproval, Permitted, Verdict
from smartagent.kernel.work import (
    Change,
    Claim,
    Committed,
    Consequential,
    Effects,
    Ledger,
    Scalar,
    Work,
    Write,
)

__all__ = [
    "UNKNOWN_BUDGET",
    "UNLIMITED",
    "Algorithm",
    "CallRestriction",
    "Caller",
    "CallerKind",
    "Change",
    "Claim",
    "Clock",
    "Committed",
    "Consequential",
    "Decision",
    "Denied",
    "Detail",
    "Effects",
    "Entropy",
    "IdPrefix",
    "Ids",
    "Kind",
    "Label",
    "Ledger",
    "Limits",
    "NeedsApproval",
    "Permitted",
    "Record",
    "Scalar",
    "Secret",
    "SmartAgentError",
    "Standing",
    "UnusableLimit",
    "Verdict",
    "Work",
    "Write",
    "circumstances",
    "elevation_in",
    "made_at_ms",
    "parse_id",
    "parse_limits",
    "rfc3339",
]
