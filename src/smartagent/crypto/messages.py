# SPDX-License-Identifier: Apache-2.0
"""The texts that agents and operators sign to prove themselves.

One builder each for both ends.  The first line says what the signature is for, so one made for
a session cannot enrol a key; the second names the authority, so one authority cannot play it to
another.  Secrets are hashed; a field with a line break is refused, for it could pose as two.
"""

from smartagent.crypto.digest import sha256
from smartagent.crypto.encoding import b64u
from smartagent.crypto.errors import MalformedEncoding


def session_message(issuer: str, agent_id: str, nonce: str) -> bytes:
    """Return what an agent signs for a session."""
    return _lines("smartagent/v1/session", issuer, agent_id, nonce)


def operator_message(issuer: str, operator_id: str, nonce: str) -> bytes:
    """Return what an operator signs for an operator session."""
    return _lines("smartagent/v1/operator-session", issuer, operator_id, nonce)


def next_key_message(issuer: str, agent_id: str, nonce: str, public_key: bytes) -> bytes:
    """Return what an agent signs with its key and with the next one, to have the next one taken."""
    return _lines("smartagent/v1/next-key", issuer, agent_id, nonce, b64u(public_key))


def enrol_message(issuer: str, enrolment_token: str, public_key: bytes) -> bytes:
    """Return what a new agent signs with the key it enrols."""
    return _lines("smartagent/v1/enrol", issuer, _hashed(enrolment_token), b64u(public_key))


def attest_message(issuer: str, attestation: str, public_key: bytes) -> bytes:
    """Return what a workload signs with the key it enrols by its platform's token."""
    return _lines("smartagent/v1/attest", issuer, _hashed(attestation), b64u(public_key))


def claim_message(issuer: str, code: str, public_key: bytes) -> bytes:
    """Return what a new operator signs with the key that claims the link."""
    return _lines("smartagent/v1/claim", issuer, _hashed(code), b64u(public_key))


def _hashed(secret: str) -> str:
    return sha256(secret.encode()).hex()


def _lines(*lines: str) -> bytes:
    if any("\n" in line for line in lines):
        raise MalformedEncoding("a field of a signed message holds a line break")
    return "\n".join(lines).encode()
