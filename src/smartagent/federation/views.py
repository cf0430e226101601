# SPDX-License-Identifier: Apache-2.0
"""The shapes of the room's requests and replies."""

import msgspec

from smartagent.federation.kinds import ALGORITHMS, GITHUB_ISSUER
from smartagent.federation.model import IssuerKind, Purpose, Rule, StoredIssuer, TrustedIssuer
from smartagent.kernel import rfc3339

_JwkMember = str | bool | int | list[str] | None


class RuleRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One rule: all claims must match, and a workload gets the role."""

    claims: dict[str, str]
    role: str = ""


class KeySetRequest(msgspec.Struct):
    """A JWK set, as the issuer publishes it; members that are not known are left out."""

    keys: list[dict[str, _JwkMember]]


class IssuerRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Trust an issuer.

    Without `issuer`, GitHub's own; without `audiences`, the house's issuer; without `algorithms`, what issuers
    of the kind use; without `jwks` and `jwks_uri`, the keys are found by OIDC discovery.
    """

    issuer: str = ""
    kind: IssuerKind = IssuerKind.OIDC
    purposes: list[Purpose] = msgspec.field(default_factory=lambda: [Purpose.WORKLOAD])
    audiences: list[str] = []
    algorithms: list[str] = []
    rules: list[RuleRequest] = []
    jwks_uri: str = ""
    jwks: KeySetRequest | None = None
    max_life_seconds: int = 3600
    allow_broad: bool = False


class RuleView(msgspec.Struct, frozen=True):
    """A rule, as shown."""

    claims: dict[str, str]
    role: str


class IssuerView(msgspec.Struct, frozen=True):
    """A trusted issuer, as shown.  `keys` says where its keys come from."""

    name: str
    issuer: str
    kind: IssuerKind
    purposes: list[Purpose]
    audiences: list[str]
    algorithms: list[str]
    rules: list[RuleView]
    keys: str
    max_life_seconds: int
    allow_broad: bool
    version: int
    changed_at: str
    changed_by: str


class IssuerList(msgspec.Struct, frozen=True):
    """All trusted issuers by name."""

    trusted_issuers: list[IssuerView]


def entry_of(name: str, asked: IssuerRequest, own_issuer: str) -> TrustedIssuer:
    """Return the entry that was asked for, with what it leaves out filled in; nothing is checked yet."""
    is_github = asked.kind is IssuerKind.GITHUB_ACTIONS
    return TrustedIssuer(
        name=name,
        issuer=asked.issuer or (GITHUB_ISSUER if is_github else ""),
        kind=asked.kind,
        purposes=tuple(asked.purposes),
        audiences=tuple(asked.audiences) or (own_issuer,),
        algorithms=tuple(dict.fromkeys(asked.algorithms)) or ALGORITHMS[asked.kind],
        rules=tuple(Rule(rule.claims, rule.role) for rule in asked.rules),
        jwks_uri=asked.jwks_uri,
        jwks=tuple({**key} for key in asked.jwks.keys) if asked.jwks else (),
        max_life_seconds=asked.max_life_seconds,
        allow_broad=asked.allow_broad,
    )


def issuer_view(stored: StoredIssuer) -> IssuerView:
    """Show a trusted issuer."""
    entry = stored.issuer
    given = f"given ({len(entry.jwks)})" if entry.jwks else ""
    return IssuerView(
        name=entry.name,
        issuer=entry.issuer,
        kind=entry.kind,
        purposes=list(entry.purposes),
        audiences=list(entry.audiences),
        algorithms=list(entry.algorithms),
        rules=[RuleView(rule.claims, rule.role) for rule in entry.rules],
        keys=given or entry.jwks_uri or "discovered",
        max_life_seconds=entry.max_life_seconds,
        allow_broad=entry.allow_broad,
        version=stored.version,
        changed_at=rfc3339(stored.changed_at),
        changed_by=stored.changed_by,
    )
