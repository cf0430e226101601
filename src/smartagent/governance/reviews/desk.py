# SPDX-License-Identifier: Apache-2.0
"""Reviews: begun, decided item by item, and ended at their due date by what they say.

Every record about a review has `review/NAME` as its subject, so that the log shows all of it at once, with receipts.
"""

import re
from typing import Final

import msgspec
from msgspec import structs

from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_form, parse_json
from smartagent.governance.errors import (
    GovernanceError,
    MalformedDecision,
    MalformedReview,
    ReviewDecided,
    ReviewNotFound,
)
from smartagent.governance.means import Means
from smartagent.governance.reviews.afterwards import break_glasses_of
from smartagent.governance.reviews.effects import Effect, effect_of
from smartagent.governance.reviews.model import CREDENTIAL, DELEGATION, ROLE, Decision, Item, Review
from smartagent.governance.reviews.store import (
    add_review,
    close_review,
    count_unanswered,
    decide_item,
    give_back,
    read_due,
    read_item,
    read_items,
    read_review,
    read_reviews,
    read_unanswered,
    withdrawals_changed,
)
from smartagent.governance.reviews.views import (
    DecisionRequest,
    ItemPage,
    ReviewList,
    ReviewRequest,
    item_view,
    review_view,
)
from smartagent.governance.store import read_uses
from smartagent.identity import AgentStatus, parse_reason
from smartagent.kernel import (
    Caller,
    Detail,
    IdPrefix,
    Record,
    SmartAgentError,
    Work,
    Write,
    parse_id,
    rfc3339,
)
from smartagent.kernel import Decision as Verdict
from smartagent.notices import NoticeKind
from smartagent.policy import parse_name

MIN_DUE_SECONDS: Final = 60
MAX_DUE_SECONDS: Final = 366 * 86_400
MAX_ITEMS: Final = 5_000
UNANSWERED: Final = "review.unanswered"
CLOSED: Final = "review.closed"
_PAGE: Final = 500
_AT_ONCE: Final = 100
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_REVIEWED: Final = frozenset({AgentStatus.ACTIVE, AgentStatus.SUSPENDED})


