# SPDX-License-Identifier: Apache-2.0
"""Proofs that need no token of ours: signatures over a nonce, and the two one-time tickets.

What is signed begins with what it is for and names the issuer, so a signature made for one
house or purpose says nothing at another.
"""

from typing import Final

from smartagent.crypto import (
    MalformedEncoding,
    PublicKey,
    claim_message,
    enrol_message,
    next_key_message,
    operator_message,
    session_message,
    sha256,
    unb64u,
)
from smartagent.edge import AuthenticationFailed, Inbound, parse_json
from smartagent.identity.directory import Directory
from smartagent.identity.means import Means
from smartagent.identity.model import Purpose
from smartagent.identity.nonce import check_nonce
from smartagent.identity.shapes import (
    ClaimRequest,
    EnrolRequest,
    NextKeyRequest,
    OperatorSessionRequest,
    SessionRequest,
)
from smartagent.identity.store import read_claim_link, read_enrolment
from smartagent.identity.usable import check_active, check_unused
from smartagent.kernel import Caller, CallerKind

_SIGNATURE_BYTES: Final = 64
_SIGNATURE_CHARS: Final = 86


class Authenticators:
    """Says who holds an inbound's proof.  Each raises `AuthenticationFailed` when it does not hold."""

    def __init__(self, means: Means, directory: Directory) -> None:
        self._means = means
        self._directory = directory

    async def by_nonce_signature(self, inbound: Inbound) -> Caller:
        """Authenticate an agent by a nonce of its own that it signed.

        Raises:
            AuthenticationFailed: The agent may not act, the nonce is not good, or the signature is not its.
            MalformedRequest: The body is not a session request.
        """
        request = parse_json(inbound.body, SessionRequest)
        agent = check_active(self._directory.agent(request.agent))
        now = self._means.clock.now()
        claim = check_nonce(self._means.nonce_key, Purpose.SESSION, agent.id, request.nonce, now=now)
        message = session_message(self._means.issuer, agent.id, request.nonce)
        check_signature(self._directory.key_of(agent), request.signature, message)
        return Caller(
            principal=agent.id,
            kind=CallerKind.AGENT,
            role=agent.role,
            client_ip=inbound.client_ip,
            claims=(claim,),
        )

    async def by_next_key(self, inbound: Inbound) -> Caller:
        """Authenticate an agent that brings its next key: the old key and the new one sign for it.

        Raises:
            AuthenticationFailed: The agent may not act, the nonce is not good, or a signature does not hold.
            MalformedKey: The key is not a sound Ed25519 public key.
            MalformedRequest: The body is none.
        """
        request = parse_json(inbound.body, NextKeyRequest)
        agent = check_active(self._directory.agent(inbound.params["id"]))
        now = self._means.clock.now()
        claim = check_nonce(self._means.nonce_key, Purpose.KEY, agent.id, request.nonce, now=now)
        key = PublicKey.parse(unb64u(request.public_key))
        message = next_key_message(self._means.issuer, agent.id, request.nonce, key.raw)
        check_signature(self._directory.key_of(agent), request.signature, message)
        check_signature(key, request.next_signature, message)
        return Caller(
            principal=agent.id,
            kind=CallerKind.AGENT,
            role=agent.role,
            client_ip=inbound.client_ip,
            claims=(claim,),
        )

    async def by_operator_signature(self, inbound: Inbound) -> Caller:
        """Authenticate an operator in the same way.

        Raises:
            AuthenticationFailed: There is no such operator, the nonce is not good, or the signature is not theirs.
            MalformedRequest: The body is not an operator session request.
        """
        request = parse_json(inbound.body, OperatorSessionRequest)
        operator = self._directory.operator(request.operator)
        if operator is None:
            raise AuthenticationFailed("the operator is unknown")
        now = self._means.clock.now()
        purpose = Purpose.OPERATOR_SESSION
        claim = check_nonce(self._means.nonce_key, purpose, operator.id, request.nonce, now=now)
        message = operator_message(self._means.issuer, operator.id, request.nonce)
        check_signature(self._directory.key_of(operator), request.signature, message)
        return Caller(
            principal=operator.id,
            kind=CallerKind.OPERATOR,
            role=operator.role,
            client_ip=inbound.client_ip,
            claims=(claim,),
        )

    async def by_enrolment(self, inbound: Inbound) -> Caller:
        """Authenticate the holder of an enrolment token, who proves to have the key they bring.

        Raises:
            AuthenticationFailed: The token is unknown, used or expired, or the signature is not the key's.
            MalformedKey: The key is not a sound Ed25519 public key.
            MalformedRequest: The body is not an enrolment.
        """
        request = parse_json(inbound.body, EnrolRequest)
        token_hash = sha256(request.enrolment_token.encode())
        found = await read_enrolment(self._means.database, token_hash)
        enrolment = check_unused(found, now=self._means.clock.now())
        key = PublicKey.parse(unb64u(request.public_key))
        message = enrol_message(self._means.issuer, request.enrolment_token, key.raw)
        check_signature(key, request.signature, message)
        return Caller(
            principal=enrolment.id,
            kind=CallerKind.NEWCOMER,
            role=enrolment.role,
            client_ip=inbound.client_ip,
        )

    async def by_claim_link(self, inbound: Inbound) -> Caller:
        """Authenticate the holder of a claim link, who proves to have the key they bring.

        Raises:
            AuthenticationFailed: The link is unknown, used or expired, or the signature is not the key's.
            MalformedKey: The key is not a sound Ed25519 public key.
            MalformedRequest: The body is not a claim.
        """
        request = parse_json(inbound.body, ClaimRequest)
        found = await read_claim_link(self._means.database, sha256(request.code.encode()))
        link = check_unused(found, now=self._means.clock.now())
        key = PublicKey.parse(unb64u(request.public_key))
        message = claim_message(self._means.issuer, request.code, key.raw)
        check_signature(key, request.signature, message)
        return Caller(principal=link.id, kind=CallerKind.NEWCOMER, client_ip=inbound.client_ip)


def check_signature(key: PublicKey, signature: str, message: bytes) -> None:
    """Make sure that `signature` (as sent, base64url) is the key's over `message`.

    Raises:
        AuthenticationFailed: It is not.
    """
    if len(signature) != _SIGNATURE_CHARS:
        raise AuthenticationFailed("the signature is malformed")
    try:
        raw = unb64u(signature)
    except MalformedEncoding:
        raise AuthenticationFailed("the signature is malformed") from None
    if len(raw) != _SIGNATURE_BYTES or not key.verify(raw, message):
        raise AuthenticationFailed("the signature does not hold")
