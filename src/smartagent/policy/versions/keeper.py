# SPDX-License-Identifier: Apache-2.0
"""How a text comes into force: it is checked, stands beside all that were in force before, and replaces the last.

The one way for both kinds, whoever brings the text: a person who writes it, one who goes back to an old version,
or one who turns on what was staged.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from smartagent.kernel import Change, Clock, Write
from smartagent.policy.book import Book
from smartagent.policy.errors import (
    MalformedReason,
    PolicyChanged,
    PolicyNotFound,
    RoleNotFound,
    VersionNotFound,
)
from smartagent.policy.model import Role, RuleKind, StoredPolicy, StoredRole
from smartagent.policy.store import (
    drop_policy,
    drop_role,
    policy_changed,
    put_policy,
    put_role,
    role_changed,
)
from smartagent.policy.versions.model import Version
from smartagent.policy.versions.store import add_version, last_version, read_version, read_versions
from smartagent.policy.writing import Stamp, written_policy, written_role
from smartagent.storage import Database

MAX_REASON_CHARS: Final = 255
_ANY: Final = -1

Stored = StoredRole | StoredPolicy
RoleCheck = Callable[[Role, str], None]
"""Refuses a role, given with its file, that names what is not there (`MalformedRoleFile`)."""


class Wording(msgspec.Struct, frozen=True):
    """A text that somebody wants in force, whether it may grant everything, and why they want it."""

    text: str
    allow_broad: bool = False
    reason: str = ""


class Accepted(msgspec.Struct, frozen=True):
    """What has to be written so that a text is in force, or none is.  `over` is the version before; 0: there was none."""

    stored: Stored
    over: int
    writes: tuple[Write, ...]
    changes: tuple[Change, ...]


class Keeper:
    """Keeps the roles, or the policies, and all their versions.  `check_role` refuses roles that name what is not there."""

    def __init__(
        self, kind: RuleKind, book: Book, clock: Clock, database: Database, check_role: RoleCheck
    ) -> None:
        self.kind = kind
        self._book = book
        self._clock = clock
        self._database = database
        self._check_role = check_role

    def in_force(self, name: str) -> Stored | None:
        """Return what is in force under a name."""
        known = self._book.known_role if self.kind is RuleKind.ROLE else self._book.known_policy
        return known(name)

    def check(self, name: str, wording: Wording, version: int = 0, by: str = "") -> Stored:
        """Read and compile a text as it would be stored.  Takes up to a second: not on the loop.

        Raises:
            MalformedRoleFile: It is no role file, or names another role.
            MalformedPolicy: It is no policy, or the name is none.
            GrantsEverything: It does, and may not.
        """
        write = written_role if self.kind is RuleKind.ROLE else written_policy
        stamp = Stamp(version, int(self._clock.now()), by)
        stored = write(name, wording.text, stamp, allow_broad=wording.allow_broad)
        if isinstance(stored, StoredRole):
            self._check_role(stored.role, wording.text)
        return stored

    async def accept(self, name: str, wording: Wording, by: str, over: int = _ANY) -> Accepted:
        """Bring a text into force under a name.

        Args:
            name: Of the role or the policy.
            wording: The text, and why.
            by: Who brings it.
            over: The version that it must follow, 0 for none; any, when it is not said.

        Raises:
            PolicyChanged: Another version is in force.
            MalformedReason: The reason is not one line.
            SmartAgentError: See `check`.
        """
        before = self.in_force(name)
        seen = 0 if before is None else before.version
        if over not in {_ANY, seen}:
            raise PolicyChanged(name[:64])
        reason = parse_reason(wording.reason)
        # After a deletion the numbers go on.
        version = 1 + (seen or await last_version(self._database, self.kind, name))
        stored = await asyncio.to_thread(self.check, name, wording, version, by)
        kept = self._version_of(stored, wording.text, reason)
        return Accepted(stored, seen, (self._put(stored, seen), add_version(kept)), (self._changed(name),))

    def retire(self, name: str, reason: str, by: str) -> Accepted:
        """Have nothing in force under a name any more.

        Raises:
            RoleNotFound: There is no such role.
            PolicyNotFound: There is no such policy.
            MalformedReason: The reason is not one line.
        """
        before = self.in_force(name)
        if before is None:
            raise (RoleNotFound if self.kind is RuleKind.ROLE else PolicyNotFound)(name[:64])
        gone = msgspec.structs.replace(
            before, version=before.version + 1, changed_at=int(self._clock.now()), changed_by=by
        )
        kept = self._version_of(gone, "", parse_reason(reason))
        drop = drop_role(before) if isinstance(before, StoredRole) else drop_policy(before)
        return Accepted(before, before.version, (drop, add_version(kept)), (self._changed(name),))

    async def versions(self, name: str) -> list[Version]:
        """Return the newest versions of a name, the newest first.

        Raises:
            VersionNotFound: The name was never written.
        """
        found = await read_versions(self._database, self.kind, name)
        if not found:
            raise VersionNotFound(f"there never was a {self.kind.value} {name[:64]}")
        return found

    async def version(self, name: str, number: int) -> Version:
        """Return one version of a name.

        Raises:
            VersionNotFound: There is none with this number.
        """
        found = await read_version(self._database, self.kind, name, number)
        if found is None:
            raise VersionNotFound(f"{self.kind.value} {name[:64]} has no version {number}")
        return found

    def _version_of(self, stored: Stored, text: str, reason: str) -> Version:
        return Version(
            kind=self.kind,
            name=stored.name,
            version=stored.version,
            text=text,
            allow_broad=int(stored.allow_broad),
            deleted=int(not text),
            reason=reason,
            changed_at=stored.changed_at,
            changed_by=stored.changed_by,
        )

    def _put(self, stored: Stored, over: int) -> Write:
        return put_role(stored, over) if isinstance(stored, StoredRole) else put_policy(stored, over)

    def _changed(self, name: str) -> Change:
        return role_changed(name) if self.kind is RuleKind.ROLE else policy_changed(name)


def parse_reason(raw: str) -> str:
    """Return `raw` when it is one line that a person can read.

    Raises:
        MalformedReason: It is not.
    """
    if len(raw) > MAX_REASON_CHARS or not raw.isprintable():
        raise MalformedReason(f"a reason is one line of at most {MAX_REASON_CHARS} characters")
    return raw


def needed_reason(raw: str) -> str:
    """Return `raw` when it is a reason, and not empty.

    Raises:
        MalformedReason: It is not, or says nothing.
    """
    if not raw.strip():
        raise MalformedReason("say why: it stands in the history")
    return parse_reason(raw)
