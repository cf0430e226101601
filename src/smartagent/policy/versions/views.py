# SPDX-License-Identifier: Apache-2.0
"""The shapes of requests and replies about versions."""

import msgspec

from smartagent.kernel import rfc3339
from smartagent.policy.versions.model import Version


class RollbackRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Bring the text of an old version into force again, as a new version."""

    version: int
    reason: str


class VersionView(msgspec.Struct, frozen=True):
    """A version: who wrote it, when and why.  `digest` is the SHA-256 of the text, in hexadecimal."""

    version: int
    digest: str
    allow_broad: bool
    deleted: bool
    reason: str
    changed_at: str
    changed_by: str
    in_force: bool


class VersionList(msgspec.Struct, frozen=True):
    """The newest 500 versions, the newest first."""

    name: str
    versions: list[VersionView]


class VersionText(msgspec.Struct, frozen=True):
    """A version, and what was written."""

    name: str
    version: VersionView
    text: str


class DiffView(msgspec.Struct, frozen=True):
    """What is not the same in two versions: as a unified diff, and in words what comes and goes."""

    name: str
    old: int
    new: int
    diff: str
    comes: tuple[str, ...]
    goes: tuple[str, ...]


def version_view(kept: Version, in_force: int) -> VersionView:
    """Show a version; `in_force` is the number of the one that is, 0 for none."""
    return VersionView(
        version=kept.version,
        digest=kept.digest,
        allow_broad=bool(kept.allow_broad),
        deleted=bool(kept.deleted),
        reason=kept.reason,
        changed_at=rfc3339(kept.changed_at),
        changed_by=kept.changed_by,
        in_force=kept.version == in_force,
    )
