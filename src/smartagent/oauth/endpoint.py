# SPDX-License-Identifier: Apache-2.0
"""The token endpoint: one door, and behind it one grant for each grant type.

The client has been authenticated when a request comes here.  The endpoint reads the proof of
possession, asks the grant, and answers; what a grant decides is durable before it leaves.

Spec: RFC 6749 sections 3.2 and 5.1, RFC 9449 section 5, RFC 8693 section 2.2.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.clients import ClientKind
from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply
from smartagent.kernel import Caller, Claim, Detail
from smartagent.oauth.clientauth import TOKEN_PATH, ClientRequest, ClientRequests
from smartagent.oauth.errors import UnauthorizedClient, UnsupportedGrantType
from smartagent.oauth.grant import Grant, Granted, OtherToken, TokenRequest
from smartagent.oauth.means import Means
from smartagent.tokens import NO_STORE, InvalidDpopProof, Issued, caller_of

EVENT: Final = "token.issued"


class TokenAnswer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer of `POST /oauth/token` (RFC 6749 section 5.1, RFC 8693 section 2.2.1)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str = ""
    id_token: str = ""
    issued_token_type: str = ""
    authorization_details: tuple[dict[str, object], ...] = ()


class TokenEndpoint:
    """Answers token requests."""

    def __init__(self, means: Means, requests: ClientRequests, grants: Mapping[str, Grant]) -> None:
        self._means = means
        self._requests = requests
        self._grants = dict(grants)
        self._url = means.issuer + TOKEN_PATH

    @property
    def grant_types(self) -> tuple[str, ...]:
        """What can be asked for here."""
        return tuple(self._grants)

    async def token(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Give the token that a grant allows.

        Raises:
            MalformedRequest: There is no `grant_type`.
            UnsupportedGrantType: It is none of ours.
            UnauthorizedClient: This client may not use it.
            InvalidDpopProof: There is no proof of possession where there must be, or it does not hold.
            SmartAgentError: The grant refuses.
        """
        request = await self._requests.of(inbound)
        grant = self._grant_for(request)
        proven = self._means.tokens.proofs.at_endpoint(inbound, self._url)
        if proven is None and request.client.dpop_bound:
            # RFC 9449 section 5.2: the client said that it would always send one.
            raise InvalidDpopProof("there is none, and this client takes bound tokens only")
        granted = await grant(
            TokenRequest(
                inbound=inbound,
                form=request.form,
                client=request.client,
                agent=request.agent,
                jkt=proven.jkt if proven is not None else "",
                now=int(self._means.clock.now()),
                proof_id=request.proof_id,
            )
        )
        headers: tuple[tuple[str, str], ...] = NO_STORE
        claims = granted.claims
        if proven is not None:
            # RFC 9449 section 8.2: the next proof need not ask for its nonce.
            headers = (*NO_STORE, ("dpop-nonce", self._means.tokens.proofs.nonce()))
            claims = (*claims, proven.claim)
        return self._outcome(request, granted, headers, claims)

    def _grant_for(self, request: ClientRequest) -> Grant:
        grant_type = request.form.get("grant_type")
        if grant_type is None:
            raise MalformedRequest("grant_type is missing")
        grant = self._grants.get(grant_type)
        if grant is None:
            raise UnsupportedGrantType(f"use one of {', '.join(self._grants)}")
        if request.client.kind is not ClientKind.AGENT and grant_type not in request.client.grant_types:
            raise UnauthorizedClient("the client is not registered for this grant")
        return grant

    def _outcome(
        self,
        request: ClientRequest,
        granted: Granted,
        headers: tuple[tuple[str, str], ...],
        claims: tuple[Claim, ...],
    ) -> Outcome:
        issued = granted.issued
        reply = Reply(200, _answer(granted), "application/json", headers)
        if isinstance(issued, OtherToken):
            detail: dict[str, Detail] = {granted.proof: granted.proof_id, **issued.detail, **granted.detail}
            return Outcome(
                reply,
                EVENT,
                request.client.id,
                jti=issued.jti,
                detail=detail,
                writes=granted.writes,
                claims=claims,
                changes=granted.changes,
                holder=issued.holder,
            )
        said = issued.claims
        # A token that derives from something must not outlive it by an instant: its holder is looked at, too.
        derived = said.act is not None or bool(said.lin) or said.client_id != said.sub
        return Outcome(
            reply,
            EVENT,
            said.sub,
            said.sid,
            said.jti,
            "",
            {**issued.detail(granted.proof, granted.proof_id), **granted.detail},
            granted.writes,
            claims,
            granted.changes,
            caller_of(said, self._means.directory) if derived else None,
        )


def _answer(granted: Granted) -> TokenAnswer:
    issued = granted.issued
    if isinstance(issued, Issued):
        bound = "DPoP" if issued.claims.cnf is not None else "Bearer"
        scope = issued.claims.scope
    else:
        bound, scope = "N_A", issued.scope
    return TokenAnswer(
        access_token=issued.token,
        token_type=granted.token_type or bound,
        expires_in=issued.life_seconds,
        scope=scope,
        refresh_token=granted.refresh_token,
        id_token=granted.id_token,
        issued_token_type=granted.issued_token_type,
        authorization_details=granted.authorization_details,
    )
