# SPDX-License-Identifier: Apache-2.0
"""Issuing: what a proven principal may have becomes a token.

Every token, however it was asked for, is made here.  Nothing is granted that the role does
not have: the scope is a subset of the role's, the audience is the gateway or one of the
role's, and the life is the role's and at most an hour.

Spec: RFC 9068 section 2.2, RFC 8707 section 2, RFC 6749 section 3.3.
"""

from typing import Final

import msgspec

from smartagent.identity import Agent, Operator
from smartagent.kernel import Detail, IdPrefix
from smartagent.policy import Grants
from smartagent.tokens.errors import AudienceNotGranted, RoleNotGranted, ScopeNotGranted
from smartagent.tokens.keyring import KeyRing
from smartagent.tokens.means import Means
from smartagent.tokens.model import AccessClaims, Confirmation
from smartagent.tokens.rules import MAX_TOKEN_LIFE_SECONDS

OPERATOR_TOKEN_LIFE_SECONDS: Final = 900
OPERATOR_ROLE: Final = "operator"
_KEPT: Final = 1024


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the caller would like; empty means all that the role has, and the gateway."""

    scope: str = ""
    audience: str = ""


class Issued(msgspec.Struct, frozen=True, gc=False):
    """A token that is signed and not yet recorded: nobody gets it before it is."""

    token: str
    kid: str
    claims: AccessClaims

    @property
    def life_seconds(self) -> int:
        """How long it lives."""
        return self.claims.exp - self.claims.iat

    def detail(self, proof: str, short_id: str) -> dict[str, Detail]:
        """Say for the log what was issued, on which proof (`challenge` or `assertion`)."""
        claims = self.claims
        return {
            proof: short_id,
            "aud": claims.aud,
            "exp": claims.exp,
            "kid": self.kid,
            "scope": claims.scope,
        }


class _Ready(msgspec.Struct, frozen=True):
    """A role's grants in the shape that issuing needs."""

    scope: str
    scopes: frozenset[str]
    audiences: frozenset[str]
    life_seconds: int


class Issuer:
    """Makes access tokens."""

    def __init__(self, means: Means, keys: KeyRing) -> None:
        self._means = means
        self._keys = keys
        self._encode = msgspec.json.Encoder().encode
        self._ready: dict[Grants, _Ready] = {}

    def for_agent(self, agent: Agent, asked: Asked) -> Issued:
        """Make a token for `agent`, who has proven to be it.

        Raises:
            RoleNotGranted: Its role does not exist.
            ScopeNotGranted: It asked for more than its role has.
            AudienceNotGranted: Its role may not have tokens for that audience.
            KeysNotReady: There is nothing to sign with.
        """
        grants = self._means.grants(agent.role)
        if grants is None:
            raise RoleNotGranted("the role does not exist")
        ready = self._ready.get(grants) or self._prepare(grants)
        scope = _narrow(asked.scope, ready.scopes) if asked.scope else ready.scope
        audience = asked.audience or self._means.gateway
        if audience != self._means.gateway and audience not in ready.audiences:
            raise AudienceNotGranted("the role may not have tokens for this audience")
        return self._sign(agent.id, agent.role, scope, audience, ready.life_seconds)

    def for_operator(self, operator: Operator) -> Issued:
        """Make a token for `operator`, bound to their key: without a proof of that key it is worth nothing.

        Raises:
            KeysNotReady: There is nothing to sign with.
        """
        cnf = Confirmation(self._means.directory.key_of(operator).thumbprint)
        life = OPERATOR_TOKEN_LIFE_SECONDS
        return self._sign(operator.id, OPERATOR_ROLE, "", self._means.issuer, life, cnf=cnf)

    def _sign(
        self,
        subject: str,
        role: str,
        scope: str,
        audience: str,
        life_seconds: int,
        *,
        cnf: Confirmation | None = None,
    ) -> Issued:
        active = self._keys.active
        now = int(self._means.clock.now())
        jti = self._means.ids.new(IdPrefix.ACCESS_TOKEN)
        claims = AccessClaims(
            iss=self._means.issuer,
            sub=subject,
            aud=audience,
            exp=now + life_seconds,
            iat=now,
            jti=jti,
            client_id=subject,
            scope=scope,
            role=role,
            sid=self._means.ids.new(IdPrefix.SESSION),
            audit_url=f"{self._means.issuer}/v1/audit/{jti}",
            cnf=cnf,
        )
        return Issued(active.signer.sign(self._encode(claims)), active.kid, claims)

    def _prepare(self, grants: Grants) -> _Ready:
        ready = _Ready(
            scope=" ".join(grants.scopes),
            scopes=frozenset(grants.scopes),
            audiences=frozenset(grants.audiences),
            life_seconds=min(grants.ttl_seconds, MAX_TOKEN_LIFE_SECONDS),
        )
        if len(self._ready) >= _KEPT:
            self._ready.clear()
        self._ready[grants] = ready
        return ready


def _narrow(asked: str, granted: frozenset[str]) -> str:
    # Unknown and malformed are the same here: neither is in the role.  Two blanks make an empty scope.
    wanted = dict.fromkeys(asked.split(" "))
    if not wanted.keys() <= granted:
        raise ScopeNotGranted("ask for scopes of the role, with one blank between them")
    return " ".join(wanted)
