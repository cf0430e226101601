# SPDX-License-Identifier: Apache-2.0
"""Who holds a token: its claims as a caller.

Who acts is the outermost actor when there is one, and the subject else; nested actors only
inform, but when one of them is revoked the token is dead all the same.

Spec: RFC 8693 section 4.1; RFC 9396 section 9.1 for the details.
"""

from typing import Final

from msgspec import structs

from smartagent.crypto import claim_key
from smartagent.edge import AuthenticationFailed, Inbound
from smartagent.identity import Directory
from smartagent.kernel import Caller, CallerKind, CallRestriction, Claim, IdPrefix
from smartagent.tokens.model import AccessClaims, Act

CALL_DETAIL: Final = "smartagent_call"
"""The type of the authorization details that bind a token to one call."""
OPERATOR_ROLE: Final = "operator"
_KINDS: Final = {
    IdPrefix.AGENT.value: CallerKind.AGENT,
    IdPrefix.OPERATOR.value: CallerKind.PERSON,
    IdPrefix.PERSON.value: CallerKind.PERSON,
    IdPrefix.CLIENT.value: CallerKind.CLIENT,
}


def caller_of(claims: AccessClaims, directory: Directory) -> Caller:
    """Return who holds a token of ours with these `claims`.

    Raises:
        AuthenticationFailed: They name nobody who could call.
    """
    principal = claims.sub if claims.act is None else claims.act.sub
    kind = _kind_of(claims, principal)
    role, subject, subject_role = claims.role, "", ""
    if claims.act is not None:
        agent = directory.agent(principal)
        if agent is None:
            raise AuthenticationFailed("the actor is no agent")
        role, subject, subject_role = agent.role, claims.sub, claims.role
    lineage = claims.lin
    if kind is CallerKind.PERSON or kind is CallerKind.CLIENT:
        # When a client is removed, so is all that it was given.
        lineage = (*lineage, claims.client_id)
    return Caller(
        principal=principal,
        kind=kind,
        role=role,
        session=claims.sid,
        jti=claims.jti,
        scopes=frozenset(claims.scope.split()),
        expires_at=claims.exp,
        subject=subject,
        subject_role=subject_role,
        actors=actors_of(claims.act)[1:],
        lineage=lineage,
        restriction=_restriction(claims),
        session_at=claims.sat,
        authn=claims.authn,
        binding="bearer" if claims.cnf is None else "dpop",
    )


def actors_of(act: Act | None) -> tuple[str, ...]:
    """Return all who acted, the current one first."""
    actors: list[str] = []
    while act is not None:
        actors.append(act.sub)
        act = act.act
    return tuple(actors)


def for_this_call(caller: Caller, inbound: Inbound) -> Caller:
    """Let a caller whose token is for one call make this one.

    What the body must be is checked where the body is read.

    Raises:
        AuthenticationFailed: It is another call that the token is for.
    """
    restriction = caller.restriction
    if restriction is None:
        return caller
    if restriction.method and restriction.method != inbound.method:
        raise AuthenticationFailed("the token is for another method")
    # Arguments stand in the query, too: a path without one allows none.
    target = f"{inbound.path}?{inbound.query}" if inbound.query else inbound.path
    if restriction.path and restriction.path != target:
        raise AuthenticationFailed("the token is for another path")
    if not restriction.once:
        return caller
    used = Claim(
        claim_key("one-use", caller.jti), caller.expires_at + 1, AuthenticationFailed("the token was used")
    )
    return structs.replace(caller, claims=(*caller.claims, used))


def _kind_of(claims: AccessClaims, principal: str) -> CallerKind:
    own = claims.act is None and claims.client_id == claims.sub
    if own and claims.role == OPERATOR_ROLE and principal.startswith(f"{IdPrefix.OPERATOR.value}_"):
        return CallerKind.OPERATOR
    kind = _KINDS.get(principal.partition("_")[0])
    if kind is None or (claims.act is not None and kind is not CallerKind.AGENT):
        raise AuthenticationFailed("the token is nobody's who could call")
    return kind


def _restriction(claims: AccessClaims) -> CallRestriction | None:
    details = [detail for detail in claims.authorization_details if detail.get("type") == CALL_DETAIL]
    if not details:
        return None
    if len(details) > 1:
        raise AuthenticationFailed("the token is for several calls")
    detail = details[0]
    return CallRestriction(
        method=str(detail.get("method", "")),
        path=str(detail.get("path", "")),
        digest=str(detail.get("digest", "")),
        once=detail.get("once") is True,
    )
