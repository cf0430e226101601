# SPDX-License-Identifier: Apache-2.0
"""The client library: for services that receive agents' calls, and for the agents that make them.

A service needs three lines: make a `Verifier`, wrap the application in `TokenRequired`, read
`verified_token(scope)`.  An agent needs two: load its key file, make an `Agent`.
"""

from smartagent.sdk.agent import Agent, Session, enrol
from smartagent.sdk.asgi import TokenRequired, verified_token
from smartagent.sdk.checkpoints import (
    Completeness,
    Continuity,
    Integrity,
    Receipt,
    Verified,
    open_checkpoint,
    verify_continuity,
    verify_receipt,
)
from smartagent.sdk.client import Means, system_means
from smartagent.sdk.errors import (
    InsufficientScope,
    InvalidToken,
    KeysUnavailable,
    TokenAudienceWrong,
    TokenBound,
    TokenClaimsMalformed,
    TokenExpired,
    TokenIssuerWrong,
    TokenKeyUnknown,
    TokenMalformed,
    TokenNotYetValid,
    TokenRevoked,
    TokenSignatureWrong,
    TokenTypeWrong,
    VerificationError,
)
from smartagent.sdk.exchange import (
    AiohttpExchange,
    Answer,
    AuthorityRefused,
    AuthorityUnreachable,
    Exchange,
)
from smartagent.sdk.fetch import Fetch, Fetched
from smartagent.sdk.keyfile import Holder, KeyFileUnusable, load_key_file, make_key_file, save_key_file
from smartagent.sdk.operator import MalformedLink, Operator, claim_house, parse_link
from smartagent.sdk.proofs import client_assertion, dpop_proof, session_proof
from smartagent.sdk.receipt_errors import ReceiptError
from smartagent.sdk.receipts import verify_custody, verify_export
from smartagent.sdk.verifier import VerifiedToken, Verifier

__all__ = [
    "Agent",
    "AiohttpExchange",
    "Answer",
    "AuthorityRefused",
    "AuthorityUnreachable",
    "Completeness",
    "Continuity",
    "Exchange",
    "Fetch",
    "Fetched",
    "Holder",
    "InsufficientScope",
    "Integrity",
    "InvalidToken",
    "KeyFileUnusable",
    "KeysUnavailable",
    "MalformedLink",
    "Means",
    "Operator",
    "Receipt",
    "ReceiptError",
    "Session",
    "TokenAudienceWrong",
    "TokenBound",
    "TokenClaimsMalformed",
    "TokenExpired",
    "TokenIssuerWrong",
    "TokenKeyUnknown",
    "TokenMalformed",
    "TokenNotYetValid",
    "TokenRequired",
    "TokenRevoked",
    "TokenSignatureWrong",
    "TokenTypeWrong",
    "VerificationError",
    "Verified",
    "VerifiedToken",
    "Verifier",
    "claim_house",
    "client_assertion",
    "dpop_proof",
    "enrol",
    "load_key_file",
    "make_key_file",
    "open_checkpoint",
    "parse_link",
    "save_key_file",
    "session_proof",
    "system_means",
    "verified_token",
    "verify_continuity",
    "verify_custody",
    "verify_export",
    "verify_receipt",
]
