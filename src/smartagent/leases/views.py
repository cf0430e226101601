# SPDX-License-Identifier: Apache-2.0
"""The shapes of the room's requests and replies.  Only `IssuedView` ever holds something secret."""

from collections.abc import Mapping

import msgspec

from smartagent.kernel import rfc3339
from smartagent.leases.model import By, Lease, LeaseState, StoredCredential, StoredProvider


class ProviderRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Describe a provider.  `secrets` name secrets of the vault."""

    kind: str
    settings: dict[str, object] = {}
    secrets: dict[str, str] = {}


class CredentialRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Describe what one lease gives."""

    provider: str
    grant: dict[str, object] = {}
    ttl_seconds: int = 900
    max_ttl_seconds: int = 3600
    env: dict[str, str] = {}


class LeaseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Ask for a lease.  Without `ttl_seconds` it lives as long as the credential says."""

    credential: str
    ttl_seconds: int | None = None


class RenewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Ask for more time."""

    ttl_seconds: int | None = None


class EndRequest(msgspec.Struct, forbid_unknown_fields=True):
    """End every lease of something."""

    by: By
    value: str
    reason: str


class EndView(msgspec.Struct, frozen=True):
    """What is being ended."""

    by: By
    value: str


class ProviderView(msgspec.Struct, frozen=True):
    """A provider.  `secrets` are names."""

    name: str
    kind: str
    settings: Mapping[str, object]
    secrets: Mapping[str, str]
    version: int
    changed_at: str
    changed_by: str


class ProviderList(msgspec.Struct, frozen=True):
    """All providers by name."""

    providers: list[ProviderView]


class ProbeView(msgspec.Struct, frozen=True):
    """Whether the provider answers, and the house may make credentials there."""

    ok: bool
    reason: str


class CredentialView(msgspec.Struct, frozen=True):
    """What one lease gives."""

    name: str
    provider: str
    grant: Mapping[str, object]
    ttl_seconds: int
    max_ttl_seconds: int
    env: Mapping[str, str]
    version: int
    changed_at: str
    changed_by: str


class CredentialList(msgspec.Struct, frozen=True):
    """All credentials by name."""

    credentials: list[CredentialView]


class AvailableView(msgspec.Struct, frozen=True):
    """A credential that the caller may lease."""

    name: str
    env: Mapping[str, str]
    ttl_seconds: int
    max_ttl_seconds: int
    renewable: bool


class AvailableList(msgspec.Struct, frozen=True):
    """What the caller may lease."""

    credentials: list[AvailableView]


class IssuedView(msgspec.Struct, frozen=True):
    """A lease with what was made for it: told once, and kept nowhere."""

    lease_id: str
    credential: str
    fields: Mapping[str, str]
    env: Mapping[str, str]
    created_at: str
    expires_at: str
    max_expires_at: str
    expires_in: int
    renewable: bool

    def __repr__(self) -> str:
        return f"IssuedView({self.lease_id}, ********)"


class LeaseView(msgspec.Struct, frozen=True):
    """A lease.  `outlives_until` is until when the outside may take it although it is dead here."""

    lease_id: str
    credential: str
    provider: str
    handle: str
    agent: str
    role: str
    session: str
    subject: str
    state: LeaseState
    created_at: str
    expires_at: str
    max_expires_at: str
    expires_in: int
    renewals: int
    attempts: int
    failure: str
    ended_why: str
    ended_at: str
    outlives_until: str


class LeaseList(msgspec.Struct, frozen=True):
    """Leases in the order of their ids.  `next` is what `after` has to be for the next page; empty at the end."""

    leases: list[LeaseView]
    next: str


def provider_view(stored: StoredProvider) -> ProviderView:
    """Show a provider."""
    provider, stamp = stored.provider, stored.stamp
    return ProviderView(
        provider.name, provider.kind, provider.settings, provider.secrets,
        stamp.version, rfc3339(stamp.changed_at), stamp.changed_by,
    )  # fmt: skip


def credential_view(stored: StoredCredential) -> CredentialView:
    """Show a credential."""
    credential, stamp = stored.credential, stored.stamp
    return CredentialView(
        credential.name, credential.provider, credential.grant, credential.ttl_seconds, credential.max_ttl_seconds,
        credential.env, stamp.version, rfc3339(stamp.changed_at), stamp.changed_by,
    )  # fmt: skip


def lease_view(lease: Lease, *, now: float) -> LeaseView:
    """Show a lease."""
    over = lease.state in {LeaseState.DEAD, LeaseState.REVOKING}
    return LeaseView(
        lease_id=lease.id,
        credential=lease.credential,
        provider=lease.provider,
        handle=lease.handle,
        agent=lease.agent,
        role=lease.role,
        session=lease.session,
        subject=lease.subject,
        state=lease.state,
        created_at=rfc3339(lease.created_at),
        expires_at=rfc3339(lease.expires_at),
        max_expires_at=rfc3339(lease.max_expires_at),
        expires_in=0 if over else max(0, int(lease.expires_at - now)),
        renewals=lease.renewals,
        attempts=lease.attempts,
        failure=lease.failure,
        ended_why=lease.ended_why,
        ended_at=rfc3339(lease.ended_at) if lease.ended_at else "",
        outlives_until=rfc3339(lease.outlives_until) if over and lease.outlives_until else "",
    )
