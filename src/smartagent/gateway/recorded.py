# SPDX-License-Identifier: Apache-2.0
"""What the record of a decision says of it, so that other rules can be tried on the same call later."""

from smartagent.gateway.ports import Asked, Said
from smartagent.kernel import Caller, Decision, Detail, circumstances


def said_of(said: Said) -> dict[str, Detail]:
    """Return what a call said of itself that a decision looked at."""
    named = {
        "content_type": said.content_type,
        "operation": said.operation,
        "fields": " ".join(said.fields),
    }
    return {name: value for name, value in named.items() if value}


def detail_of(caller: Caller | None, asked: Asked | None, decision: Decision | None) -> dict[str, Detail]:
    """Return the detail of a call's record: whom it is for and what it does; an intent says all that was decided on."""
    said = said_of(asked.said) if asked is not None else {}
    if caller is not None and decision is Decision.PERMIT:
        return {**circumstances(caller), **said}
    said.pop("content_type", None)
    return {"for": caller.subject, **said} if caller is not None and caller.subject else said
