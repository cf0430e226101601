# SPDX-License-Identifier: Apache-2.0
"""The client library: for services that receive agents' calls, and for the agents that make them.

A service needs three lines: make a `Verifier`, wrap the application in `TokenRequired`, read
`verified_token(scope)`.  An agent needs two: load its key file, make an `Agent`.
"""

from smartagent.sdk.agent import Agent, Session, attest, enrol
from smartagent.sdk.approvals import approval_of
from smartagent.sdk.asgi import Refusal, TokenRequired, refusal_of, verified_token
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
    InsufficientSignIn,
    InvalidToken,
    KeysUnavailable,
    RevocationUnknown,
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
from smartagent.sdk.eventfeed import EventFeedSource
from smartagent.sdk.exchange import (
    AiohttpExchange,
    Answer,
    AuthorityRefused,
    AuthorityUnreachable,
    Exchange,
)
from smartagent.sdk.fetch import Fetch, Fetched
from smartagent.sdk.keyfile import Holder, KeyFileUnusable, load_key_file, make_key_file, save_key_file
from smartagent.sdk.leasing import AgentSession, Available, CredentialLost, LeasedCredential, session
from smartagent.sdk.operator import MalformedLink, Operator, claim_house, parse_link
from smartagent.sdk.proofs import client_assertion, dpop_proof, session_proof
from smartagent.sdk.receipt_errors import ReceiptError
from smartagent.sdk.receipts import verify_custody, verify_export
from smartagent.sdk.rekey import rotate_key_file
from smartagent.sdk.resource import ProtectedResource
from smartagent.sdk.revocation import AnySource, IntrospectionSource
from smartagent.sdk.secevents import SetAnswer, SetReceiver
from smartagent.sdk.statuslist import StatusListSource
from smartagent.sdk.verifier import RevocationSource, StatusReference, VerifiedToken, Verifier

__all__ = [
    "Agent",
    "AgentSession",
    "AiohttpExchange",
    "Answer",
    "AnySource",
    "AuthorityRefused",
    "AuthorityUnreachable",
    "Available",
    "Completeness",
    "Continuity",
    "CredentialLost",
    "EventFeedSource",
    "Exchange",
    "Fetch",
    "Fetched",
    "Holder",
    "InsufficientScope",
    "InsufficientSignIn",
    "Integrity",
    "IntrospectionSource",
    "InvalidToken",
    "KeyFileUnusable",
    "KeysUnavailable",
    "LeasedCredential",
    "MalformedLink",
    "Means",
    "Operator",
    "ProtectedResource",
    "Receipt",
    "ReceiptError",
    "Refusal",
    "RevocationSource",
    "RevocationUnknown",
    "Session",
    "SetAnswer",
    "SetReceiver",
    "StatusListSource",
    "StatusReference",
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
    "approval_of",
    "attest",
    "claim_house",
    "client_assertion",
    "dpop_proof",
    "enrol",
    "load_key_file",
    "make_key_file",
    "open_checkpoint",
    "parse_link",
    "refusal_of",
    "rotate_key_file",
    "save_key_file",
    "session",
    "session_proof",
    "system_means",
    "verified_token",
    "verify_continuity",
    "verify_custody",
    "verify_export",
    "verify_receipt",
]
