# SPDX-License-Identifier: Apache-2.0
"""Calls that somebody has to approve first: the gateway answers 202 and says which approval they wait for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from smartagent.kernel import Clock
from smartagent.sdk.exchange import Answer

ACCEPTED: Final = 202
APPROVED: Final = "approved"
_PENDING: Final = "pending"
_TYPE: Final = "urn:smartagent:error:approval-pending"


class _Problem(msgspec.Struct):
    type: str = ""
    approval: str = ""


class Approval(msgspec.Struct, frozen=True):
    """What of an approval an agent needs to know."""

    state: str


def approval_of(answer: Answer) -> str:
    """Return the id of the approval that a call waits for; empty when the answer is the upstream's, or another."""
    if answer.status != ACCEPTED:
        return ""
    try:
        problem = msgspec.json.decode(answer.body, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    return problem.approval if problem.type == _TYPE else ""


async def until_decided(
    look: Callable[[], Awaitable[Approval]], clock: Clock, patience_seconds: float, pause_seconds: float
) -> bool:
    """Look until an approval does not wait for people any more, or patience is over; tell whether it was approved."""
    end = clock.monotonic() + patience_seconds
    while True:
        found = await look()
        if found.state != _PENDING or clock.monotonic() >= end:
            return found.state == APPROVED
        await asyncio.sleep(pause_seconds)
