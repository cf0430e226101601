# SPDX-License-Identifier: Apache-2.0
"""Proofs of possession, as the authority expects them: signed nonces, client assertions, DPoP.

Nothing here talks to anybody.
"""

from typing import Final

import msgspec

from smartagent.crypto import (
    SigningKey,
    attest_message,
    b64u,
    claim_message,
    enrol_message,
    next_key_message,
    operator_message,
    session_message,
    sha256,
    sign_compact,
)
from smartagent.kernel import Entropy

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE_SECONDS: Final = 60
_JTI_BYTES: Final = 16


def session_proof(key: SigningKey, issuer: str, agent_id: str, nonce: str) -> dict[str, str]:
    """Return the body of `POST /v1/sessions`, without what the token should be good for."""
    signature = key.sign(session_message(issuer, agent_id, nonce))
    return {"agent": agent_id, "nonce": nonce, "signature": b64u(signature)}


def next_key_proof(
    key: SigningKey, following: SigningKey, issuer: str, agent_id: str, nonce: str
) -> dict[str, str]:
    """Return the body of `POST /v1/agents/{id}/key`: both keys sign for the one that follows."""
    message = next_key_message(issuer, agent_id, nonce, following.public.raw)
    return {
        "nonce": nonce,
        "public_key": b64u(following.public.raw),
        "signature": b64u(key.sign(message)),
        "next_signature": b64u(following.sign(message)),
    }


def operator_proof(key: SigningKey, issuer: str, operator_id: str, nonce: str) -> dict[str, str]:
    """Return the body of `POST /v1/operator-sessions`."""
    signature = key.sign(operator_message(issuer, operator_id, nonce))
    return {"operator": operator_id, "nonce": nonce, "signature": b64u(signature)}


def enrolment(key: SigningKey, issuer: str, enrolment_token: str, name: str = "") -> dict[str, str]:
    """Return the body of `POST /v1/agents`; without a name the agent takes the token's."""
    signature = key.sign(enrol_message(issuer, enrolment_token, key.public.raw))
    return {
        "enrolment_token": enrolment_token,
        "public_key": b64u(key.public.raw),
        "name": name,
        "signature": b64u(signature),
    }


def attestation_proof(key: SigningKey, issuer: str, attestation: str, name: str = "") -> dict[str, str]:
    """Return the body of `POST /v1/agents/attest`; without a name the agent is called by its workload."""
    signature = key.sign(attest_message(issuer, attestation, key.public.raw))
    return {
        "attestation": attestation,
        "public_key": b64u(key.public.raw),
        "name": name,
        "signature": b64u(signature),
    }


def claim(key: SigningKey, issuer: str, code: str, name: str) -> dict[str, str]:
    """Return the body of `POST /v1/claims`."""
    signature = key.sign(claim_message(issuer, code, key.public.raw))
    return {"code": code, "public_key": b64u(key.public.raw), "name": name, "signature": b64u(signature)}


def client_assertion(key: SigningKey, issuer: str, agent_id: str, *, now: float, entropy: Entropy) -> str:
    """Return a client assertion that works once, within a minute.

    Spec: RFC 7523 sections 2.2 and 3; draft-ietf-oauth-rfc7523bis for `aud` and `typ`.
    """
    issued_at = int(now)
    claims = {
        "iss": agent_id,
        "sub": agent_id,
        "aud": issuer,
        "iat": issued_at,
        "exp": issued_at + ASSERTION_LIFE_SECONDS,
        "jti": b64u(entropy(_JTI_BYTES)),
    }
    header: dict[str, object] = {"alg": "EdDSA", "typ": "client-authentication+jwt"}
    return sign_compact(header, msgspec.json.encode(claims), key)


def dpop_proof(key: SigningKey, request: tuple[str, str], token: str, *, now: float, entropy: Entropy) -> str:
    """Return a DPoP proof for one request.

    Args:
        key: The key that `token` is bound to.
        request: The method and the URL; of the URL neither query nor fragment is used.
        token: The access token that goes with it.
        now: Unix seconds.
        entropy: Makes the proof unlike any other.

    Spec: RFC 9449 section 4.2.
    """
    method, url = request
    claims = {
        "jti": b64u(entropy(_JTI_BYTES)),
        "htm": method,
        "htu": url.partition("?")[0].partition("#")[0],
        "iat": int(now),
        "ath": b64u(sha256(token.encode())),
    }
    header: dict[str, object] = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.public.jwk()}
    return sign_compact(header, msgspec.json.encode(claims), key)
