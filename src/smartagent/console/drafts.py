# SPDX-License-Identifier: Apache-2.0
"""A draft of a role or policy: whether it can be read, what it changes, and what it would have decided otherwise."""

import difflib
from typing import Final, NamedTuple

import msgspec

from smartagent.console.api import Api
from smartagent.console.errors import VerbRefused
from smartagent.console.model_rules import Replayed, Shift

MOST_PAGES: Final = 20
"""Of the log, for one look at the past; the command line reads on."""
MOST_SHIFTS: Final = 50
_CLIENT_ERROR: Final = 400


class Draft(NamedTuple):
    """A text that is not in force; `kind` is `roles` or `policies`."""

    kind: str
    name: str
    text: str


class Past(NamedTuple):
    """What a draft would have decided otherwise; with `more`, only the oldest of it."""

    decided: int
    unreplayable: int
    left_out: int
    shifts: list[Shift]
    more: bool


async def complaint(api: Api, draft: Draft, now: int) -> str:
    """Return what is wrong with a draft; "" when it can be read.

    Raises:
        VerbRefused: It could not be asked.
    """
    try:
        await _page(api, draft, now, 0)
    except VerbRefused as refused:
        if refused.status != _CLIENT_ERROR:
            raise
        return str(refused)
    return ""


async def replayed(api: Api, draft: Draft, since: int) -> Past:
    """Decide what was recorded since an instant (Unix seconds) by a draft.

    Raises:
        VerbRefused: The draft cannot be read, or the operator may not look at the past.
    """
    shifts: list[Shift] = []
    decided = unreplayable = left_out = cursor = 0
    for _ in range(MOST_PAGES):
        page = await _page(api, draft, since, cursor)
        decided, unreplayable = decided + page.decided, unreplayable + page.unreplayable
        left_out += page.left_out
        shifts += page.shifts
        cursor = page.next
        if not cursor:
            break
    left_out += sum(shift.calls for shift in shifts[MOST_SHIFTS:])
    return Past(decided, unreplayable, left_out, shifts[:MOST_SHIFTS], bool(cursor))


def lines_of(old: str, new: str) -> list[tuple[str, str]]:
    """Return how `new` differs from `old`, line by line: each with its tone, `comes`, `goes` or ``."""
    return toned("\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=3)))


def toned(diff: str) -> list[tuple[str, str]]:
    """Return the lines of a unified diff, each with its tone."""
    tones = {"+": "comes", "-": "goes", "@": "place"}
    return [
        (tones.get(line[:1], ""), line) for line in diff.splitlines() if not line.startswith(("+++", "---"))
    ]


async def _page(api: Api, draft: Draft, since: int, cursor: int) -> Replayed:
    texts = {"roles": [draft.text]} if draft.kind == "roles" else {"policies": {draft.name: draft.text}}
    raw = await api.fetch("POST", "/v1/history/replay", {**texts, "since": since, "cursor": cursor})
    return msgspec.json.decode(raw, type=Replayed)
