# SPDX-License-Identifier: Apache-2.0
"""Revocation by a client: it gives back what it was given, and all that came of it is dead.

An access token takes what derives from it with it; a refresh token, all tokens of its grant.  The
answer is the same whether there was anything to revoke: nobody learns from it which tokens exist.

Spec: RFC 7009 sections 2 and 2.2; OAuth 2.1 section 7.3.
"""

from typing import Final

from smartagent.crypto import ASYMMETRIC, BadSignature, MalformedToken, parse_compact
from smartagent.edge import AuthenticationFailed, Inbound, MalformedRequest, Outcome, Reply
from smartagent.kernel import Caller
from smartagent.oauth.clientauth import ClientRequests
from smartagent.oauth.errors import UnsupportedTokenType
from smartagent.oauth.means import Means
from smartagent.oauth.ports import RefreshTokens
from smartagent.tokens import NO_STORE, RevocationKind, revocation_of

EVENT: Final = "token.given-back"
_ACCESS_TOKEN_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_DONE: Final = Reply(200, b"", "application/json", NO_STORE)


class Revocation:
    """Revokes what clients give back."""

    def __init__(self, means: Means, requests: ClientRequests, refresh_tokens: RefreshTokens) -> None:
        self._means = means
        self._requests = requests
        self._refresh_tokens = refresh_tokens

    async def revoke(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Revoke a token of the client that asks.  An unknown one, or another's, is left as it is: 200 all the same.

        Raises:
            MalformedRequest: There is no token (`invalid_request`).
            UnsupportedTokenType: It is one of ours that cannot be revoked, e.g. an id token.
            StoreUnavailable: It could not be looked for (503): it must be taken to live.

        Spec: RFC 7009 sections 2.1 and 2.2.
        """
        request = await self._requests.of(inbound)
        token = request.form.get("token")
        if token is None:
            raise MalformedRequest("token is missing")
        # Section 2.1: the hint makes nothing easier here, as the form of a token says what it is.
        if token.count(".") == 2:  # noqa: PLR2004 -- three parts
            return self._access_token(token, request.client.id)
        family = await self._refresh_tokens.family_of(token, request.client.id)
        if family is None:
            return _left_alone("unknown, or another client's")
        return self._revoked(RevocationKind.GRANT, family)

    def _access_token(self, token: str, client_id: str) -> Outcome:
        try:
            claims = self._means.tokens.access.verified(token).claims
        except AuthenticationFailed as error:
            self._refuse_other_kinds(token)
            return _left_alone(error.reason)
        if claims.client_id != client_id:
            return _left_alone("another client's")
        return self._revoked(RevocationKind.TOKEN, claims.jti)

    def _refuse_other_kinds(self, token: str) -> None:
        # A client that thinks it revoked an id token would be wrong; one that sends nonsense is told nothing.
        try:
            unverified = parse_compact(token, algorithms=ASYMMETRIC)
            key = self._means.tokens.rings.verifier(unverified.header.kid)
            if key is None:
                return
            unverified.verified_payload(key)
        except (MalformedToken, BadSignature):
            return
        if unverified.header.typ.lower() not in _ACCESS_TOKEN_TYPES:
            raise UnsupportedTokenType("access tokens and refresh tokens can be revoked here")

    def _revoked(self, kind: RevocationKind, subject: str) -> Outcome:
        writes, changes = revocation_of(kind, subject, now=self._means.clock.now())
        return Outcome(_DONE, subject=subject, detail={"kind": kind.value}, writes=writes, changes=changes)


def _left_alone(why: str) -> Outcome:
    return Outcome(_DONE, detail={"kind": "none", "why": why})
