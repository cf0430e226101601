# SPDX-License-Identifier: Apache-2.0
"""Staged texts on the decisions that are really made.

While a text is a shadow or a canary, each decision that it is about is made twice: by what is in force, and by the
staged text in its place.  A canary's answer counts for the agents that it takes; what differs is counted in any case.
A staged text that cannot be read or evaluated allows nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from smartagent.kernel import Decision, Denied, NeedsApproval, Verdict
from smartagent.policy.judging import Chapter
from smartagent.policy.model import Call, RuleKind, StoredPolicy, StoredRole
from smartagent.policy.staged.model import Stage, Staged
from smartagent.policy.staged.shifts import Counter, Shift

Stored = StoredRole | StoredPolicy
Judge = Callable[[Chapter | None], Verdict]
"""Decides by a chapter; None where there is none."""

_MAX_METHOD_CHARS = 20
_ASK = "ask"


class Trial(NamedTuple):
    """A staged text, and what it was compiled to; None when it cannot be read."""

    staged: Staged
    stored: Stored | None


class About(NamedTuple):
    """What is decided: about which role, whose agent, and what they want to do."""

    role: str
    agent: str
    call: Call


class Trying:
    """What is tried at present, and what came of it.

    Args:
        open_chapter: Puts a role's policies together, with some staged texts in the place of those in force.
    """

    def __init__(self, open_chapter: Callable[[str, tuple[Trial, ...]], Chapter | None]) -> None:
        self._open = open_chapter
        self._live: tuple[Trial, ...] = ()
        self._chapters: dict[tuple[str, tuple[Trial, ...]], Chapter | None] = {}
        self.counter = Counter()

    @property
    def live(self) -> bool:
        """Whether anything is tried."""
        return bool(self._live)

    @property
    def opened(self) -> Iterable[Chapter]:
        """What was put together with staged texts so far."""
        return [chapter for chapter in self._chapters.values() if chapter is not None]

    def begin(self, trials: Iterable[Trial], versions: Mapping[tuple[RuleKind, str], int]) -> None:
        """Try these, as far as they are shadows or canaries of the versions in force; all is opened anew."""
        self._chapters.clear()
        self._live = tuple(
            trial
            for trial in trials
            if trial.staged.stage in {Stage.SHADOW, Stage.CANARY}
            and versions.get((trial.staged.kind, trial.staged.name), 0) == trial.staged.base
        )

    def applied(self, role: str, agent: str) -> tuple[Trial, ...]:
        """Return the canaries that decide about an agent of a role."""
        return tuple(trial for trial in self._about(role) if trial.staged.takes(agent))

    def chapter(self, role: str, applied: tuple[Trial, ...]) -> Chapter | None:
        """Return a role's policies with staged texts in their places."""
        key = role, applied
        if key not in self._chapters:
            readable = all(trial.stored is not None for trial in applied)
            self._chapters[key] = self._open(role, applied) if readable else None
        return self._chapters[key]

    def chapters(self, role: str) -> Iterator[Chapter | None]:
        """Yield a role's policies with each staged text in its place."""
        return (self.chapter(role, (trial,)) for trial in self._about(role))

    def decide(self, about: About, judge: Judge) -> Verdict:
        """Decide as it counts for the agent, and count what differs."""
        applied = self.applied(about.role, about.agent)
        verdict = self._judged(about, applied, judge)
        for trial in self._about(about.role):
            if trial in applied:
                others = tuple(each for each in applied if each is not trial)
                was, becomes = self._judged(about, others, judge), verdict
            else:
                was, becomes = verdict, self._judged(about, (*applied, trial), judge)
            self._count(trial, about, was, becomes)
        return verdict

    def _about(self, role: str) -> tuple[Trial, ...]:
        return tuple(
            trial for trial in self._live if trial.staged.kind is RuleKind.POLICY or trial.staged.name == role
        )

    def _judged(self, about: About, applied: tuple[Trial, ...], judge: Judge) -> Verdict:
        chapter = self.chapter(about.role, applied)
        if chapter is None and applied:
            names = ", ".join(trial.staged.label for trial in applied)
            return Denied(f"what is staged of {names} cannot be read, and allows nothing", str(about.call))
        return judge(chapter)

    def _count(self, trial: Trial, about: About, was: Verdict, becomes: Verdict) -> None:
        staged = trial.staged
        self.counter.decided(staged.label, staged.digest)
        if _word(was) == _word(becomes):
            return
        self.counter.shifted(
            Shift(
                rule=staged.label,
                digest=staged.digest,
                role=about.role,
                upstream=about.call.upstream,
                method=about.call.method[:_MAX_METHOD_CHARS],
                was=_word(was),
                becomes=_word(becomes),
                # A reason names the path, and there may be any number of those.
                by=", ".join(becomes.rules) or "no rule allows it",
            )
        )


def _word(verdict: Verdict) -> str:
    if isinstance(verdict, NeedsApproval):
        return _ASK
    return (Decision.DENY if isinstance(verdict, Denied) else Decision.PERMIT).value
