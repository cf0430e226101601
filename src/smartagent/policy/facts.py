# SPDX-License-Identifier: Apache-2.0
"""What policies may ask of a call's circumstances, besides the call itself.

    weekday, minute      of the week and the day, in UTC: 1 is Monday, 0 is midnight
    hours                the windows that policies name, as far as they are open (see `hours`)
    session_age          in seconds
    delegation_depth     how many stand between whoever wanted it and whoever calls; 0 when an agent acts for itself
    acting_for           the id of the person or agent it acts for; "" for itself
    labels               of information flow: what the agent has met
    standing             trusted, normal, watched or restricted
    authn                how the session was proven: challenge or assertion
    binding              what the token is bound to: dpop, or bearer for nothing
    budget_left          percent of what the agent may call at once, by its own and its role's rate

Only what policies look at is computed.  A fact that is not known is never guessed: whoever asks for it is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import structs

from smartagent.kernel import UNKNOWN_BUDGET, Caller, Standing
from smartagent.policy.hours import Window

TIMED: Final = frozenset({"weekday", "minute", "hours", "session_age"})
FACTS: Final = TIMED | {
    "delegation_depth",
    "acting_for",
    "labels",
    "standing",
    "authn",
    "binding",
    "budget_left",
}
MAX_PERCENT: Final = 100
_MINUTE_SECONDS: Final = 60
_DAY_SECONDS: Final = 86_400
_THURSDAY: Final = 3
"""The Unix epoch began on one; Monday is 0 here."""

Facts = Mapping[str, object]
Key = tuple[int, int, str, str, str, str, frozenset[str] | None, int]


class Asked:
    """The facts that a set of policies asks for.

    Args:
        names: Which.
        windows: Those that the policies name, by their texts.
    """

    __slots__ = ("_names", "_open", "_open_at", "_timed", "_windows")

    def __init__(self, names: frozenset[str], windows: Mapping[str, Window]) -> None:
        self._names = names
        self._windows = windows
        self._timed = bool(names & TIMED)
        self._open: tuple[str, ...] = ()
        self._open_at = -1

    def __bool__(self) -> bool:
        return bool(self._names)

    def of(self, caller: Caller, now: float) -> Facts:
        """Return the facts; None for what is not known.  `now` is Unix seconds, 0 when that is not known either.

        Raises:
            ValueError: A window's place is not known on this machine (any more).
        """
        facts: dict[str, object] = {
            "delegation_depth": bool(caller.subject) + len(caller.actors),
            "acting_for": caller.subject,
            "labels": None if caller.labels is None else sorted(caller.labels),
            "standing": caller.standing or None,
            "authn": caller.authn or None,
            "binding": caller.binding or None,
            "budget_left": None if caller.budget == UNKNOWN_BUDGET else caller.budget,
        }
        if self._timed:
            facts |= self._at(caller, now)
        return {name: facts[name] for name in self._names}

    def lacking(self, caller: Caller, now: float) -> tuple[str, ...]:
        """Return the facts that policies ask for and nobody knows."""
        return tuple(sorted(name for name, value in self.of(caller, now).items() if value is None))

    def key(self, caller: Caller, now: float) -> Key | None:
        """Return what tells apart circumstances that can be judged otherwise; None when each is a case of its own."""
        if "session_age" in self._names:
            return None
        return (
            # What nobody knows is not the first minute of all.
            (int(now) // _MINUTE_SECONDS if now else -1) if self._timed else 0,
            bool(caller.subject) + len(caller.actors),
            caller.subject,
            caller.standing,
            caller.authn,
            caller.binding,
            caller.labels,
            caller.budget,
        )

    def _at(self, caller: Caller, now: float) -> dict[str, object]:
        if not now:
            return dict.fromkeys(TIMED)
        seconds = int(now)
        known = caller.session_at > 0
        return {
            "weekday": (seconds // _DAY_SECONDS + _THURSDAY) % 7 + 1,
            "minute": seconds % _DAY_SECONDS // _MINUTE_SECONDS,
            "hours": self._open_now(seconds),
            # Nodes' clocks differ by a little.
            "session_age": max(0, seconds - caller.session_at) if known else None,
        }

    def _open_now(self, seconds: int) -> tuple[str, ...]:
        minute = seconds // _MINUTE_SECONDS
        if self._open_at != minute:
            self._open = tuple(text for text, window in self._windows.items() if window.is_open(seconds))
            self._open_at = minute
        return self._open


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Circumstances that somebody asks about; what is not said is not known.  Without `at` it is now."""

    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    session_age: int | None = None
    delegation_depth: int | None = None
    acting_for: str = ""
    labels: list[str] | None = None
    standing: Standing | None = None
    authn: str = ""
    binding: str = ""
    budget_left: int = UNKNOWN_BUDGET

    def applied_to(self, caller: Caller, now: float) -> Caller:
        """Return `caller` in these circumstances; `now` is what the clock says, in Unix seconds."""
        asked_at = 0 if self.at is None else int(self.at.timestamp())
        at = asked_at or int(now)
        subject = self.acting_for or caller.subject
        between = max(0, (self.delegation_depth or 0) - bool(subject))
        return structs.replace(
            caller,
            asked_at=asked_at or caller.asked_at,
            session_at=0 if self.session_age is None else max(1, at - self.session_age),
            subject=subject,
            actors=caller.actors if self.delegation_depth is None else ("",) * between,
            labels=caller.labels if self.labels is None else frozenset(self.labels),
            standing=caller.standing if self.standing is None else self.standing.value,
            authn=self.authn or caller.authn,
            binding=self.binding or caller.binding,
            budget=self.budget_left,
        )
