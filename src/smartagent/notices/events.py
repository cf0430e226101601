# SPDX-License-Identifier: Apache-2.0
"""What the log says of notices on their way.  A channel's records have `channel/NAME` as their subject.

`now` is Unix seconds.
"""

from smartagent.kernel import Decision, Detail, Record
from smartagent.notices.model import Waiting


def delivered(waiting: Waiting, now: float) -> Record:
    """A channel's receiver took a notice."""
    return Record(
        event="notice.delivered",
        at_ms=int(now * 1000),
        request="",
        subject=f"channel/{waiting.channel}",
        target=f"notice/{waiting.notice.id}",
        decision=Decision.PERMIT,
        rule="notices",
        detail=_about(waiting),
    )


def given_up(waiting: Waiting, now: float, reason: str) -> Record:
    """A channel's receiver did not take a notice for a day, and it is not sent any more."""
    return Record(
        event="notice.given-up",
        at_ms=int(now * 1000),
        request="",
        subject=f"channel/{waiting.channel}",
        target=f"notice/{waiting.notice.id}",
        decision=Decision.PERMIT,
        rule="notices",
        detail={**_about(waiting), "reason": reason},
    )


def disabled(waiting: Waiting, now: float, reason: str, dropped: int) -> Record:
    """A channel's receiver wants no notices any more; what waited for it is dropped."""
    return Record(
        event="channel.disabled",
        at_ms=int(now * 1000),
        request="",
        subject=f"channel/{waiting.channel}",
        target=f"notice/{waiting.notice.id}",
        decision=Decision.PERMIT,
        rule="notices",
        detail={**_about(waiting), "reason": reason, "dropped": dropped},
    )


def _about(waiting: Waiting) -> dict[str, Detail]:
    return {"kind": waiting.notice.kind.value, "about": waiting.notice.subject}
