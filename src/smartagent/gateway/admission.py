# SPDX-License-Identifier: Apache-2.0
"""Letting permitted calls through within their limits, and saying so: to the other processes, and to the log."""

import math
from collections.abc import Sequence
from typing import Final

from smartagent.edge import BodyTooLarge
from smartagent.gateway.errors import LimitExceeded
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.limits import TOPIC, Allowance, Limiter
from smartagent.gateway.ports import Doors, Upstream
from smartagent.gateway.refusals import WINDOW_SECONDS, Refusals, Refused
from smartagent.kernel import UNLIMITED, Caller, Change, Decision, Record, SmartAgentError, Work

EVENT: Final = "gateway.limited"


class Admission:
    """Counts calls.

    Args:
        doors: The house.
        node: A name of this process that no other has.
    """

    def __init__(self, doors: Doors, node: str) -> None:
        self._doors = doors
        self._limiter = Limiter(node)
        self._refusals = Refusals()

    def admit(self, exchange: Exchange, caller: Caller, entry: Upstream, now: float) -> None:
        """Count a call, and bind it to its limits.

        Raises:
            LimitExceeded: One of its limits is used up.
            BodyTooLarge: Its body is, or says that it will be.
        """
        own, shared = self._doors.limits(caller)
        if own is UNLIMITED and shared is UNLIMITED and entry.limits is UNLIMITED:
            return
        bounds = (
            (f"agent/{caller.principal}", own),
            (f"role/{caller.role}", shared),
            (f"upstream/{entry.name}", entry.limits),
        )
        allowance = self._limiter.admit(bounds, now)
        exchange.allow(allowance)
        _check_size(exchange, allowance)

    def left(self, caller: Caller, now: float) -> int:
        """Return how many percent a caller has left of the calls that it, or its role, may make at once."""
        own, shared = self._doors.limits(caller)
        return self._limiter.left(((f"agent/{caller.principal}", own), (f"role/{caller.role}", shared)), now)

    def is_recorded(self, exchange: Exchange, error: SmartAgentError, now: float) -> bool:
        """Tell whether a refusal is recorded by itself; else it is counted, and the number is recorded later."""
        if not isinstance(error, LimitExceeded) or exchange.caller is None or exchange.asked is None:
            return True
        refused = Refused(exchange.caller.principal, exchange.asked.upstream, error.code)
        return self._refusals.is_first(refused, now)

    def sweep(self, now: float) -> None:
        """Look at the clock: tell the other processes and the log what they are to know."""
        for text in self._limiter.news(now):
            self._doors.commit_later(Work((), changes=(Change(TOPIC, text),)))
        self._tell_refusals(now)

    def close(self) -> None:
        """Say what has been counted, and would have been said later."""
        self._tell_refusals(math.inf)

    def hear(self, texts: Sequence[str], now: float) -> None:
        """Take in what processes have told."""
        self._limiter.hear(texts, now)

    def _tell_refusals(self, now: float) -> None:
        for refused, count in self._refusals.due(now):
            self._doors.commit_later(Work((self._record(refused, count),)))

    def _record(self, refused: Refused, count: int) -> Record:
        return Record(
            event=EVENT,
            at_ms=int(self._doors.now() * 1000),
            request=self._doors.new_request_id(),
            caller=refused.caller,
            subject=refused.upstream,
            decision=Decision.DENY,
            outcome=refused.code,
            detail={"calls": count, "seconds": int(WINDOW_SECONDS)},
        )


def _check_size(exchange: Exchange, allowance: Allowance) -> None:
    if max(exchange.head.body, exchange.received_bytes) > allowance.request_bytes:
        raise BodyTooLarge(f"limit is {allowance.request_bytes} bytes")
