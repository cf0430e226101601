# SPDX-License-Identifier: Apache-2.0
"""What things are called on pages: permissions, events and fates in plain words.  Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from smartagent.console.model import Reach, Rule

ANY_PATH: Final = frozenset({"/**", "/*"})
_ID_LETTERS: Final = 10
_BRIEF: Final = 24
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
TONES: Final[Mapping[str, str]] = {
    "active": "good",
    "permit": "good",
    "dead": "good",
    "live": "good",
    "pending": "wait",
    "discovered": "wait",
    "dying": "wait",
    "suspended": "bad",
    "deny": "bad",
    "retired": "off",
    "outlives": "wait",
    "approved": "good",
    "used": "good",
    "denied": "bad",
    "working": "good",
    "shadow": "wait",
    "canary": "wait",
    "failing": "bad",
    "disabled": "bad",
}
"""How a state looks; its word always stands beside the colour."""


def abbreviated(id_: str) -> str:
    """Show of an id its kind and its end, which tell ids apart where many stand together."""
    kind, _, rest = id_.partition("_")
    if len(rest) <= _ID_LETTERS:
        return id_ if len(id_) <= _BRIEF else f"{id_[:_ID_LETTERS]}\N{HORIZONTAL ELLIPSIS}"
    return f"{kind}_\N{HORIZONTAL ELLIPSIS}{rest[-_ID_LETTERS:]}"


def tone_of(state: str) -> str:
    """Return how a state looks: `good`, `wait`, `bad` or `off`."""
    return TONES.get(state, "off")


def sentence_of(rule: Rule, upstream: str) -> str:
    """Say what one rule lets through."""
    return f"{_verb(rule.methods)} {_places(rule.paths)} at {upstream}{_asks(rule)}"


def reach_in_words(reach: Reach) -> list[str]:
    """Say what an agent can do by itself, a sentence for each thing."""
    said = [sentence_of(rule, upstream.upstream) for upstream in reach.upstreams for rule in upstream.rules]
    said += [
        f"Lease {lease.credential} ({lease.kind} at {lease.provider}) for up to {_span(lease.max_ttl_seconds)}"
        for lease in reach.leases
    ]
    return said


def _asks(rule: Rule) -> str:
    return f", once {rule.ask} approves" if rule.ask else ""


def _verb(methods: Sequence[str]) -> str:
    if not methods or "*" in methods:
        return "Read and change"
    if _READING.issuperset(methods):
        return "Read"
    return f"Send {', '.join(methods)} to"


def _places(paths: Sequence[str]) -> str:
    if not paths or ANY_PATH.intersection(paths):
        return "everything"
    shown = ", ".join(paths[:4])
    return shown if len(paths) <= 4 else f"{shown} and {len(paths) - 4} more"  # noqa: PLR2004 -- as many as fit a line


def _span(seconds: int) -> str:
    if seconds % 3600 == 0:
        hours = seconds // 3600
        return f"{hours} hour{'s' if hours != 1 else ''}"
    return f"{max(1, seconds // 60)} minutes"