class Reviews:
    """The acts on reviews."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def begin(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Begin a review of what agents may use, as it stands now.

        Raises:
            MalformedReview: The name, the due date or what the unanswered become is none, or there are too many
                grants, or none at all.
            ReviewTaken: There is a review of this name.
        """
        asked = parse_json(inbound.body, ReviewRequest)
        try:
            parse_name(asked.name)
        except ValueError as error:
            raise MalformedReview("name", str(error)) from None
        if not MIN_DUE_SECONDS <= asked.due_seconds <= MAX_DUE_SECONDS:
            raise MalformedReview("due_seconds", f"{MIN_DUE_SECONDS} to {MAX_DUE_SECONDS}")
        if asked.unanswered is Decision.SHRINK:
            raise MalformedReview("unanswered", "keep or remove")
        now = int(self._means.clock.now())
        review = Review(
            name=asked.name,
            unanswered=asked.unanswered.value,
            owner=asked.owner,
            role=asked.role,
            created_by=caller.principal,
            created_at=now,
            due_at=now + asked.due_seconds,
        )
        items = await self._items(review)
        return Outcome(
            Reply(201, review_view(review, len(items))),
            subject=f"review/{review.name}",
            detail={"items": len(items), "due_at": review.due_at, "unanswered": review.unanswered},
            writes=(*add_review(review, items), self._told(review, len(items))),
        )

    async def show_all(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """List the reviews."""
        database = self._means.database
        shown = [
            review_view(each, await count_unanswered(database, each.name))
            for each in await read_reviews(database)
        ]
        return Outcome(Reply(200, ReviewList(shown)))

    async def show(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show a review and a page of its items.

        Raises:
            ReviewNotFound: There is none of this name.
            MalformedRequest: The cursor is none.
        """
        review = await self._known(inbound.params["name"])
        fields = parse_form(inbound.query.encode("utf-8", "replace"))
        after = fields.get("cursor", "0")
        if fields.keys() - {"cursor"} or not _NUMBER.fullmatch(after):
            raise MalformedRequest("the query is `cursor`, a number")
        found = await read_items(self._means.database, review.name, after=int(after), most=_PAGE + 1)
        page = [item_view(item) for item in found[:_PAGE]]
        cursor = page[-1].number if len(found) > _PAGE else 0
        unanswered = await count_unanswered(self._means.database, review.name)
        return Outcome(Reply(200, ItemPage(review_view(review, unanswered), page, cursor)))

    async def decide(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Decide about one grant, once; what is taken away ends in the same commit.

        Raises:
            ReviewNotFound: There is no such review or item.
            ReviewDecided: Somebody decided before, or the review is closed.
            MalformedDecision: What the item is about cannot become that.
            AgentChanged: Somebody changed the agent meanwhile.
        """
        asked = parse_json(inbound.body, DecisionRequest)
        reason = parse_reason(asked.reason)
        review = await self._known(inbound.params["name"])
        number = inbound.params["number"]
        item = (
            await read_item(self._means.database, review.name, int(number))
            if _NUMBER.fullmatch(number)
            else None
        )
        if item is None:
            raise ReviewNotFound("no item has this number")
        if item.decision or review.closed_at:
            raise ReviewDecided(f"{review.name}/{number}")
        if (asked.decision is Decision.SHRINK) != bool(asked.to_role):
            raise MalformedDecision("to_role", "goes with shrink, and with nothing else")
        now = self._means.clock.now()
        decided = structs.replace(
            item,
            decision=asked.decision.value,
            to_role=asked.to_role,
            reason=reason,
            decided_by=caller.principal,
            decided_at=int(now),
        )
        effect = await effect_of(self._means, decided, now)
        return Outcome(
            Reply(200, item_view(decided)),
            subject=f"review/{review.name}",
            target=f"agent/{item.agent}",
            detail=_detail(decided, effect),
            writes=(decide_item(decided), *effect.writes),
            changes=effect.changes,
        )

    async def give_back(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Give a credential back that a review took from an agent: its role says again whether it has it.

        Raises:
            NotWithdrawn: It was not taken.
            MalformedId: It is no agent's id.
        """
        agent = parse_id(inbound.params["id"], IdPrefix.AGENT)
        credential = inbound.params["credential"]
        return Outcome(
            Reply(204),
            subject=agent,
            target=f"{CREDENTIAL}{credential}",
            writes=(give_back(agent, credential),),
            changes=(withdrawals_changed(agent),),
        )

    async def export(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write all of a review down as JSON lines: the review, its items, and what the log has of it, with receipts.

        Every break-glass of the agents in it stands there, too.

        Raises:
            ReviewNotFound: There is none of this name.
            LogBehind: The newest entries have no checkpoint yet.
        """
        review = await self._known(inbound.params["name"])
        unanswered = await count_unanswered(self._means.database, review.name)
        lines: list[object] = [{"review": review_view(review, unanswered)}]
        after = 0
        agents: dict[str, None] = {}
        while page := await read_items(self._means.database, review.name, after=after, most=_PAGE):
            lines += [{"item": item_view(item)} for item in page]
            agents |= dict.fromkeys(item.agent for item in page)
            after = page[-1].number
        lines += [{"break_glass": view} for view in await break_glasses_of(self._means, agents)]
        begin = 0
        while True:
            trail = await self._means.trail(f"review/{review.name}", caller, begin, _PAGE)
            lines += [{"entry": entry, "checkpoint": trail.checkpoint} for entry in trail.entries]
            if not trail.next:
                break
            begin = trail.next
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        return Outcome(Reply(200, body, "application/jsonl"), subject=f"review/{review.name}")

    async def tend(self, now: float) -> None:
        """Do with what nobody answered by the due date what the review says, and close it.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        for review in await read_due(self._means.database, now=int(now)):
            unanswered = await read_unanswered(self._means.database, review.name, most=_AT_ONCE)
            for item in unanswered:
                await self._answer(review, item, now)
            if not unanswered:
                await self._commit(
                    CLOSED, review, Effect((close_review(review.name, now=int(now)),)), {}, now
                )

    async def _answer(self, review: Review, item: Item, now: float) -> None:
        decided = structs.replace(item, decision=review.unanswered, reason="unanswered", decided_at=int(now))
        try:
            effect = await effect_of(self._means, decided, now)
        except GovernanceError as error:
            effect = Effect(note=str(error))
        whole = Effect((decide_item(decided), *effect.writes), effect.changes)
        await self._commit(UNANSWERED, review, whole, _detail(decided, effect), now)

    async def _commit(
        self, event: str, review: Review, effect: Effect, detail: dict[str, Detail], now: float
    ) -> None:
        record = Record(
            event=event,
            at_ms=int(now * 1000),
            request="",
            subject=f"review/{review.name}",
            target=f"agent/{detail['agent']}" if "agent" in detail else "",
            decision=Verdict.PERMIT,
            rule="governance",
            detail=detail,
        )
        try:
            await self._means.ledger.commit(Work((record,), writes=effect.writes, changes=effect.changes))
        except SmartAgentError:
            # Somebody else was first, or the store is down: it is looked at again.
            return

    def _told(self, review: Review, items: int) -> Write:
        due = rfc3339(review.due_at)
        lines = (
            f"{items} items wait for a decision until {due}.  The unanswered then get: {review.unanswered}.",
            f"smartagentctl review show {review.name} --unanswered",
        )
        title = f"The access review {review.name} has begun; it is due {due}"
        return self._means.tell(
            NoticeKind.REVIEWS, f"review/{review.name}", title, lines, f"/v1/reviews/{review.name}"
        )

    async def _known(self, name: str) -> Review:
        review = await read_review(self._means.database, name)
        if review is None:
            raise ReviewNotFound("look at the list")
        return review

    async def _items(self, review: Review) -> list[Item]:
        """Return what there is to look at, agent by agent.

        Raises:
            MalformedReview: There is too much of it, or nothing.
        """
        now = self._means.clock.now()
        delegated: dict[str, list[str]] = {}
        for delegation in self._means.delegations():
            if delegation.is_live(now):
                delegated.setdefault(delegation.to_agent, []).append(DELEGATION + delegation.id)
        items: list[Item] = []
        for agent in sorted(self._means.directory.agents(), key=lambda each: each.id):
            if (
                agent.status not in _REVIEWED
                or review.owner not in {"", agent.owner}
                or review.role not in {"", agent.role}
            ):
                continue
            uses = await read_uses(self._means.database, agent.id)
            credentials = (CREDENTIAL + name for name in self._means.credentials_of(agent.role))
            for what in (ROLE + agent.role, *credentials, *delegated.get(agent.id, ())):
                number = len(items) + 1
                items.append(Item(review.name, number, agent.id, agent.owner, what, uses.get(what, 0)))
            if len(items) > MAX_ITEMS:
                raise MalformedReview("owner", f"more than {MAX_ITEMS} grants; name an owner or a role")
        if not items:
            raise MalformedReview("owner", "there is nothing to look at")
        return items


def _detail(item: Item, effect: Effect) -> dict[str, Detail]:
    detail: dict[str, Detail] = {
        "item": item.number,
        "agent": item.agent,
        "grant": item.what,
        "decision": item.decision,
        "reason": item.reason,
    }
    if item.to_role:
        detail["to_role"] = item.to_role
    if effect.note:
        detail["note"] = effect.note
    return detail
