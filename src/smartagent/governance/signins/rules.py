# SPDX-License-Identifier: Apache-2.0
"""What an ID token says of somebody's groups, and what comes of it.  Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from smartagent.governance.errors import MalformedSignIn
from smartagent.governance.people.model import Person, Source

MAX_GROUPS: Final = 1000
MAX_NAME_CHARS: Final = 255


class Step(StrEnum):
    """What a sign-in brings about."""

    NONE = "none"
    """It says nothing new: it is older than one before, or of somebody who never was one."""
    JOIN = "join"
    STAY = "stay"
    LEAVE = "leave"


def groups_in(claims: Mapping[str, object], claim: str) -> frozenset[str]:
    """Return the groups that an ID token names.

    Raises:
        MalformedSignIn: It has no such claim, as when somebody has more groups than fit: that says nothing about them.
    """
    found = claims.get(claim)
    if (
        not isinstance(found, list)
        or len(found) > MAX_GROUPS
        or not all(isinstance(each, str) for each in found)
    ):
        raise MalformedSignIn(claim, "the ID token names no groups; without them nothing is known")
    return frozenset(map(str, found))


def issued_at(claims: Mapping[str, object]) -> int:
    """Return when an ID token was made (Unix seconds).

    Raises:
        MalformedSignIn: It does not say.
    """
    found = claims.get("iat")
    if isinstance(found, bool) or not isinstance(found, int):
        raise MalformedSignIn("iat", "the ID token does not say when it was made")
    return found


def step_of(source: Source, person: Person | None, groups: frozenset[str], at: int) -> Step:
    """Say what a sign-in brings about, whose token was made at `at` (Unix seconds).

    Tokens can come again and in any order: only one that was made after the last counts.
    """
    if person is not None and at <= person.changed_at:
        return Step.NONE
    member = not groups.isdisjoint(source.groups)
    if person is None or not person.is_here:
        return Step.JOIN if member else Step.NONE
    return Step.STAY if member else Step.LEAVE


def name_in(claims: Mapping[str, object], sub: str) -> str:
    """Return what people call somebody: what the token says, as far as it is one readable line."""
    for claim in ("name", "preferred_username", "email"):
        found = claims.get(claim)
        if isinstance(found, str) and 0 < len(found) <= MAX_NAME_CHARS and found.isprintable():
            return found
    return sub[:MAX_NAME_CHARS]
