# SPDX-License-Identifier: Apache-2.0
"""What the pages about roles and policies read of the API's answers."""

import msgspec


class Allowed(msgspec.Struct, frozen=True):
    """What one rule of a role lets through."""

    scope: str
    upstream: str
    methods: list[str]
    paths: list[str]
    ask: str | None = None


class Text(msgspec.Struct, frozen=True):
    """A role or a policy that is in force; a policy has no `role_file`, and says all in `cedar`."""

    name: str
    cedar: str
    allow_broad: bool
    version: int
    changed_at: str
    changed_by: str
    role_file: str = ""
    description: str = ""
    ttl_seconds: int = 0
    allow: list[Allowed] = []
    credentials: list[str] = []

    @property
    def text(self) -> str:
        """What was written."""
        return self.role_file or self.cedar


class Texts(msgspec.Struct, frozen=True):
    """All roles, or all policies and the one that is built in."""

    roles: list[Text] = []
    policies: list[Text] = []
    house: str = ""


class StagedShift(msgspec.Struct, frozen=True):
    """Decisions that come out otherwise by a staged text."""

    role: str
    upstream: str
    method: str
    was: str
    becomes: str
    by: str
    calls: int


class Staged(msgspec.Struct, frozen=True):
    """What is staged under a name."""

    name: str
    stage: str
    percent: int
    outdated: bool
    reason: str
    changed_at: str
    changed_by: str
    text: str
    allow_broad: bool
    shifts: list[StagedShift] = []


class StagedList(msgspec.Struct, frozen=True):
    """All that is staged."""

    staged: list[Staged]


class Version(msgspec.Struct, frozen=True):
    """Who wrote a version, when and why."""

    version: int
    deleted: bool
    reason: str
    changed_at: str
    changed_by: str
    in_force: bool


class VersionList(msgspec.Struct, frozen=True):
    """The versions, the newest first."""

    versions: list[Version]


class Diff(msgspec.Struct, frozen=True):
    """What is not the same in two versions."""

    old: int
    new: int
    diff: str
    comes: list[str]
    goes: list[str]


class Shift(msgspec.Struct, frozen=True):
    """Recorded requests that a draft decides otherwise."""

    agent: str
    role: str
    upstream: str
    method: str
    path: str
    was: str
    becomes: str
    now: str
    by: str
    calls: int


class Replayed(msgspec.Struct, frozen=True):
    """What a draft does to a page of the log."""

    next: int
    decided: int
    unreplayable: int
    left_out: int
    shifts: list[Shift]


class Why(msgspec.Struct, frozen=True):
    """Why a call is permitted or not."""

    decision: str
    sentence: str
