# SPDX-License-Identifier: Apache-2.0
"""Two grants: a code becomes tokens, and a refresh token becomes tokens and another refresh token.

    code     unused --redeemed--> used --again--> the grant ends, with all that came of it
    refresh  unused --rotated---> used --again--> the grant ends, with all that came of it

A refresh token that comes twice was stolen, or its client lost our answer: nobody can tell, so the family ends
and the person is asked again.  There is no grace time.

Spec: RFC 6749 sections 4.1.3 and 6; RFC 7636 section 4.6; RFC 9700 sections 4.5 and 4.14; RFC 9449
sections 5 and 10.
"""

from typing import Final

import msgspec

from smartagent.clients import Client, client_used
from smartagent.consent.checking import is_verified, still_granted
from smartagent.consent.deciding import GRANT_SECONDS, Issued
from smartagent.consent.errors import CodeUsedAgain, RefreshTokenUsedAgain
from smartagent.consent.means import Means
from smartagent.consent.model import ACR, AMR, Asked, Code, Grant, Refresh
from smartagent.consent.store import (
    add_refresh,
    bind_grant,
    end_grant,
    read_code,
    read_grant,
    read_refresh,
    use_code,
    use_refresh,
)
from smartagent.crypto import b64u, sha256
from smartagent.edge import MalformedRequest
from smartagent.kernel import Effects, Write
from smartagent.oauth import Granted, InvalidGrant, InvalidScope, InvalidTarget, TokenRequest, one_target
from smartagent.tokens import RevocationKind, ScopeNotGranted, Wanted, narrow, revocation_of

ACCESS_SECONDS: Final = 900
IDLE_SECONDS: Final = 7 * 86_400
_TOKEN_BYTES: Final = 32
_TOKEN_PREFIX: Final = "srr_"  # noqa: S105 -- a prefix, not a password
_OPENID: Final = "openid"
REFRESH: Final = "refresh_token"


