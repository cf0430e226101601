# SPDX-License-Identifier: Apache-2.0
"""How an agent would rather wait: with the connection open, and for how long; or not at all.

Spec: RFC 7240 sections 2, 4.1 (respond-async) and 4.3 (wait).
"""

import re
from typing import Final

import msgspec

_WAIT: Final = re.compile(r"([0-9]{1,6})")
_RESPOND_ASYNC: Final = "respond-async"


class Preference(msgspec.Struct, frozen=True):
    """How long to hold a call that waits for people, and what of the agent's preference is honoured with that."""

    wait_seconds: float
    applied: str = ""


def preference_in(field: str, most_seconds: float) -> Preference:
    """Read a `Prefer` field; what it does not say, or does not say rightly, is as usual.

    Args:
        field: The field's value; empty for none.  Of a preference that stands twice the first counts.
        most_seconds: How long a call is held at most.
    """
    stated: dict[str, str] = {}
    for each in field.split(","):
        name, _, value = each.partition(";")[0].partition("=")
        stated.setdefault(name.strip().lower(), value.strip().strip('"'))
    if _RESPOND_ASYNC in stated:
        return Preference(0.0, _RESPOND_ASYNC)
    wait = _WAIT.fullmatch(stated.get("wait", ""))
    if wait is None:
        return Preference(most_seconds)
    seconds = int(wait[1])
    # One that is cut is not honoured, and not said to be.
    return Preference(min(float(seconds), most_seconds), f"wait={seconds}" if seconds <= most_seconds else "")
