# SPDX-License-Identifier: Apache-2.0
"""Cryptography: the only room that imports a crypto library, and the only one that reads the machine's clock.

Ed25519 keys, the one strict JWS, sealed envelopes, and the log's Merkle tree, notes and proofs.
"""

from smartagent.crypto.algorithms import (
    ASYMMETRIC,
    ED25519,
    Signer,
    VerifyingKey,
    generate_signer,
    public_key_from_jwk,
    signer_of,
)
from smartagent.crypto.certificates import CertificateAuthority, LeafKey, java_truststore
from smartagent.crypto.chains import check_client_certificate, load_chain
from smartagent.crypto.digest import claim_key, derive, equal, hmac_sha256, sha256
from smartagent.crypto.encoding import b64, b64u, unb64, unb64u
from smartagent.crypto.envelope import ROOT_NUMBER, mark_of, number_of, rewrap, seal, unseal
from smartagent.crypto.errors import (
    BadNote,
    BadSignature,
    CannotUnseal,
    CryptoError,
    MalformedEncoding,
    MalformedJson,
    MalformedKey,
    MalformedProof,
    MalformedToken,
)
from smartagent.crypto.jws import JwsHeader, JwsSigner, UnverifiedJws, parse_compact, sign_compact
from smartagent.crypto.keys import PublicKey, SigningKey
from smartagent.crypto.merkle import (
    EMPTY_ROOT,
    HashReader,
    Position,
    consistency_positions,
    consistency_proof,
    inclusion_positions,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    root_positions,
    verify_consistency,
    verify_inclusion,
)
from smartagent.crypto.messages import (
    attest_message,
    claim_message,
    enrol_message,
    next_key_message,
    operator_message,
    session_message,
)
from smartagent.crypto.nist import EcPublicKey, EcSigningKey, RsaPublicKey, RsaSigningKey, rsa_from_pem
from smartagent.crypto.note import Checkpoint, NoteSigner, open_note
from smartagent.crypto.sshcert import CertificateOrder, SshCa, SshLogin
from smartagent.crypto.stretch import open_stream, seal_stream, stretch
from smartagent.crypto.strictjson import strict_json
from smartagent.crypto.system import SystemClock, system_entropy
from smartagent.crypto.tlogproof import TlogProof, format_proof, parse_proof

__all__ = [
    "ASYMMETRIC",
    "ED25519",
    "EMPTY_ROOT",
    "ROOT_NUMBER",
    "BadNote",
    "BadSignature",
    "CannotUnseal",
    "CertificateAuthority",
    "CertificateOrder",
    "Checkpoint",
    "CryptoError",
    "EcPublicKey",
    "EcSigningKey",
    "HashReader",
    "JwsHeader",
    "JwsSigner",
    "LeafKey",
    "MalformedEncoding",
    "MalformedJson",
    "MalformedKey",
    "MalformedProof",
    "MalformedToken",
    "NoteSigner",
    "Position",
    "PublicKey",
    "RsaPublicKey",
    "RsaSigningKey",
    "Signer",
    "SigningKey",
    "SshCa",
    "SshLogin",
    "SystemClock",
    "TlogProof",
    "UnverifiedJws",
    "VerifyingKey",
    "attest_message",
    "b64",
    "b64u",
    "check_client_certificate",
    "claim_key",
    "claim_message",
    "consistency_positions",
    "consistency_proof",
    "derive",
    "enrol_message",
    "equal",
    "format_proof",
    "generate_signer",
    "hmac_sha256",
    "inclusion_positions",
    "inclusion_proof",
    "java_truststore",
    "leaf_hash",
    "load_chain",
    "mark_of",
    "next_key_message",
    "node_hash",
    "number_of",
    "open_note",
    "open_stream",
    "operator_message",
    "parse_compact",
    "parse_proof",
    "public_key_from_jwk",
    "rewrap",
    "root",
    "root_positions",
    "rsa_from_pem",
    "seal",
    "seal_stream",
    "session_message",
    "sha256",
    "sign_compact",
    "signer_of",
    "stretch",
    "strict_json",
    "system_entropy",
    "unb64",
    "unb64u",
    "unseal",
    "verify_consistency",
    "verify_inclusion",
]
