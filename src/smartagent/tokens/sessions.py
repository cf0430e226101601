# SPDX-License-Identifier: Apache-2.0
"""Sessions: tokens for whoever signed a nonce.  `Issuer` decides what they get."""

from typing import Final

from smartagent.edge import AuthenticationFailed, Inbound, Outcome, Reply, parse_json
from smartagent.identity import Agent, OperatorSessionRequest, SessionRequest, check_active, short_id
from smartagent.kernel import Caller, CallerKind, rfc3339
from smartagent.tokens.errors import ScopeNotGranted, SessionNotFound
from smartagent.tokens.issue import Asked, Issued, Issuer
from smartagent.tokens.means import Means
from smartagent.tokens.model import RevocationKind
from smartagent.tokens.revoke import revocation_of
from smartagent.tokens.shapes import SessionView
from smartagent.tokens.verify import AccessTokens

# RFC 6749 section 5.1: both, for caches that are older than the first.
NO_STORE: Final = (("cache-control", "no-store"), ("pragma", "no-cache"))
EVENT: Final = "token.issued"
CHALLENGE: Final = "challenge"


class Sessions:
    """Gives tokens to whoever has been authenticated."""

    def __init__(self, means: Means, issuer: Issuer, access: AccessTokens) -> None:
        self._means = means
        self._issuer = issuer
        self._access = access

    async def open_session(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Give a token to an agent that signed a nonce, in a new session or in one of its own that goes on.

        Raises:
            AuthenticationFailed: The token of the session that shall go on does not hold, or is another's.
            SmartAgentError: What it asks for is not granted; see `Issuer.for_agent`.
        """
        request = parse_json(inbound.body, SessionRequest)
        agent = self._agent(caller)
        if request.continuing:
            issued = self._continued(agent, request)
        else:
            issued = self._issuer.for_agent(
                agent, Asked(request.scope, request.audience, request.prompt, CHALLENGE)
            )
        return _outcome(issued, _session_view(issued, "Bearer"), CHALLENGE, short_id(request.nonce))

    async def end_session(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End the caller's session: its tokens, what derives from them, and its leases.

        Raises:
            SessionNotFound: It is another's, or there is none.
        """
        session = inbound.params["id"]
        if session != caller.session or caller.subject or caller.kind is not CallerKind.AGENT:
            raise SessionNotFound("an agent ends the session that its token is of")
        writes, changes = revocation_of(RevocationKind.SESSION, session, now=self._means.clock.now())
        return Outcome(
            Reply(204),
            subject=caller.principal,
            detail={"kind": RevocationKind.SESSION.value, "reason": "ended by its agent"},
            writes=writes,
            changes=changes,
            farewell=True,
        )

    async def open_operator_session(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Give an operator a token that is bound to their key.

        Raises:
            AuthenticationFailed: The operator is gone.
            KeysNotReady: There is nothing to sign with.
        """
        request = parse_json(inbound.body, OperatorSessionRequest)
        operator = self._means.directory.operator(caller.principal)
        if operator is None:
            raise AuthenticationFailed("the operator is unknown")
        issued = self._issuer.for_operator(operator)
        return _outcome(issued, _session_view(issued, "DPoP"), CHALLENGE, short_id(request.nonce))

    def _continued(self, agent: Agent, request: SessionRequest) -> Issued:
        verified = self._access.verified(request.continuing)
        held = verified.caller
        if held.principal != agent.id or held.subject or held.restriction is not None or verified.jkt:
            raise AuthenticationFailed("only the agent's own plain token continues its session")
        if not held.scopes.issuperset(request.scope.split()) or request.audience not in {
            "",
            verified.audience,
        }:
            raise ScopeNotGranted("a session that goes on has no more than before")
        asked = Asked(
            request.scope or verified.claims.scope,
            verified.audience,
            request.prompt,
            CHALLENGE,
            held.session_at,
        )
        return self._issuer.for_agent(agent, asked, session=held.session)

    def _agent(self, caller: Caller) -> Agent:
        return check_active(self._means.directory.agent(caller.principal))


def _outcome(issued: Issued, view: SessionView, proof: str, proof_id: str) -> Outcome:
    claims = issued.claims
    return Outcome(
        Reply(201, view, "application/json", NO_STORE),
        EVENT,
        claims.sub,
        claims.sid,
        claims.jti,
        "",
        issued.detail(proof, proof_id),
    )


def _session_view(issued: Issued, token_type: str) -> SessionView:
    claims = issued.claims
    return SessionView(
        access_token=issued.token,
        token_type=token_type,
        expires_in=issued.life_seconds,
        expires_at=rfc3339(claims.exp),
        scope=claims.scope,
        session_id=claims.sid,
        jti=claims.jti,
        audit_url=claims.audit_url,
    )
