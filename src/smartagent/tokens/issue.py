# SPDX-License-Identifier: Apache-2.0
"""Issuing: what a proven principal may have becomes a token.

Every token, however it was asked for, is made here.  Nothing is granted that the role does
not have: the scope is a subset of the role's, the audience is the gateway or one of the
role's, and the life is the role's and at most an hour.

Spec: RFC 9068 section 2.2, RFC 8707 section 2, RFC 6749 section 3.3.
"""

import re
from typing import Final

import msgspec

from smartagent.identity import Agent, Operator
from smartagent.kernel import Detail, IdPrefix, elevation_in
from smartagent.policy import Grants
from smartagent.tokens.errors import (
    AudienceNotGranted,
    InvalidDpopProof,
    NothingLeft,
    PromptNotReviewed,
    RoleNotGranted,
    ScopeNotGranted,
)
from smartagent.tokens.holder import OPERATOR_ROLE
from smartagent.tokens.keyrings import KeyRings
from smartagent.tokens.means import Means
from smartagent.tokens.model import AccessClaims, Act, Confirmation, MayAct
from smartagent.tokens.rules import MAX_TOKEN_LIFE_SECONDS

OPERATOR_TOKEN_LIFE_SECONDS: Final = 900
ASSERTION: Final = "assertion"
"""How agents prove themselves at the token endpoint."""
_KEPT: Final = 1024
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the caller would like; empty means all that the role has, and the gateway.

    `prompt` is the SHA-256 of the prompt file that it says it runs with, in hexadecimal; empty when it says nothing.
    `authn` is how it proved itself: `challenge` or `assertion`.  `session_at` is when the session began that goes on.
    """

    scope: str = ""
    audience: str = ""
    prompt: str = ""
    authn: str = ASSERTION
    session_at: int = 0


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """A token that somebody decided to give: what it shall say.

    Args:
        subject: For whom it is.
        client_id: Who asked for it.
        audience: Who shall take it.
        scope: Blank-separated; it was narrowed before.
        life_seconds: At most; `not_after` (Unix seconds) bounds it further, when it is not 0.
        role: The subject's, when it is an agent.
        session: The session it belongs to; a fresh one when empty.
        jkt: The thumbprint of the key it is bound to; empty for a bearer token.
        holder: The agent that will hold it, whose status it refers to.
        prompt: The digest of the prompt file that it says it runs with.
        authn: How an agent proved itself.
        session_at: When the session began, 0 when that is not known; of a fresh one it is now.
    """

    subject: str
    client_id: str
    audience: str
    scope: str
    life_seconds: int
    role: str = ""
    session: str = ""
    not_after: int = 0
    jkt: str = ""
    act: Act | None = None
    may_act: MayAct | None = None
    lineage: tuple[str, ...] = ()
    authorization_details: tuple[dict[str, object], ...] = ()
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()
    holder: str = ""
    prompt: str = ""
    authn: str = ""
    session_at: int = 0


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
        said: dict[str, Detail] = {
            proof: short_id,
            "aud": claims.aud,
            "exp": claims.exp,
            "kid": self.kid,
            "scope": claims.scope,
        }
        elevation = elevation_in(claims.lin)
        said |= {"prompt": claims.prompt} if claims.prompt else {}
        return said | {"elevation": elevation} if elevation else said


class Ceiling(msgspec.Struct, frozen=True):
    """The most that an agent of a role may have.  The gateway is an audience of every role."""

    scope: str
    scopes: frozenset[str]
    audiences: frozenset[str]
    life_seconds: int


class Issuer:
    """Makes access tokens."""

    def __init__(self, means: Means, keys: KeyRings) -> None:
        self._means = means
        self._keys = keys
        self._encode = msgspec.json.Encoder().encode
        self._ready: dict[Grants, Ceiling] = {}

    def for_agent(self, agent: Agent, asked: Asked, jkt: str = "", session: str = "") -> Issued:
        """Make a token for `agent`, who has proven to be it, bound to the key `jkt` names, in `session` or a new one.

        While the agent is elevated, it is of that role, names the elevation in its lineage, and does not outlive it.

        Raises:
            RoleNotGranted: Its role does not exist.
            PromptNotReviewed: Its own role is for another prompt file than the one it states.
            ScopeNotGranted: It asked for more than its role has.
            AudienceNotGranted: Its role may not have tokens for that audience.
            KeysNotReady: There is nothing to sign with.
        """
        elevated = self._means.elevated(agent.id)
        role = agent.role if elevated is None else elevated.role
        ready = self.ceiling(role)
        _check_prompt(self._means.grants(agent.role), asked.prompt)
        scope = narrow(asked.scope, ready.scopes) if asked.scope else ready.scope
        audience = asked.audience or self._means.gateway
        if audience != self._means.gateway and audience not in ready.audiences:
            raise AudienceNotGranted("the role may not have tokens for this audience")
        return self.mint(
            Wanted(
                subject=agent.id,
                client_id=agent.id,
                audience=audience,
                scope=scope,
                life_seconds=ready.life_seconds,
                role=role,
                session=session,
                not_after=0 if elevated is None else elevated.until,
                lineage=() if elevated is None else (elevated.id,),
                jkt=jkt,
                holder=agent.id,
                prompt=asked.prompt,
                authn=asked.authn,
                session_at=asked.session_at,
            )
        )

    def for_operator(self, operator: Operator) -> Issued:
        """Make a token for `operator`, bound to their key: without a proof of that key it is worth nothing.

        Raises:
            KeysNotReady: There is nothing to sign with.
        """
        return self.mint(
            Wanted(
                subject=operator.id,
                client_id=operator.id,
                audience=self._means.issuer,
                scope="",
                life_seconds=OPERATOR_TOKEN_LIFE_SECONDS,
                role=OPERATOR_ROLE,
                jkt=self._means.directory.key_of(operator).thumbprint,
            )
        )

    def mint(self, wanted: Wanted) -> Issued:
        """Make a token that says what `wanted` says.

        Whoever calls has decided that it may be had; here only its life is bounded once more.

        Raises:
            KeysNotReady: There is nothing to sign with.
            NothingLeft: What it derives from has expired.
            InvalidDpopProof: The audience takes bound tokens only, and there is no key to bind it to.
        """
        if not wanted.jkt and self._means.takes_bound_only(wanted.audience):
            raise InvalidDpopProof("the resource takes bound tokens only; send one")
        active = self._keys.main.active
        now = int(self._means.clock.now())
        expires_at = now + min(wanted.life_seconds, MAX_TOKEN_LIFE_SECONDS)
        if wanted.not_after:
            expires_at = min(expires_at, wanted.not_after)
        if expires_at <= now:
            raise NothingLeft("what it would derive from has expired")
        jti = self._means.ids.new(IdPrefix.ACCESS_TOKEN)
        claims = AccessClaims(
            iss=self._means.issuer,
            sub=wanted.subject,
            aud=wanted.audience,
            exp=expires_at,
            iat=now,
            jti=jti,
            client_id=wanted.client_id,
            scope=wanted.scope,
            role=wanted.role,
            sid=wanted.session or self._means.ids.new(IdPrefix.SESSION),
            audit_url=f"{self._means.issuer}/v1/audit/{jti}",
            cnf=Confirmation(wanted.jkt) if wanted.jkt else None,
            act=wanted.act,
            may_act=wanted.may_act,
            lin=wanted.lineage,
            authorization_details=wanted.authorization_details,
            auth_time=wanted.auth_time,
            acr=wanted.acr,
            amr=wanted.amr,
            status=self._means.status_of(wanted.holder) if wanted.holder else None,
            prompt=wanted.prompt,
            sat=wanted.session_at if wanted.session else now,
            authn=wanted.authn,
        )
        return Issued(active.signer.sign(self._encode(claims)), active.kid, claims)

    def ceiling(self, role: str) -> Ceiling:
        """Return the most that an agent of `role` may have.

        Raises:
            RoleNotGranted: There is no such role.
        """
        grants = self._means.grants(role)
        if grants is None:
            raise RoleNotGranted("the role does not exist")
        return self._ready.get(grants) or self._prepare(grants)

    def _prepare(self, grants: Grants) -> Ceiling:
        ready = Ceiling(
            scope=" ".join(grants.scopes),
            scopes=frozenset(grants.scopes),
            audiences=frozenset(grants.audiences),
            life_seconds=min(grants.ttl_seconds, MAX_TOKEN_LIFE_SECONDS),
        )
        if len(self._ready) >= _KEPT:
            self._ready.clear()
        self._ready[grants] = ready
        return ready


def _check_prompt(grants: Grants | None, stated: str) -> None:
    if stated and not _DIGEST.fullmatch(stated):
        raise PromptNotReviewed("a prompt file is stated by its SHA-256, in hexadecimal")
    if grants is None or grants.prompt in {"", stated}:
        return
    if not stated:
        raise PromptNotReviewed("the role is for a prompt file: state its digest (--prompt-file)")
    raise PromptNotReviewed("the prompt file is not as it was reviewed; it needs a new review (role review)")


def narrow(asked: str, granted: frozenset[str]) -> str:
    """Return the scopes of `asked`, each once, all of which must be in `granted`.

    Raises:
        ScopeNotGranted: They are not, or `asked` is not well formed.
    """
    # Unknown and malformed are the same here: neither is in the role.  Two blanks make an empty scope.
    wanted = dict.fromkeys(asked.split(" "))
    if not wanted.keys() <= granted:
        raise ScopeNotGranted("ask for scopes of the role, with one blank between them")
    return " ".join(wanted)
