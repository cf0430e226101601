# SPDX-License-Identifier: Apache-2.0
"""Identity assertions taken: an outside issuer says which person a client acts for.

Only assertions of the type ID-JAG are taken.  A plain JWT of a trusted issuer, sent as an
authorization grant (RFC 7523 section 2.1), names neither the client nor the person's consent; whoever
could get hold of one would be that person.  Who has one uses token exchange and a recorded delegation.

Spec: draft-ietf-oauth-identity-assertion-authz-grant-04 section "Access Token Request"; RFC 7521
section 5.2, RFC 7523 sections 2.1 and 3.
"""

from typing import Final

import msgspec
from msgspec import structs

from smartagent.clients import AuthMethod
from smartagent.delegation.errors import AssertionRefused, ClientRefused, TargetNotDelegated
from smartagent.delegation.means import Means
from smartagent.delegation.rules import narrowed
from smartagent.edge import AuthenticationFailed, MalformedRequest
from smartagent.federation import Foreign, Purpose, person_id
from smartagent.oauth import Granted, TokenRequest, one_target
from smartagent.tokens import ASSERTION, Act, Confirmation, Wanted

LIFE_SECONDS: Final = 900
MAX_ASSERTION_LIFE_SECONDS: Final = 3600
_TYPES: Final = frozenset({"oauth-id-jag+jwt", "application/oauth-id-jag+jwt"})
_MAX_JTI_CHARS: Final = 255


class _Assertion(msgspec.Struct, frozen=True):
    """What an identity assertion says."""

    iss: str
    sub: str
    aud: str | list[str]
    client_id: str
    jti: str
    exp: int | float
    resource: str | list[str] = ""
    scope: str = ""
    cnf: Confirmation | None = None

    @property
    def resources(self) -> tuple[str, ...]:
        """For what it is; nothing, when it does not say."""
        listed = [self.resource] if isinstance(self.resource, str) else self.resource
        return tuple(each for each in listed if each)


class _Taken(msgspec.Struct, frozen=True):
    """An assertion that holds."""

    foreign: Foreign
    assertion: _Assertion


class JwtBearer:
    """The grant `urn:ietf:params:oauth:grant-type:jwt-bearer`."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def __call__(self, request: TokenRequest) -> Granted:
        """Give a client a token for the person whom an identity assertion is about.

        Raises:
            ClientRefused: A public client.
            MalformedRequest: There is no assertion.
            AssertionRefused: It does not hold, was used, or was made for somebody else.
            TargetNotDelegated: The assertion, the client or its role is not for that resource.
            ScopeNotDelegated: It is more than they have in common.
        """
        if request.client.auth_method is AuthMethod.NONE:
            raise ClientRefused("a public client sends the person here instead")
        token = request.form.get("assertion", "")
        if not token:
            raise MalformedRequest("assertion is missing")
        taken = await self._verified(token, request)
        assertion = taken.assertion
        audience = self._audience(request, assertion)
        agent = request.agent
        wanted = Wanted(
            subject=person_id(assertion.iss, assertion.sub),
            client_id=request.client.id,
            audience=audience,
            scope=self._scope(request, assertion, audience),
            life_seconds=self._life(request),
            jkt=request.jkt,
            act=Act(agent.id) if agent is not None else None,
            holder=agent.id if agent is not None else "",
            authn=ASSERTION if agent is not None else "",
        )
        used = structs.replace(taken.foreign.once, lost=AssertionRefused("the assertion was used"))
        return Granted(
            self._means.tokens.issuer.mint(wanted),
            "id-jag",
            used.key[:8].hex(),
            claims=(used,),
            detail={"issuer": taken.foreign.issuer.name},
        )

    async def _verified(self, token: str, request: TokenRequest) -> "_Taken":
        now = self._means.clock.now()
        try:
            foreign = await self._means.outside.verify(token, purpose=Purpose.ID_JAG, now=now)
            assertion = msgspec.convert(dict(foreign.claims), _Assertion)
        except AuthenticationFailed as error:
            raise AssertionRefused(error.reason) from None
        except msgspec.ValidationError:
            raise AssertionRefused("a claim is missing or malformed") from None
        self._check(assertion, foreign, request)
        return _Taken(foreign, assertion)

    def _check(self, assertion: _Assertion, foreign: Foreign, request: TokenRequest) -> None:
        """Check what the issuer's signature does not say: that it is for here, for this client, and now."""
        now = self._means.clock.now()
        audiences = [assertion.aud] if isinstance(assertion.aud, str) else assertion.aud
        checks = (
            # We assert identities to others.  Taking our own back would turn a sign-in into access to anything.
            (assertion.iss.rstrip("/") != self._means.issuer, "it is our own"),
            # 1. Its type: nothing else of that issuer will do.
            (foreign.typ.lower() in _TYPES, "it is no identity assertion"),
            # 2. It is for us.
            (self._means.issuer in audiences, "it is for another authorization server"),
            # 3. It is for this client.
            (assertion.client_id == request.client.id, "it was made for another client"),
            # 4. Whoever sends it holds the key that it is bound to.
            (assertion.cnf is None or assertion.cnf.jkt == request.jkt, "it is bound to another key"),
            # 5. It lives, and not for long.
            (now < assertion.exp <= now + MAX_ASSERTION_LIFE_SECONDS, "it has expired, or lives too long"),
            # 6. It has a name by which it is used once.
            (1 <= len(assertion.jti) <= _MAX_JTI_CHARS, "it has no usable jti"),
        )
        for holds, otherwise in checks:
            if not holds:
                raise AssertionRefused(otherwise)

    def _audience(self, request: TokenRequest, assertion: _Assertion) -> str:
        meant, asked = assertion.resources, one_target(request.form)
        if asked and meant and asked not in meant:
            raise TargetNotDelegated("the assertion is for another resource")
        if not asked and len(meant) > 1:
            raise TargetNotDelegated("say for which of the assertion's resources")
        target = asked or (meant[0] if meant else self._means.gateway)
        if not self._may_have(request, target):
            raise TargetNotDelegated("this client may not have tokens for this resource")
        resource = self._means.resources.resource(target)
        if resource is not None and resource.dpop_required and not request.jkt:
            raise TargetNotDelegated("the resource takes only bound tokens; send a DPoP proof")
        return target

    def _may_have(self, request: TokenRequest, target: str) -> bool:
        if target == self._means.gateway:
            return bool(request.client.role)
        if request.agent is not None:
            return target in self._means.tokens.issuer.ceiling(request.agent.role).audiences
        return self._means.resources.resource(target) is not None

    def _scope(self, request: TokenRequest, assertion: _Assertion, audience: str) -> str:
        ceilings: list[list[str] | tuple[str, ...]] = []
        if assertion.scope:
            ceilings.append(assertion.scope.split())
        if request.agent is not None or audience == self._means.gateway:
            ceilings.append(self._means.tokens.issuer.ceiling(request.client.role).scope.split())
        resource = self._means.resources.resource(audience)
        if resource is not None and (resource.scopes or request.agent is None):
            ceilings.append(resource.scopes)
        if request.client.scope:
            ceilings.append(request.client.scope.split())
        return narrowed(request.form.get("scope", ""), ceilings)

    def _life(self, request: TokenRequest) -> int:
        if not request.client.role:
            return LIFE_SECONDS
        return self._means.tokens.issuer.ceiling(request.client.role).life_seconds
