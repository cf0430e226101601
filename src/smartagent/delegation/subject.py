# SPDX-License-Identifier: Apache-2.0
"""Reading what is to be exchanged: which kinds of tokens are taken, and what each says.

    access_token   one of ours, typ at+jwt: an agent's, or a person's
    id_token       one of an outside issuer that is trusted to say who people are

Nothing else is.  Our own id_tokens, ID-JAGs, transaction tokens, refresh tokens and security events
are signed with the same keys and lie about in many places; none of them says "act with me".

Spec: RFC 8693 sections 2.1 and 3, RFC 8725 section 3.11.
"""

from collections.abc import Mapping
from typing import Final

from smartagent.crypto import claim_key
from smartagent.delegation.details import read_hand_over
from smartagent.delegation.errors import ActorTokenRefused, SubjectTokenRefused, TokenTypeRefused
from smartagent.delegation.means import Means
from smartagent.delegation.model import ACCESS_TOKEN, ID_TOKEN, Subject
from smartagent.edge import AuthenticationFailed, MalformedRequest
from smartagent.federation import Purpose, person_id
from smartagent.identity import Agent
from smartagent.kernel import CallerKind, IdPrefix
from smartagent.tokens import Verified, actors_of

_AGENT: Final = f"{IdPrefix.AGENT.value}_"


class Subjects:
    """Reads subject and actor tokens."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def read(self, form: Mapping[str, str]) -> Subject:
        """Return what the request's subject token says.

        Raises:
            MalformedRequest: One of the two parameters is missing.
            TokenTypeRefused: Tokens of that type are not exchanged.
            SubjectTokenRefused: It does not hold, or is not of the type that it is said to be.
        """
        token, token_type = form.get("subject_token", ""), form.get("subject_token_type", "")
        if not token or not token_type:
            raise MalformedRequest("subject_token and subject_token_type are required")
        if token_type == ACCESS_TOKEN:
            return self.ours(token)
        if token_type == ID_TOKEN:
            return await self._outside(token)
        raise TokenTypeRefused(f"the subject_token_type is {ACCESS_TOKEN} or {ID_TOKEN}")

    def ours(self, token: str) -> Subject:
        """Return what an access token of ours says.

        Raises:
            SubjectTokenRefused: It does not hold, or is never exchanged.
        """
        try:
            verified = self._means.tokens.access.verified(token)
        except AuthenticationFailed as error:
            raise SubjectTokenRefused(error.reason) from None
        return self._subject_of(verified)

    def actor(self, form: Mapping[str, str], agent: Agent) -> Subject | None:
        """Return what the request's actor token says; None when there is none.

        Raises:
            MalformedRequest: It comes without its type, or the type without it.
            ActorTokenRefused: It is not what this agent got for itself.
        """
        token, token_type = form.get("actor_token", ""), form.get("actor_token_type", "")
        if not token and not token_type:
            return None
        if not token or not token_type:
            raise MalformedRequest("actor_token and actor_token_type come together")
        if token_type != ACCESS_TOKEN:
            raise TokenTypeRefused(f"the actor_token_type is {ACCESS_TOKEN}")
        try:
            actor = self.ours(token)
        except SubjectTokenRefused as error:
            raise ActorTokenRefused(error.reason) from None
        # Anybody else's would splice two chains that have nothing to do with each other.
        if actor.sub != agent.id or actor.actors or actor.may_act:
            raise ActorTokenRefused("the actor token is somebody else's")
        return actor

    def _subject_of(self, verified: Verified) -> Subject:
        claims, caller = verified.claims, verified.caller
        actors = actors_of(claims.act)
        is_agent = claims.sub.startswith(_AGENT)
        if caller.kind not in {CallerKind.AGENT, CallerKind.PERSON}:
            raise SubjectTokenRefused("an operator's session and a client's own token are not exchanged")
        hand_over = read_hand_over(claims.authorization_details)
        # What binds a token to one call would be lost on the way, and its one use be many.
        if claims.authorization_details and hand_over is None:
            raise SubjectTokenRefused("a token for one call is exchanged no further")
        if hand_over is not None and verified.audience != self._means.endpoint:
            raise SubjectTokenRefused("a hand-over is for the token endpoint")
        return Subject(
            sub=claims.sub,
            actors=actors,
            holder=actors[0] if actors else claims.sub if is_agent else "",
            client_id=claims.client_id,
            scopes=tuple(claims.scope.split()),
            audience="" if hand_over is not None else verified.audience,
            expires_at=claims.exp,
            jti=claims.jti,
            session=claims.sid,
            session_at=claims.sat,
            # Of a person's, this names the client, too.
            lineage=caller.lineage,
            locations=hand_over.locations if hand_over is not None else (),
            may_act=claims.may_act.sub if claims.may_act is not None else "",
            jkt=verified.jkt,
            is_person=not is_agent,
            auth_time=claims.auth_time,
            acr=claims.acr,
            amr=claims.amr,
            proof_id=claims.jti,
        )

    async def _outside(self, token: str) -> Subject:
        now = self._means.clock.now()
        try:
            foreign = await self._means.outside.verify(token, purpose=Purpose.PERSON, now=now)
        except AuthenticationFailed as error:
            # Among them our own id_tokens: they say who signed in, and let nobody act.
            raise SubjectTokenRefused(error.reason) from None
        expires_at = foreign.claims.get("exp")
        if not isinstance(expires_at, int | float) or expires_at <= now:
            raise SubjectTokenRefused("the outside token has expired")
        return Subject(
            sub=person_id(foreign.issuer.issuer, foreign.sub),
            actors=(),
            holder="",
            client_id="",
            scopes=None,
            audience="",
            expires_at=int(expires_at),
            is_person=True,
            # What its issuer calls a strong sign-in need not be one here, so acr and amr stay behind.
            proof_id=claim_key("id-token", token).hex()[:16],
        )
