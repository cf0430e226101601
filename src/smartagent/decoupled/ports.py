# SPDX-License-Identifier: Apache-2.0
"""What this room asks of one that is built above it: approvals of calls, which a client may ask a person for."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from smartagent.kernel import Change, Write


class CallCard(msgspec.Struct, frozen=True):
    """What a person is shown of a call: a title, and lines of a name and what it says.  All of it is safe to print."""

    title: str
    lines: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


class Approvals(Protocol):
    """Calls that wait for people."""

    async def card_for(self, approval: str, agent: str, person: str) -> CallCard:
        """Return what a call is that waits for approval.

        Args:
            approval: Its id.
            agent: Whose call it is.
            person: Who is asked for it.

        Raises:
            InvalidAuthorizationDetails: There is none, it is another agent's, it waits for nobody any more, or this
                person may not agree to it.
        """
        ...

    async def decide(
        self, approval: str, person: str, *, approve: bool
    ) -> tuple[Sequence[Write], Sequence[Change]]:
        """Return what makes a person's yes or no to a call durable.

        Raises:
            SmartAgentError: It waits for nobody any more, or this person may not decide it.
        """
        ...
