# SPDX-License-Identifier: Apache-2.0
"""Transaction tokens: what one call is about, for the services behind the gateway that pass it on.

A transaction token is no credential: it proves nothing about who sends it, and is refused wherever an
access token is asked for.  One that replaces another says the same of `txn`, `sub` and `aud`, and
never more.

Spec: draft-ietf-oauth-transaction-tokens-11.  Absent: subject tokens that are self-signed or not
signed at all, because every workload of the trust domain has an access token of its own.
"""

from typing import Final

import msgspec

from smartagent.crypto import (
    BadSignature,
    MalformedJson,
    MalformedToken,
    parse_compact,
    strict_json,
)
from smartagent.delegation.authority import Authorities
from smartagent.delegation.chain import chain_of, lineage_of, nested
from smartagent.delegation.errors import (
    ContextRefused,
    NotDelegated,
    SubjectTokenRefused,
    TargetNotDelegated,
    TokenTypeRefused,
)
from smartagent.delegation.means import Means
from smartagent.delegation.model import ACCESS_TOKEN, NOT_ACCESS, TXN_TOKEN, Authority, Subject
from smartagent.delegation.rules import earliest, extended, narrowed
from smartagent.delegation.subject import Subjects
from smartagent.edge import MalformedRequest
from smartagent.kernel import Algorithm, Caller, CallerKind, IdPrefix
from smartagent.oauth import Granted, OtherToken, TokenRequest, one_target
from smartagent.policy import Call
from smartagent.tokens import UNREADABLE, Act, actors_of

TYP: Final = "txntoken+jwt"
LIFE_SECONDS: Final = 300
HEADER: Final = "Txn-Token"
MAX_CONTEXT_BYTES: Final = 2048
MAX_WORKLOADS: Final = 8
_AGENT: Final = f"{IdPrefix.AGENT.value}_"


