# SPDX-License-Identifier: Apache-2.0
"""Identity assertions given: what another authorization server is told of a person who signed in here.

The client takes the assertion (ID-JAG) to that server and gets an access token there, without the
person being asked again.  It names one server, one client and one person, and lives five minutes.
We never take one back: what a person may do here they are asked here.

Spec: draft-ietf-oauth-identity-assertion-authz-grant-04 sections 3 to 5; RFC 8693 section 2.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.clients import Client
from smartagent.crypto import ASYMMETRIC, BadSignature, MalformedToken, claim_key, parse_compact
from smartagent.delegation.authority import Authorities
from smartagent.delegation.chain import nested
from smartagent.delegation.errors import (
    ClientRefused,
    DetailsRefused,
    NotDelegated,
    SubjectTokenRefused,
    TargetNotDelegated,
    TokenTypeRefused,
)
from smartagent.delegation.means import Means
from smartagent.delegation.model import (
    ACCESS_TOKEN,
    ID_JAG,
    ID_TOKEN,
    NOT_ACCESS,
    Authority,
    OutboundAudience,
    Subject,
)
from smartagent.delegation.rules import earliest, extended, narrowed
from smartagent.delegation.subject import Subjects
from smartagent.edge import MalformedRequest
from smartagent.kernel import Algorithm, Caller, CallerKind, IdPrefix
from smartagent.oauth import Granted, OtherToken, TokenRequest
from smartagent.tokens import UNREADABLE, Act, Confirmation

TYP: Final = "oauth-id-jag+jwt"
LIFE_SECONDS: Final = 300
_ID_TOKEN_TYPES: Final = frozenset({"", "jwt", "application/jwt"})
_URL: Final = "https://"


class JagClaims(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an identity assertion says."""

    iss: str
    sub: str
    aud: str
    client_id: str
    jti: str
    exp: int
    iat: int
    resource: str = ""
    scope: str = ""
    act: Act | None = None
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()
    cnf: Confirmation | None = None


