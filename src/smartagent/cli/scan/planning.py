# SPDX-License-Identifier: Apache-2.0
"""Which finding is replaced by what, and which of them a person has to decide about."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from smartagent.cli.scan.model import Binding, Finding

_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_MAX_NAME: Final = 63


class Move(msgspec.Struct, frozen=True):
    """A key that goes into the vault: its binding, and every place in the files that has it."""

    secret: str
    binding: Binding
    places: list[Finding]


class Left(msgspec.Struct, frozen=True):
    """A finding that is left to a person, and why."""

    finding: Finding
    advice: str


class Plan(msgspec.Struct, frozen=True):
    """All of it, and the role that may use what was moved."""

    role: str
    moves: list[Move]
    left: list[Left]


def plan_for(findings: Sequence[Finding], role: str) -> Plan:
    """Say what becomes of each finding.

    Two different keys for one upstream are left alone: which of them an agent should have, such as the one for
    production or the one for tests, nobody can see from outside.

    Args:
        findings: Of files and of the history.
        role: What the role shall be called.
    """
    by_upstream: dict[str, list[Finding]] = {}
    left: list[Left] = []
    for each in findings:
        if each.commit:
            left.append(Left(each, "It is in the history only: end it where it was made."))
        elif each.kind.binding is None:
            left.append(Left(each, each.kind.advice))
        elif not each.exact:
            left.append(Left(each, "The file is UTF-16, and is not edited: write it in UTF-8 first."))
        else:
            by_upstream.setdefault(each.kind.binding.upstream, []).append(each)
    moves: list[Move] = []
    for upstream, places in sorted(by_upstream.items()):
        binding = places[0].kind.binding
        if binding is None or len({each.value.reveal() for each in places}) > 1:
            advice = (
                f"Different keys for {upstream}: decide which role gets which, and scan their files apart."
            )
            left += [Left(each, advice) for each in places]
        else:
            moves.append(Move(f"{upstream}-key", binding, places))
    return Plan(role, moves, left)


def role_named(raw: str) -> str:
    """Return a role's name made of a folder's."""
    return _NOT_IN_NAMES.sub("-", raw.lower()).strip("-")[:_MAX_NAME].strip("-") or "agent"
