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


UNKNOWN_BUDGET: Final = -1


class Standing(StrEnum):
    """How far an agent is trusted, by those who run the house: what policies make of it is their business.

    The lowest stands last.
    """

    TRUSTED = "trusted"
    NORMAL = "normal"
    WATCHED = "watched"
    RESTRICTED = "restricted"


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

    What policies may ask for besides: `session_at` is when the session began (Unix seconds; 0 when that is not
    known), `authn` how it was proven (`challenge`, `assertion`), `binding` what the token is bound to (`dpop`, or
    `bearer` for nothing), `standing` the lowest of the agents in it.  `labels` are those of information flow that the
    agent met, None when nobody looked; `budget` is percent of what it may call at once.  `asked_at` (Unix seconds) is
    set when somebody asks about another instant than this one.

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
    session_at: int = 0
    authn: str = ""
    binding: str = ""
    standing: str = ""
    labels: frozenset[str] | None = None
    budget: int = UNKNOWN_BUDGET
    asked_at: int = 0


def circumstances(caller: Caller) -> dict[str, Detail]:
    """Return what a decision about a call looked at besides the call itself, for the record of the decision.

    With them the decision can be made again later, by other rules.  `role` and `scope` are those of that
    instant; `for` and `for_role` say whom the caller acted for, `depth` through how many, and `elevation` by what they
    have another role.  What nobody looked at is left out, and a normal standing, too.
    """
    detail: dict[str, Detail] = {
        "role": caller.role,
        "scope": " ".join(sorted(caller.scopes)),
        "ip": caller.client_ip,
        **_proof(caller),
    }
    if caller.subject:
        detail["for"] = caller.subject
    if caller.subject_role:
        detail["for_role"] = caller.subject_role
    if caller.subject or caller.actors:
        detail["depth"] = bool(caller.subject) + len(caller.actors)
    if caller.labels is not None:
        detail["labels"] = " ".join(sorted(caller.labels))
    if caller.budget != UNKNOWN_BUDGET:
        detail["budget"] = caller.budget
    elevation = elevation_in(caller.lineage)
    if elevation:
        detail["elevation"] = elevation
    return detail


def _proof(caller: Caller) -> dict[str, Detail]:
    """Return how it was proven who calls, as far as that is known, and how far they are trusted."""
    known: dict[str, Detail] = {
        "session_at": caller.session_at,
        "authn": caller.authn,
        "binding": caller.binding,
        "standing": "" if caller.standing == Standing.NORMAL else caller.standing,
    }
    return {name: value for name, value in known.items() if value}


def elevation_in(lineage: Iterable[str]) -> str:
    """Return the elevation, or the break-glass, that something with this lineage was given under; empty for none."""
    return next((each for each in lineage if each.startswith(_ELEVATIONS)), "")
