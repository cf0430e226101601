# SPDX-License-Identifier: Apache-2.0
"""The shapes of the room's requests and replies.  A reply never has a place for a value."""

import msgspec

from smartagent.kernel import UNLIMITED, Limits, rfc3339
from smartagent.vault.model import Honeytoken, SecretEntry, StoredUpstream, Upstream


class SecretRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Write a secret as JSON text; its UTF-8 bytes are kept as they are."""

    value: str

    def __repr__(self) -> str:
        return "SecretRequest(********)"


class SourceRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Say where another store keeps the value, e.g. `awssm:///NAME?region=eu-west-1`."""

    source: str


class RollbackRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Make the value of an earlier version the current one again, as a new version."""

    version: int


class DestroyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Forget the values of versions for ever."""

    versions: list[int]


class UpstreamRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Describe an upstream.  `place` is `bearer` unless it says otherwise."""

    base_url: str
    secret: str = ""
    place: str | None = None
    allow_private: bool = False
    allow_plaintext: bool = False
    timeout_seconds: int = 30
    scrub: bool = True
    txn_token: bool = False
    limits: Limits = UNLIMITED
    speaks: str = ""


class VersionView(msgspec.Struct, frozen=True):
    """One version of a secret.  One that was destroyed has no value any more; `source`: another store keeps it."""

    version: int
    created_at: str
    created_by: str
    destroyed: bool
    source: str = ""


class SecretView(msgspec.Struct, frozen=True):
    """A secret, without its value.  `versions` are those still kept, newest first."""

    id: str
    name: str
    version: int
    versions: tuple[VersionView, ...]
    used_by: tuple[str, ...]


class SecretList(msgspec.Struct, frozen=True):
    """All secrets by name."""

    secrets: list[SecretView]


class UpstreamView(msgspec.Struct, frozen=True):
    """An upstream.  `placeholder` is for clients that insist on a key; it opens nothing."""

    name: str
    base_url: str
    secret: str
    place: str
    allow_private: bool
    allow_plaintext: bool
    timeout_seconds: int
    scrub: bool
    txn_token: bool
    limits: Limits
    speaks: str
    version: int
    changed_at: str
    changed_by: str
    placeholder: str


class HoneytokenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Make a honeytoken.  `note` says where it is laid out."""

    note: str = ""


class HoneytokenMade(msgspec.Struct, frozen=True):
    """A honeytoken's value, shown this once."""

    name: str
    value: str


class HoneytokenView(msgspec.Struct, frozen=True):
    """A honeytoken, without its value."""

    name: str
    note: str
    created_at: str
    created_by: str


class HoneytokenList(msgspec.Struct, frozen=True):
    """All honeytokens by name."""

    honeytokens: list[HoneytokenView]


class UpstreamList(msgspec.Struct, frozen=True):
    """All upstreams by name."""

    upstreams: list[UpstreamView]


def secret_view(entry: SecretEntry, used_by: tuple[Upstream, ...]) -> SecretView:
    """Show a secret."""
    versions = tuple(
        VersionView(
            version.version,
            rfc3339(version.created_at),
            version.created_by,
            destroyed=version.destroyed,
            source=version.source,
        )
        for version in entry.versions
    )
    return SecretView(entry.id, entry.name, entry.version, versions, tuple(user.name for user in used_by))


def honeytoken_view(entry: Honeytoken) -> HoneytokenView:
    """Show a honeytoken."""
    return HoneytokenView(entry.name, entry.note, rfc3339(entry.created_at), entry.created_by)


def upstream_view(stored: StoredUpstream, placeholder: str) -> UpstreamView:
    """Show an upstream."""
    entry = stored.upstream
    return UpstreamView(
        name=entry.name,
        base_url=entry.base_url,
        secret=entry.secret,
        place=entry.place,
        allow_private=entry.allow_private,
        allow_plaintext=entry.allow_plaintext,
        timeout_seconds=entry.timeout_seconds,
        scrub=entry.scrub,
        txn_token=entry.txn_token,
        limits=entry.limits,
        speaks=entry.speaks,
        version=stored.version,
        changed_at=rfc3339(stored.changed_at),
        changed_by=stored.changed_by,
        placeholder=placeholder,
    )
