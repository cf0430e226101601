# SPDX-License-Identifier: Apache-2.0
"""Many requests as few lines: sums that stay small."""

from collections.abc import Iterable
from typing import Final

from msgspec import structs

from smartagent.insight.model import Incident, Shift, UsagePage, Use

MAX_GROUPS: Final = 2_000
MAX_EXAMPLES: Final = 3
MAX_USES: Final = 20_000


class Tally:
    """Adds up shifts, in bounded memory: at most `most` groups, and a count of what found no room."""

    def __init__(self, most: int = MAX_GROUPS) -> None:
        self._most = most
        self._groups: dict[tuple[str, ...], Shift] = {}
        self.left_out = 0

    def add(self, shifts: Iterable[Shift]) -> None:
        """Add groups to what is there."""
        for shift in shifts:
            key = (
                shift.agent,
                shift.role,
                shift.upstream,
                shift.method,
                shift.path,
                shift.becomes,
                shift.now,
            )
            known = self._groups.get(key)
            if known is not None:
                examples = (*known.examples, *shift.examples)[:MAX_EXAMPLES]
                known = structs.replace(known, calls=known.calls + shift.calls, examples=examples)
                self._groups[key] = known
            elif len(self._groups) < self._most:
                self._groups[key] = shift
            else:
                self.left_out += shift.calls

    def shifts(self) -> list[Shift]:
        """Return the groups: what would be refused first, and of those the most frequent first."""
        return sorted(self._groups.values(), key=lambda shift: (shift.becomes, -shift.calls, shift.path))


class UsageTally:
    """Adds up pages of use, in bounded memory; `unseen` requests are not in it."""

    def __init__(self, most: int = MAX_USES) -> None:
        self._most = most
        self._uses: dict[tuple[str, ...], Use] = {}
        self._refusals: dict[tuple[str, str], Incident] = {}
        self._incidents: list[Incident] = []
        self.rules: dict[str, int] = {}
        self.decided = self.unseen = self.first_ms = self.last_ms = 0

    def add(self, page: UsagePage) -> None:
        """Add a page to what is there."""
        self.decided += page.decided
        self.unseen += page.unreplayable + page.left_out
        self.first_ms = self.first_ms or page.first_ms
        self.last_ms = max(self.last_ms, page.last_ms)
        for rule, calls in page.rules.items():
            self.rules[rule] = self.rules.get(rule, 0) + calls
        for use in page.uses:
            self._add_use(use)
        for incident in page.incidents:
            self._add_incident(incident)

    def uses(self) -> list[Use]:
        """Return what was used, the most frequent first."""
        return sorted(self._uses.values(), key=lambda use: (-use.calls, use.upstream, use.method, use.path))

    def incidents(self) -> list[Incident]:
        """Return what happened, and refusals by agent and minute."""
        return [*self._incidents, *self._refusals.values()]

    def _add_use(self, use: Use) -> None:
        key = (use.role, use.scope, use.upstream, use.method, use.path, str(use.allowed))
        known = self._uses.get(key)
        if known is None and len(self._uses) >= self._most:
            self.unseen += use.calls
            return
        self._uses[key] = use if known is None else structs.replace(use, calls=use.calls + known.calls)

    def _add_incident(self, incident: Incident) -> None:
        if incident.kind != "refusals":
            self._incidents.append(incident)
            return
        key = incident.agent, incident.at
        known = self._refusals.get(key)
        count = incident.count + (0 if known is None else known.count)
        if known is not None or len(self._refusals) < self._most:
            self._refusals[key] = structs.replace(incident, count=count)
