# SPDX-License-Identifier: Apache-2.0
"""Who is calling, once that has been proven."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from smartagent.kernel.ids import IdPrefix
from smartagent.kernel.record import Detail
from smartagent.kernel.work import Claim

_ELEVATIONS: Final = (f"{IdPrefix.ELEVATION.value}_", f"{IdPrefix.BREAK_GLASS.value}_")


class CallerKind(StrEnum):
    """What sort of principal calls."""

    NOBODY = "nobody"
    AGENT = "agent"
    OPERATOR = "operator"
    NEWCOMER = "newcomer"
    """Holds an enrolment token, a claim link or an attestation, and has no identity yet."""
    CLIENT = "client"
    """An OAuth client that is no agent."""
    PERSON = "person"
    """Somebody whom an outside issuer vouches for, or an operator in front of a browser."""
    DIRECTORY = "directory"
    """Tells of people by SCIM."""


class CallRestriction(msgspec.Struct, frozen=True, gc=False):
    """What a per-call token is good for.  An empty field does not restrict.

    `digest` is the SHA-256 of the body in base64url; `once` says that one use is all there is.
    """

    method: str = ""
    path: str = ""
    digest: str = ""
    once: bool = False


class Caller(msgspec.Struct, frozen=True, gc=False):
    """An authenticated principal.  Only an authenticator (`House.authenticate`) makes one.

    `principal` is who really calls: the outermost actor of a delegated token, and `subject` then whom it
    acts for, with `subject_role` when that is an agent.  `actors` are all that ever acted in the chain, and
    `lineage` the tokens, delegations and grants it derives from: when one of them dies, so does this.

    `claims` are what the proof used up (a nonce, an assertion's `jti`): the pipeline commits
    them together with the record of the request, so that a proof works once.
    """

    principal: str
    kind: CallerKind
    role: str = ""
    session: str = ""
    jti: str = ""
    scopes: frozenset[str] = frozenset()
    expires_at: int = 0
    client_ip: str = ""
    claims: tuple[Claim, ...] = ()
    subject: str = ""
    subject_role: str = ""
    actors: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()
    restriction: CallRestriction | None = None


def circumstances(caller: Caller) -> dict[str, Detail]:
    """Return what a decision about a call looked at besides the call itself, for the record of the decision.

    With them the decision can be made again later, by other rules.  `role` and `scope` are those of that
    instant; `for` and `for_role` say whom the caller acted for, and `elevation` by what they have another role.
    """
    detail: dict[str, Detail] = {
        "role": caller.role,
        "scope": " ".join(sorted(caller.scopes)),
        "ip": caller.client_ip,
    }
    if caller.subject:
        detail["for"] = caller.subject
    if caller.subject_role:
        detail["for_role"] = caller.subject_role
    elevation = elevation_in(caller.lineage)
    if elevation:
        detail["elevation"] = elevation
    return detail


def elevation_in(lineage: Iterable[str]) -> str:
    """Return the elevation, or the break-glass, that something with this lineage was given under; empty for none."""
    return next((each for each in lineage if each.startswith(_ELEVATIONS)), "")