class TxnClaims(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a transaction token says.

    `lin` is what it derives from, the subject token's id first: when one of them is revoked it is
    replaced no more.  `act` says who acts for `sub` (RFC 8693 section 4.1).
    """

    iat: int
    aud: str
    exp: int
    txn: str
    sub: str
    scope: str
    req_wl: str
    iss: str = ""
    tctx: dict[str, object] = {}
    rctx: dict[str, object] = {}
    act: Act | None = None
    sid: str = ""
    lin: tuple[str, ...] = ()


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(TxnClaims).decode


class TransactionTokens:
    """Makes transaction tokens."""

    def __init__(self, means: Means, subjects: Subjects, authorities: Authorities) -> None:
        self._means = means
        self._subjects = subjects
        self._authorities = authorities

    @property
    def trust_domain(self) -> str:
        """Whose services take them; empty when there are none."""
        return self._means.settings.trust_domain

    def for_call(self, caller: Caller, call: Call, request_id: str) -> str:
        """Return the token that goes with `call` to an upstream of the trust domain.

        Args:
            caller: Who calls, as authenticated.
            call: What is called.
            request_id: Stands in the log, and names the transaction.

        Raises:
            KeysNotReady: There is nothing to sign with.
        """
        now = int(self._means.clock.now())
        claims = TxnClaims(
            iat=now,
            aud=self.trust_domain,
            exp=earliest(now + LIFE_SECONDS, caller.expires_at),
            txn=request_id,
            sub=caller.subject or caller.principal,
            scope=" ".join(sorted(caller.scopes)),
            req_wl=self._means.gateway,
            iss=self._means.issuer,
            tctx={"upstream": call.upstream, "method": call.method, "path": call.path},
            rctx={"req_ip": caller.client_ip} if caller.client_ip else {},
            act=chain_of(caller),
            sid=caller.session,
            lin=lineage_of(caller),
        )
        return self._signed(claims)

    def exchange(self, request: TokenRequest) -> Granted:
        """Give a workload a transaction token for what it was sent.

        Raises:
            TargetNotDelegated: The audience is not the trust domain.
            MalformedRequest: There is no scope, or no subject token.
            TokenTypeRefused: Tokens of that type do not become transaction tokens.
            SubjectTokenRefused: The subject token does not hold.
            NotDelegated: It is none of this workload's business.
            ScopeNotDelegated: The subject token has less, or nothing.
            ContextRefused: The context or the details are malformed, or would change what stands there.
        """
        form, now = request.form, request.now
        if not self.trust_domain or one_target(form) != self.trust_domain:
            raise TargetNotDelegated("the audience is the trust domain")
        if not form.get("scope"):
            raise MalformedRequest("scope is required: it says what the transaction is for")
        token = form.get("subject_token", "")
        rctx = _context(form.get("request_context", ""), token)
        tctx = _context(form.get("request_details", ""), token)
        claims = self._claims(request, form.get("subject_token_type", ""), token)
        claims = msgspec.structs.replace(
            claims, tctx=_merged(claims.tctx, tctx), rctx=_merged(claims.rctx, rctx)
        )
        said = OtherToken(
            self._signed(claims),
            claims.txn,
            claims.exp - now,
            claims.scope,
            {"aud": claims.aud, "exp": claims.exp, "scope": claims.scope, "sub": claims.sub},
            _holder(claims),
        )
        proof_id = claims.lin[0] if claims.lin else claims.txn
        return Granted(said, "transaction", proof_id, issued_token_type=TXN_TOKEN, token_type=NOT_ACCESS)

    def _claims(self, request: TokenRequest, token_type: str, token: str) -> TxnClaims:
        if not token:
            raise MalformedRequest("subject_token is required")
        if token_type == ACCESS_TOKEN:
            return self._first(request, self._subjects.ours(token))
        if token_type == TXN_TOKEN:
            return self._replaced(request, token)
        raise TokenTypeRefused(f"the subject_token_type is {ACCESS_TOKEN} or {TXN_TOKEN}")

    def _first(self, request: TokenRequest, subject: Subject) -> TxnClaims:
        if subject.scopes is None or not subject.audience:
            raise SubjectTokenRefused("a hand-over is exchanged for an access token first")
        authority = self._authority(request, subject)
        ceilings = [each for each in (subject.scopes, authority.scopes) if each is not None]
        return TxnClaims(
            iat=request.now,
            aud=self.trust_domain,
            exp=earliest(request.now + LIFE_SECONDS, subject.expires_at, authority.until),
            txn=request.inbound.request_id,
            sub=subject.sub,
            scope=narrowed(request.form["scope"], ceilings),
            req_wl=request.client.id,
            iss=self._means.issuer,
            act=nested(subject.actors),
            sid=subject.session,
            lin=(subject.jti, *extended(subject.lineage, *authority.lineage)),
        )

    def _authority(self, request: TokenRequest, subject: Subject) -> Authority:
        # A service that a token was sent to asks on behalf of the call that it serves.
        resource = self._means.resources.resource(subject.audience)
        if resource is not None and request.client.id in resource.introspectors:
            return Authority("resource")
        if request.agent is None:
            raise NotDelegated("the subject token is for another service")
        return self._authorities.one_for(subject, request.agent.id, self.trust_domain)

    def _replaced(self, request: TokenRequest, token: str) -> TxnClaims:
        old = self._verified(token, request.now)
        workloads = old.req_wl.split(",")
        # It could add to what stands there, so not everybody who came by one may.
        if request.client.id not in workloads and not self._serves(request.client.id):
            raise NotDelegated("this client is no workload of the trust domain")
        if len(workloads) >= MAX_WORKLOADS:
            raise ContextRefused(f"a transaction token passes through at most {MAX_WORKLOADS} workloads")
        return msgspec.structs.replace(
            old,
            iat=request.now,
            # It may live longer by the draft; here it does not, so that replacing it gains nothing.
            exp=old.exp,
            scope=narrowed(request.form["scope"], [old.scope.split()]),
            req_wl=",".join((*workloads, request.client.id)),
        )

    def _serves(self, client_id: str) -> bool:
        return any(client_id in resource.introspectors for resource in self._means.resources.resources())

    def _verified(self, token: str, now: int) -> TxnClaims:
        try:
            jws = parse_compact(token)
            key = self._means.tokens.rings.verifier(jws.header.kid)
            if jws.header.typ.lower() != TYP or key is None:
                raise SubjectTokenRefused("it is no transaction token of ours")
            claims = _decode(jws.verified_payload(key))
        except (MalformedToken, BadSignature):
            raise SubjectTokenRefused("the transaction token is malformed or forged") from None
        except UNREADABLE:
            raise SubjectTokenRefused("the transaction token's claims are malformed") from None
        if claims.iss != self._means.issuer or claims.aud != self.trust_domain or claims.exp <= now:
            raise SubjectTokenRefused("the transaction token is for another domain, or has expired")
        if self._means.tokens.revocations.is_revoked(_holder(claims)):
            raise SubjectTokenRefused("what the transaction token derives from was revoked")
        return claims

    def _signed(self, claims: TxnClaims) -> str:
        return self._means.tokens.rings.sign(Algorithm.EDDSA, TYP, _encode(claims))


def _holder(claims: TxnClaims) -> Caller:
    jti, *lineage = claims.lin or ("",)
    return Caller(
        principal=claims.sub,
        kind=CallerKind.AGENT if claims.sub.startswith(_AGENT) else CallerKind.PERSON,
        session=claims.sid,
        jti=jti,
        actors=actors_of(claims.act),
        lineage=tuple(lineage),
    )


def _context(raw: str, token: str) -> dict[str, object]:
    if not raw:
        return {}
    # The receivers of a transaction token must not be able to use what it was made of.
    if token and token in raw:
        raise ContextRefused("the subject token may not stand in the context")
    try:
        value = strict_json(raw.encode(), MAX_CONTEXT_BYTES)
    except MalformedJson as error:
        raise ContextRefused(str(error)) from None
    if not isinstance(value, dict):
        raise ContextRefused("request_context and request_details are JSON objects")
    return value


def _merged(old: dict[str, object], new: dict[str, object]) -> dict[str, object]:
    changed = [name for name in new if name in old and old[name] != new[name]]
    if changed:
        raise ContextRefused("what a transaction token says can be added to, and not changed")
    merged = {**old, **new}
    if len(_encode(merged)) > 2 * MAX_CONTEXT_BYTES:
        raise ContextRefused("the context has grown too large")
    return merged
