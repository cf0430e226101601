# SPDX-License-Identifier: Apache-2.0
"""What needs a person now, and how the house is doing."""

import asyncio
from collections.abc import Coroutine
from typing import Final, NamedTuple, TypeVar

from smartagent.console import drawing
from smartagent.console.api import Api
from smartagent.console.errors import VerbRefused
from smartagent.console.frame import Frame
from smartagent.console.means import Means
from smartagent.console.model import Activity, Agent, AgentPage, AskedList, Plan, ReviewList, WaitingPage
from smartagent.edge import Inbound, Outcome, Proof, Route
from smartagent.kernel import Caller

T = TypeVar("T")

LIVE: Final = "agents operators revocations rotations leases elevations roles approvals"
SOON_ROWS: Final = 6
CHART_WIDTH: Final = 720.0
CHART_HEIGHT: Final = 120.0
_SAMPLE: Final = 20
_FORBIDDEN: Final = 403
_NO_OWNER_YET: Final = frozenset({"discovered", "retired"})


class Need(NamedTuple):
    """Something that waits for a person: how much of it (`more` when there is yet more), and where it is done."""

    what: str
    number: int
    more: bool
    path: str
    command: str
    tone: str


class Soon(NamedTuple):
    """Something that ends or is due."""

    what: str
    at: str
    overdue: bool


class _Seen(NamedTuple):
    """What the operator may see; None stands for what they may not."""

    pending: AgentPage | None
    discovered: AgentPage | None
    orphans: AgentPage | None
    plan: Plan | None
    waiting: WaitingPage | None
    asked: AskedList | None
    reviews: ReviewList | None
    activity: Activity | None


class Overview:
    """The console's first page."""

    def __init__(self, means: Means, frame: Frame) -> None:
        self._means = means
        self._frame = frame

    def routes(self) -> tuple[Route, ...]:
        """Return the page's route."""
        return (
            Route(
                "GET",
                "/console",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="Show what needs a person now, and how the house is doing",
                render=self._frame.refusal,
            ),
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the overview."""
        seen = await _look(self._frame.api(caller))
        activity = seen.activity
        hours = activity.hours if activity is not None else []
        bars = drawing.stacked(
            [hour.permitted for hour in hours],
            [hour.refused for hour in hours],
            width=CHART_WIDTH,
            height=CHART_HEIGHT,
        )
        return self._frame.page(
            caller,
            inbound,
            "overview.html",
            needs=[need for need in _needs(seen) if need.number],
            soon=_soon(seen),
            activity=activity,
            chart=list(zip(hours, bars, strict=True)),
            names=self._names(activity),
            health=self._means.health(),
            empty=not len(self._means.directory),
            live=LIVE,
        )

    def _names(self, activity: Activity | None) -> dict[str, str]:
        found = (
            self._means.directory.agent(busy.agent)
            for busy in (activity.busiest if activity is not None else [])
        )
        return {agent.id: agent.name for agent in found if agent is not None}


async def _look(api: Api) -> _Seen:
    (pending, discovered, orphans, waiting), (plan, asked, reviews, activity) = await asyncio.gather(
        asyncio.gather(
            _allowed(api.read(f"/v1/inventory?status=pending&limit={_SAMPLE}", AgentPage)),
            _allowed(api.read(f"/v1/inventory?status=discovered&limit={_SAMPLE}", AgentPage)),
            _allowed(api.read(f"/v1/inventory?orphan=true&limit={_SAMPLE}", AgentPage)),
            _allowed(api.read(f"/v1/approvals?state=pending&limit={_SAMPLE}", WaitingPage)),
        ),
        asyncio.gather(
            _allowed(api.read("/v1/rotation-plan", Plan)),
            _allowed(api.read("/v1/access-requests", AskedList)),
            _allowed(api.read("/v1/reviews", ReviewList)),
            _allowed(api.read("/v1/log/activity", Activity)),
        ),
    )
    return _Seen(pending, discovered, orphans, plan, waiting, asked, reviews, activity)


async def _allowed(reading: Coroutine[object, object, T]) -> T | None:
    """Return what a verb answers, or None when the operator may not ask it."""
    try:
        return await reading
    except VerbRefused as refused:
        if refused.status != _FORBIDDEN:
            raise
        return None


def _agents(page: AgentPage | None) -> tuple[list[Agent], bool]:
    return ([], False) if page is None else (page.agents, bool(page.next_cursor))


def _needs(seen: _Seen) -> list[Need]:
    pending, discovered, orphans = _agents(seen.pending), _agents(seen.discovered), _agents(seen.orphans)
    overdue = [due for due in (seen.plan.due if seen.plan is not None else []) if due.overdue or due.failure]
    asked = seen.asked.requests if seen.asked is not None else []
    reviews = [
        each for each in (seen.reviews.reviews if seen.reviews is not None else []) if not each.closed_at
    ]
    waiting = seen.waiting.approvals if seen.waiting is not None else []
    living = [agent for agent in orphans[0] if agent.status not in _NO_OWNER_YET]
    return [
        Need(
            "Agents wait to be enrolled",
            len(pending[0]),
            pending[1],
            "/console/agents?status=pending",
            "",
            "wait",
        ),
        Need(
            "Agents were discovered, and nobody answers for them yet",
            len(discovered[0]),
            discovered[1],
            "/console/agents?status=discovered",
            "",
            "wait",
        ),
        Need(
            "Agents have lost their owner",
            len(living),
            orphans[1],
            "/console/agents?orphan=true",
            "",
            "bad",
        ),
        Need(
            "Calls wait for approval",
            len(waiting),
            bool(seen.waiting and seen.waiting.next_cursor),
            "/console/approvals",
            "",
            "wait",
        ),
        Need("Rotations are overdue or failing", len(overdue), False, "/console/rotations", "", "bad"),
        Need("Agents ask for access", len(asked), False, "", "smartagentctl access list", "wait"),
        Need("Access reviews are open", len(reviews), False, "", "smartagentctl review list", "wait"),
    ]


def _soon(seen: _Seen) -> list[Soon]:
    lines = [
        Soon(f"Rotation of {due.what}", due.due_at, due.overdue)
        for due in (seen.plan.due if seen.plan is not None else [])
        if due.due_at
    ]
    lines += [
        Soon(f"Access review {review.name}", review.due_at, False)
        for review in (seen.reviews.reviews if seen.reviews is not None else [])
        if not review.closed_at
    ]
    return sorted(lines, key=lambda line: line.at)[:SOON_ROWS]