class _IdClaims(msgspec.Struct, frozen=True):
    """What is read of an id_token of ours."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int
    iat: int
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()
    sid: str = ""
    jti: str = ""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_IdClaims).decode


class IdentityAssertions:
    """Gives identity assertions."""

    def __init__(self, means: Means, subjects: Subjects, authorities: Authorities) -> None:
        self._means = means
        self._subjects = subjects
        self._authorities = authorities
        self._audiences = {each.issuer: each for each in means.settings.outbound}

    def exchange(self, request: TokenRequest) -> Granted:
        """Assert to another authorization server who a person is.

        Raises:
            ClientRefused: That server does not know the client.
            TargetNotDelegated: It is not one for which identities are asserted, or not for that resource.
            SubjectTokenRefused: The subject token does not hold, or is nobody's who signed in.
            NotDelegated: The person has not let this client speak for them.
            ScopeNotDelegated: It is more than is asserted there.
        """
        form = request.form
        audience = self._audience(form)
        name = _name_there(audience, request.client)
        if form.get("actor_token") or form.get("actor_token_type"):
            raise MalformedRequest("an identity assertion takes no actor_token")
        if form.get("authorization_details"):
            raise DetailsRefused("there are none in an identity assertion")
        subject, authority = self._subject(request)
        claims = self._claims(request, audience, name, subject, authority)
        token = self._means.tokens.rings.sign(Algorithm(audience.algorithm), TYP, _encode(claims))
        said = OtherToken(
            token,
            claims.jti,
            claims.exp - claims.iat,
            claims.scope,
            {"aud": claims.aud, "exp": claims.exp, "scope": claims.scope, "sub": claims.sub},
            Caller(
                principal=subject.sub,
                kind=CallerKind.PERSON,
                session=subject.session,
                jti=subject.jti,
                actors=subject.actors,
                lineage=extended(subject.lineage, *(authority.lineage if authority is not None else ())),
            ),
        )
        return Granted(said, "id-jag", subject.proof_id, issued_token_type=ID_JAG, token_type=NOT_ACCESS)

    def _claims(
        self,
        request: TokenRequest,
        audience: OutboundAudience,
        name: str,
        subject: Subject,
        authority: Authority | None,
    ) -> JagClaims:
        form, now = request.form, request.now
        return JagClaims(
            iss=self._means.issuer,
            sub=subject.sub,
            aud=audience.issuer,
            client_id=name,
            jti=self._means.ids.new(IdPrefix.ACCESS_TOKEN),
            exp=earliest(
                now + LIFE_SECONDS, subject.expires_at, authority.until if authority is not None else 0
            ),
            iat=now,
            resource=form.get("resource", ""),
            scope=_scope(form.get("scope", ""), audience, authority),
            act=self._act(request, subject, authority),
            auth_time=subject.auth_time,
            acr=subject.acr,
            amr=subject.amr,
            cnf=Confirmation(request.jkt) if request.jkt else None,
        )

    def _audience(self, form: Mapping[str, str]) -> OutboundAudience:
        audience = self._audiences.get(form.get("audience", ""))
        if audience is None:
            raise TargetNotDelegated(
                "the audience is no authorization server that identities are asserted to"
            )
        resource = form.get("resource", "")
        if resource and resource not in audience.resources:
            raise TargetNotDelegated("nothing is asserted for this resource")
        return audience

    def _subject(self, request: TokenRequest) -> tuple[Subject, Authority | None]:
        token = request.form.get("subject_token", "")
        token_type = request.form.get("subject_token_type", "")
        if not token:
            raise MalformedRequest("subject_token is required")
        if token_type == ID_TOKEN:
            return self._own_id_token(token, request), None
        if token_type == ACCESS_TOKEN:
            return self._access_token(token, request)
        raise TokenTypeRefused(f"the subject_token_type is {ID_TOKEN} or {ACCESS_TOKEN}")

    def _access_token(self, token: str, request: TokenRequest) -> tuple[Subject, Authority | None]:
        subject = self._subjects.ours(token)
        if not subject.is_person or not subject.audience:
            raise SubjectTokenRefused("an identity assertion is about a person, by a token of theirs")
        if subject.jkt and not request.jkt:
            raise NotDelegated(
                "the token is bound to a key; send a DPoP proof, and the assertion is bound too"
            )
        if request.agent is not None:
            audience = request.form.get("audience", "")
            return subject, self._authorities.one_for(subject, request.agent.id, audience)
        if subject.actors or subject.client_id != request.client.id:
            raise NotDelegated("the token was given to another client")
        return subject, None

    def _own_id_token(self, token: str, request: TokenRequest) -> Subject:
        try:
            jws = parse_compact(token, algorithms=ASYMMETRIC)
            key = self._means.tokens.rings.verifier(jws.header.kid)
            if jws.header.typ.lower() not in _ID_TOKEN_TYPES or key is None:
                raise SubjectTokenRefused("it is no id_token of ours")
            claims = _decode(jws.verified_payload(key))
        except (MalformedToken, BadSignature):
            raise SubjectTokenRefused("the id_token is malformed or forged") from None
        except UNREADABLE:
            raise SubjectTokenRefused("the id_token's claims are malformed") from None
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        # Section 4.3: what another client got says nothing of this one.
        if claims.iss != self._means.issuer or audiences != [request.client.id]:
            raise SubjectTokenRefused("the id_token was given to another client")
        if claims.exp <= request.now or self._is_revoked(claims, request.client):
            raise SubjectTokenRefused("the id_token has expired, or its session was ended")
        return Subject(
            sub=claims.sub,
            actors=(),
            holder="",
            client_id=request.client.id,
            scopes=None,
            audience="",
            expires_at=claims.exp,
            is_person=True,
            auth_time=claims.auth_time,
            acr=claims.acr,
            amr=claims.amr,
            proof_id=claims.jti or claim_key("id-token", token).hex()[:16],
        )

    def _is_revoked(self, claims: _IdClaims, client: Client) -> bool:
        person = Caller(
            principal=claims.sub, kind=CallerKind.PERSON, session=claims.sid, lineage=(client.id,)
        )
        revocations = self._means.tokens.revocations
        since_ms = revocations.revoked_at_ms(claims.sub)
        return revocations.is_revoked(person) or (since_ms > 0 and claims.iat * 1000 <= since_ms)

    def _act(self, request: TokenRequest, subject: Subject, authority: Authority | None) -> Act | None:
        if request.agent is None:
            return None
        if authority is None:
            return Act(request.agent.id)
        return nested(self._authorities.chain(subject, authority, request.agent.id))


def _name_there(audience: OutboundAudience, client: Client) -> str:
    name = audience.client_ids.get(client.id) or (client.id if client.id.startswith(_URL) else "")
    if not name:
        raise ClientRefused("it is not known how that authorization server calls this client")
    return name


def _scope(asked: str, audience: OutboundAudience, authority: Authority | None) -> str:
    delegated = authority.scopes if authority is not None else None
    if not asked and not audience.scopes:
        return ""
    ceilings = [audience.scopes] if delegated is None else [audience.scopes, delegated]
    return narrowed(asked, ceilings)
