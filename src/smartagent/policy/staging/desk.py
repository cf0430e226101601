# SPDX-License-Identifier: Apache-2.0
"""The acts on what is staged: store a draft, take a step, show, drop."""

import asyncio

from msgspec import structs

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.kernel import Caller, Clock, Detail
from smartagent.policy.book import Book
from smartagent.policy.errors import NothingStaged, PolicyChanged, StageNotPossible
from smartagent.policy.staged.model import Stage, Staged, check_step
from smartagent.policy.staged.store import (
    drop_staged,
    forget_shifts,
    put_staged,
    read_shifts,
    staged_changed,
)
from smartagent.policy.staging.views import StagedList, StagedView, StageRequest, StepRequest, staged_view
from smartagent.policy.versions.keeper import Keeper, Wording, parse_reason
from smartagent.storage import Database


class StagingDesk:
    """Takes the roles, or the policies, step by step into force."""

    def __init__(self, keeper: Keeper, book: Book, clock: Clock, database: Database) -> None:
        self._keeper = keeper
        self._book = book
        self._clock = clock
        self._database = database

    async def store(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Store a text as the draft of a name; it decides nothing.

        Raises:
            StageNotPossible: A text of this name is tried already.
            MalformedRoleFile: The text is no role file, or names another role.
            MalformedPolicy: The text is no policy.
            GrantsEverything: It does, and may not.
            MalformedReason: The reason is not one line.
        """
        asked = parse_json(inbound.body, StageRequest)
        name = inbound.params["name"]
        before = self._book.staged(self._keeper.kind, name)
        if before is not None and before.stage is not Stage.DRAFT:
            raise StageNotPossible(
                f"another text of {before.label} is tried; take it back to a draft, or drop it"
            )
        wording = Wording(asked.text, asked.allow_broad, parse_reason(asked.reason))
        await asyncio.to_thread(self._keeper.check, name, wording)
        staged = Staged(
            kind=self._keeper.kind,
            name=name,
            text=asked.text,
            allow_broad=int(asked.allow_broad),
            stage=Stage.DRAFT,
            percent=0,
            base=self._in_force(name),
            revision=1 if before is None else before.revision + 1,
            reason=wording.reason,
            changed_at=int(self._clock.now()),
            changed_by=caller.principal,
        )
        return Outcome(
            Reply(201 if before is None else 200, self._view(staged)),
            target=staged.label,
            detail=_detail(staged),
            writes=(put_staged(staged), forget_shifts(staged)),
            changes=(staged_changed(staged),),
        )

    async def step(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take what is staged a step forward, or back.

        Raises:
            NothingStaged: Nothing is.
            StageNotPossible: There is no such step.
            PolicyChanged: Another version is in force since it was stored, or somebody was faster.
            MalformedReason: The reason is not one line.
            SmartAgentError: Its text is refused by now; see `Keeper.accept`.
        """
        asked = parse_json(inbound.body, StepRequest)
        staged = self._known(inbound.params["name"])
        reason = parse_reason(asked.reason)
        percent = check_step(staged.stage, asked.to, asked.percent)
        if asked.to is not Stage.DRAFT and self._in_force(staged.name) != staged.base:
            raise PolicyChanged(f"version {self._in_force(staged.name)} is in force; stage the text anew")
        moved = structs.replace(
            staged,
            stage=asked.to,
            percent=percent,
            revision=staged.revision + 1,
            reason=reason or staged.reason,
            changed_at=int(self._clock.now()),
            changed_by=caller.principal,
        )
        if asked.to is Stage.ON:
            return await self._turn_on(staged, moved)
        return Outcome(
            Reply(200, self._view(moved)),
            target=staged.label,
            detail=_detail(moved) | {"from": staged.stage.value},
            writes=(put_staged(moved),),
            changes=(staged_changed(staged),),
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show what is staged, and what it would have decided otherwise.

        Raises:
            NothingStaged: Nothing is.
        """
        staged = self._known(inbound.params["name"])
        shifts = await read_shifts(self._database, staged.label, staged.digest)
        view = staged_view(staged, self._in_force(staged.name), shifts)
        return Outcome(Reply(200, view), target=staged.label)

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List what is staged, without what was counted."""
        kind = self._keeper.kind
        shown = [self._view(staged) for staged in self._book.all_staged() if staged.kind is kind]
        return Outcome(Reply(200, StagedList(shown)))

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Have nothing staged under a name; what is in force stays.

        Raises:
            NothingStaged: Nothing is.
        """
        staged = self._known(inbound.params["name"])
        return Outcome(
            Reply(204),
            target=staged.label,
            detail=_detail(staged),
            writes=drop_staged(staged),
            changes=(staged_changed(staged),),
        )

    async def _turn_on(self, staged: Staged, moved: Staged) -> Outcome:
        wording = Wording(staged.text, bool(staged.allow_broad), moved.reason)
        accepted = await self._keeper.accept(staged.name, wording, moved.changed_by, staged.base)
        return Outcome(
            Reply(200, self._view(moved)),
            target=staged.label,
            detail=_detail(moved) | {"from": staged.stage.value, "version": accepted.stored.version},
            writes=(*accepted.writes, *drop_staged(staged)),
            changes=(*accepted.changes, staged_changed(staged)),
        )

    def _known(self, name: str) -> Staged:
        staged = self._book.staged(self._keeper.kind, name)
        if staged is None:
            raise NothingStaged(f"{self._keeper.kind.value} {name[:64]}")
        return staged

    def _view(self, staged: Staged) -> StagedView:
        return staged_view(staged, self._in_force(staged.name))

    def _in_force(self, name: str) -> int:
        stored = self._keeper.in_force(name)
        return 0 if stored is None else stored.version


def _detail(staged: Staged) -> dict[str, Detail]:
    detail: dict[str, Detail] = {
        "stage": staged.stage.value,
        "percent": staged.percent,
        "base": staged.base,
        "digest": staged.digest,
    }
    return detail | {"reason": staged.reason} if staged.reason else detail