class Redeeming:
    """Gives tokens for codes and refresh tokens."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def code(self, request: TokenRequest) -> Granted:
        """Redeem an authorization code.

        Raises:
            MalformedRequest: There is no code, or no verifier.
            InvalidGrant: The code is not good, not this client's, or not proven to be.
            CodeUsedAgain: It comes a second time.
            InvalidTarget: It is for another resource.
        """
        form, now = request.form, request.now
        code, verifier = form.get("code", ""), form.get("code_verifier", "")
        if not code or not verifier:
            raise MalformedRequest("send code and code_verifier")
        digest = sha256(code.encode())
        kept = await read_code(self._means.database, digest)
        if kept is None or kept.client_id != request.client.id:
            raise InvalidGrant("no such code, or another client's")
        again = CodeUsedAgain(self._end(kept.grant_id, now))
        if kept.used_at is not None:
            raise again
        issued = msgspec.json.decode(kept.document, type=Issued)
        self._check_code(kept, issued.asked, request)
        grant = await self._live(kept.grant_id, now)
        # RFC 9449 section 5: of a client that cannot authenticate, the key is all that tells it apart.
        jkt = request.jkt if request.client.is_public else ""
        return self._granted(
            request,
            grant,
            grant.scope,
            issued,
            ("code", digest),
            (
                use_code(digest, again, now=now),
                bind_grant(grant.id, jkt, InvalidGrant("the grant has ended")),
            ),
        )

    async def refresh(self, request: TokenRequest) -> Granted:
        """Rotate a refresh token.

        Raises:
            MalformedRequest: There is none.
            InvalidGrant: It is not good, not this client's, or its key was not proven.
            RefreshTokenUsedAgain: It comes a second time.
            InvalidScope: More is asked for than was granted.
            InvalidTarget: Another resource is asked for.
        """
        form, now = request.form, request.now
        token = form.get("refresh_token", "")
        if not token:
            raise MalformedRequest("send refresh_token")
        digest = sha256(token.encode())
        kept = await read_refresh(self._means.database, digest)
        grant = await read_grant(self._means.database, kept.grant_id) if kept is not None else None
        if kept is None or grant is None or grant.client_id != request.client.id:
            raise InvalidGrant("no such refresh token, or another client's")
        again = RefreshTokenUsedAgain(self._end(grant.id, now))
        if kept.used_at is not None:
            raise again
        if kept.expires_at <= now:
            raise InvalidGrant("the refresh token has expired")
        self._check_live(grant, now)
        if grant.jkt and grant.jkt != request.jkt:
            raise InvalidGrant("the refresh token is bound to another key")
        _check_target(form_target=one_target(form), granted=grant.resource)
        writes = (
            use_refresh(digest, again, now=now),
            bind_grant(grant.id, grant.jkt, InvalidGrant("the grant has ended")),
        )
        return self._granted(
            request, grant, _narrowed(form.get("scope", ""), grant.scope), None, ("refresh", digest), writes
        )

    async def family_of(self, token: str, client_id: str) -> str | None:
        """Return the grant that a refresh token of this client belongs to; None when there is none.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        kept = await read_refresh(self._means.database, sha256(token.encode()))
        grant = await read_grant(self._means.database, kept.grant_id) if kept is not None else None
        return grant.id if grant is not None and grant.client_id == client_id else None

    def _check_code(self, kept: Code, asked: Asked, request: TokenRequest) -> None:
        form = request.form
        if kept.expires_at <= request.now:
            raise InvalidGrant("the code has expired")
        if form.get("redirect_uri", asked.redirect_uri) != asked.redirect_uri:
            raise InvalidGrant("the code was sent to another redirect URI")
        if not is_verified(form["code_verifier"], asked.code_challenge):
            raise InvalidGrant("the verifier is not the challenge's")
        if asked.jkt and asked.jkt != request.jkt:
            raise InvalidGrant("the code is bound to another key")
        _check_target(form_target=one_target(form), granted=asked.resource)

    def _granted(
        self,
        request: TokenRequest,
        grant: Grant,
        scope: str,
        issued: Issued | None,
        proof: tuple[str, bytes],
        writes: tuple[Write, ...],
    ) -> Granted:
        client, now = request.client, request.now
        scope = self._still(client, grant, scope)
        token = self._means.tokens.issuer.mint(
            Wanted(
                subject=grant.person,
                client_id=client.id,
                audience=grant.resource,
                scope=scope,
                life_seconds=ACCESS_SECONDS,
                session=grant.session,
                session_at=grant.created_at,
                not_after=grant.expires_at,
                jkt=request.jkt,
                lineage=(grant.id,),
                auth_time=grant.auth_time,
                acr=issued.acr if issued is not None else ACR,
                amr=issued.amr if issued is not None else AMR,
            )
        )
        refresh, more = self._next_refresh(client, grant, now)
        name, digest = proof
        return Granted(
            token,
            name,
            digest[:8].hex(),
            refresh_token=refresh,
            id_token=self._id_token(client, grant, scope, issued, token.token, now),
            writes=(*writes, *more, client_used(client.id, now=now)),
            detail={"client": client.id, "grant": grant.id},
        )

    def _still(self, client: Client, grant: Grant, scope: str) -> str:
        """Return what of `scope` may still be had; client and resource may have been changed since.

        Raises:
            InvalidTarget: The resource was removed.
            InvalidScope: Nothing of it.
        """
        if grant.resource == self._means.issuer:
            return scope
        resource = self._means.clients.resource(grant.resource)
        if resource is None:
            raise InvalidTarget("the resource is not registered any more")
        left = still_granted(scope, client, resource)
        if scope and not left:
            raise InvalidScope("nothing of what was granted may still be had")
        return left

    def _next_refresh(self, client: Client, grant: Grant, now: int) -> tuple[str, tuple[Write, ...]]:
        if REFRESH not in client.grant_types:
            return "", ()
        token = _TOKEN_PREFIX + b64u(self._means.entropy(_TOKEN_BYTES))
        expires_at = min(now + IDLE_SECONDS, grant.created_at + GRANT_SECONDS)
        return token, (add_refresh(sha256(token.encode()), Refresh(grant.id, expires_at, None)),)

    def _id_token(
        self, client: Client, grant: Grant, scope: str, issued: Issued | None, access_token: str, now: int
    ) -> str:
        if _OPENID not in scope.split():
            return ""
        return self._means.id_tokens.make(
            client,
            grant.person,
            now=now,
            # OpenID Connect Core section 12.2: a refreshed one has no nonce.
            nonce=issued.asked.nonce if issued is not None else "",
            auth_time=grant.auth_time,
            acr=issued.acr if issued is not None else ACR,
            amr=issued.amr if issued is not None else AMR,
            access_token=access_token,
            sid=grant.session,
            scope=scope,
        )

    async def _live(self, grant_id: str, now: int) -> Grant:
        grant = await read_grant(self._means.database, grant_id)
        if grant is None:
            raise InvalidGrant("the grant is gone")
        self._check_live(grant, now)
        return grant

    def _check_live(self, grant: Grant, now: int) -> None:
        revocations = self._means.tokens.revocations
        if grant.ended_at is not None or grant.expires_at <= now or revocations.is_dead(grant.id):
            raise InvalidGrant("the grant has ended")
        if revocations.is_dead(grant.session) or revocations.is_dead(grant.client_id):
            raise InvalidGrant("the grant's session, or its client, was revoked")
        if revocations.revoked_at_ms(grant.person) >= grant.created_at * 1000:
            raise InvalidGrant("the person was revoked after they granted it")

    def _end(self, grant_id: str, now: int) -> Effects:
        writes, changes = revocation_of(RevocationKind.GRANT, grant_id, now=self._means.clock.now())
        return Effects((end_grant(grant_id, now=now), *writes), changes)


def _check_target(*, form_target: str, granted: str) -> None:
    if form_target and form_target != granted:
        raise InvalidTarget("the grant is for another resource")


def _narrowed(asked: str, granted: str) -> str:
    if not asked:
        return granted
    try:
        return narrow(asked, frozenset(granted.split()))
    except ScopeNotGranted:
        raise InvalidScope("it was not granted") from None
