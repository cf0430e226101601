# SPDX-License-Identifier: Apache-2.0
"""Whom the house trusts outside itself, for what, and what comes of a token of theirs."""

from enum import StrEnum

import msgspec


class Purpose(StrEnum):
    """What an issuer is trusted for."""

    WORKLOAD = "workload"
    """Its tokens attest what runs somewhere: who shows one becomes an agent."""
    PERSON = "person"
    """Its ID tokens say who somebody is."""
    ID_JAG = "id-jag"
    """Its identity assertions are exchanged for access tokens."""


class IssuerKind(StrEnum):
    """What sort of issuer it is: which claims its tokens must have, and which a rule must ask for."""

    OIDC = "oidc"
    KUBERNETES = "kubernetes"
    GITHUB_ACTIONS = "github-actions"


class Rule(msgspec.Struct, frozen=True):
    """Whom an issuer's tokens admit, and as what.

    `claims` are names (dotted for what is nested) to the exact value, or to a pattern whose `*`
    stands for one whole segment.  All of them must match.  `role` is what a workload becomes.
    """

    claims: dict[str, str]
    role: str = ""


class TrustedIssuer(msgspec.Struct, frozen=True):
    """An outside issuer, as an operator configured it.

    `issuer` is compared with a token's `iss` to the letter.  Its keys are `jwks`, or at `jwks_uri`, or found
    by OIDC discovery.  `algorithms` are header names.  `max_life_seconds` bounds how long its tokens live.
    """

    name: str
    issuer: str
    kind: IssuerKind
    purposes: tuple[Purpose, ...]
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    jwks_uri: str = ""
    jwks: tuple[dict[str, object], ...] = ()
    max_life_seconds: int = 3600
    allow_broad: bool = False


class StoredIssuer(msgspec.Struct, frozen=True):
    """A trusted issuer as the store keeps it.  `changed_by` is the operator who vouches for it."""

    issuer: TrustedIssuer
    version: int
    changed_at: int
    changed_by: str
