# SPDX-License-Identifier: Apache-2.0
"""What foreign verifiers are given: a token and a key set as the authority makes them."""

import json
import subprocess

from smartagent.crypto import (
    Checkpoint,
    JwsSigner,
    NoteSigner,
    SigningKey,
    format_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    system_entropy,
)

ISSUER = "https://auth.example"
AUDIENCE = "https://gateway.example"
# Foreign libraries read the machine's clock; this token outlives them.
EXPIRY = 4_102_444_800

KEY = SigningKey.generate(system_entropy)
NEXT_KEY = SigningKey.generate(system_entropy)
CLAIMS = {
    "iss": ISSUER,
    "sub": "agt_01k8zj3v9r6x7y2m4n5p8q1s0t",
    "aud": AUDIENCE,
    "exp": EXPIRY,
    "iat": 1_760_000_000,
    "jti": "aat_01k8zj3v9r6x7y2m4n5p8q1s0t",
    "client_id": "agt_01k8zj3v9r6x7y2m4n5p8q1s0t",
    "scope": "orders:read",
    "role": "support",
    "sid": "ses_01k8zj3v9r6x7y2m4n5p8q1s0t",
    "audit_url": f"{ISSUER}/v1/audit/aat_01k8zj3v9r6x7y2m4n5p8q1s0t",
}


def published(key):
    return {**key.public.jwk(), "kid": key.public.thumbprint, "use": "sig"}


JWKS = {"keys": [published(NEXT_KEY), published(KEY)]}


def token(alg="EdDSA", typ="at+jwt", key=KEY, **changes):
    payload = json.dumps({**CLAIMS, **changes}).encode()
    return JwsSigner(key, key.public.thumbprint, typ, alg).sign(payload)


def forged(good):
    """Return the same token with one bit of its signature changed."""
    head, _, signature = good.rpartition(".")
    return f"{head}.{'B' if signature[0] != 'B' else 'C'}{signature[1:]}"


def subtree(leaves, level, index):
    if level == 0:
        return leaf_hash(leaves[index])
    return node_hash(subtree(leaves, level - 1, 2 * index), subtree(leaves, level - 1, 2 * index + 1))


def receipt(leaves, index):
    """Return the log's verifier key and the proof of one entry."""
    signer = NoteSigner("log.example/house", KEY)

    def read(positions):
        return [subtree(leaves, level, number) for level, number in positions]

    note = signer.sign(Checkpoint("log.example/house", len(leaves), root(len(leaves), read)).text())
    return signer.vkey, format_proof(index, inclusion_proof(index, len(leaves), read), note)


def ask(command, question, **options):
    """Run a foreign program; it reads JSON, and answers with JSON or fails."""
    done = subprocess.run(
        command, input=json.dumps(question).encode(), capture_output=True, timeout=120, check=False, **options
    )
    return json.loads(done.stdout) if done.returncode == 0 else None
