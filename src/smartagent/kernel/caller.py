# SPDX-License-Identifier: Apache-2.0
"""Who is calling, once that has been proven."""

from enum import StrEnum

import msgspec

from smartagent.kernel.work import Claim


class CallerKind(StrEnum):
    """What sort of principal calls."""

    NOBODY = "nobody"
    AGENT = "agent"
    OPERATOR = "operator"
    NEWCOMER = "newcomer"
    """Holds an enrolment token or a claim link, and has no identity yet."""


class Caller(msgspec.Struct, frozen=True, gc=False):
    """An authenticated principal.  Only an authenticator (`House.authenticate`) makes one.

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
