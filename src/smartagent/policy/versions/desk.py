# SPDX-License-Identifier: Apache-2.0
"""The acts on versions: list them, compare them, go back to one."""

import asyncio
import re
from typing import Final

from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_form, parse_json
from smartagent.kernel import Caller
from smartagent.policy.errors import VersionNotFound
from smartagent.policy.model import StoredRole
from smartagent.policy.versions.keeper import Keeper, Stored, Wording, needed_reason
from smartagent.policy.versions.views import (
    DiffView,
    RollbackRequest,
    VersionList,
    VersionText,
    version_view,
)
from smartagent.policy.versions.wording import difference
from smartagent.policy.views import PolicyView, RoleView, policy_view, role_view

_NUMBER: Final = re.compile(r"[0-9]{1,12}")


class VersionsDesk:
    """Answers about the versions of the roles, or of the policies."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List the versions of a name.

        Raises:
            VersionNotFound: The name was never written.
        """
        name = inbound.params["name"]
        found = await self._keeper.versions(name)
        shown = [version_view(each, self._in_force(name)) for each in found]
        return Outcome(Reply(200, VersionList(name, shown)), target=self._target(name))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show what a version said.

        Raises:
            VersionNotFound: There is none with this number.
        """
        name = inbound.params["name"]
        found = await self._keeper.version(name, _number(inbound.params["version"]))
        view = VersionText(name, version_view(found, self._in_force(name)), found.text)
        return Outcome(Reply(200, view), target=self._target(name), detail={"version": found.version})

    async def compare(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Say what changed from `from`, by default the version before, to a version.

        Raises:
            VersionNotFound: One of them does not exist.
            MalformedRoleFile: One of them is a role file that this release cannot read.
            MalformedPolicy: One of them is a policy that this release cannot read.
        """
        name = inbound.params["name"]
        number = _number(inbound.params["version"])
        fields = parse_form(inbound.query.encode("utf-8", "replace"))
        if fields.keys() - {"from"}:
            raise MalformedRequest("the query is `from`, the number of a version")
        base = _number(fields["from"]) if "from" in fields else number - 1
        new = await self._keeper.version(name, number)
        # Before its first version, a name said nothing.
        old = "" if base == 0 else (await self._keeper.version(name, base)).text
        labels = (f"{name}, version {base}", f"{name}, version {number}")
        found = await asyncio.to_thread(difference, self._keeper.kind, old, new.text, labels)
        view = DiffView(name, base, number, found.diff, found.comes, found.goes)
        return Outcome(Reply(200, view), target=self._target(name), detail={"from": base, "to": number})

    async def roll_back(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Bring an old version's text into force again, as a new version.

        Raises:
            VersionNotFound: There is none with this number, or in it there was nothing.
            MalformedReason: No reason is given.
            MalformedRoleFile: This release cannot read the text any more.
            MalformedPolicy: The same.
            GrantsEverything: It does, and the old version was not allowed to either.
            PolicyChanged: Somebody changed it meanwhile.
        """
        asked = parse_json(inbound.body, RollbackRequest)
        name = inbound.params["name"]
        reason = needed_reason(asked.reason)
        old = await self._keeper.version(name, asked.version)
        if old.deleted:
            raise VersionNotFound(f"version {old.version} is that there was none; delete it instead")
        wording = Wording(old.text, bool(old.allow_broad), reason)
        accepted = await self._keeper.accept(name, wording, caller.principal)
        detail: dict[str, str | int] = {
            "version": accepted.stored.version,
            "of": old.version,
            "reason": reason,
        }
        return Outcome(
            Reply(200, stored_view(accepted.stored)),
            target=self._target(name),
            detail=detail,
            writes=accepted.writes,
            changes=accepted.changes,
        )

    def _in_force(self, name: str) -> int:
        stored = self._keeper.in_force(name)
        return 0 if stored is None else stored.version

    def _target(self, name: str) -> str:
        return f"{self._keeper.kind.value}/{name[:64]}"


def stored_view(stored: Stored) -> RoleView | PolicyView:
    """Show what is in force."""
    return role_view(stored) if isinstance(stored, StoredRole) else policy_view(stored)


def reason_in(inbound: Inbound) -> str:
    """Return the reason that stands in a query; empty when there is none.

    Raises:
        MalformedRequest: Something else stands there.
    """
    fields = parse_form(inbound.query.encode("utf-8", "replace"))
    if fields.keys() - {"reason"}:
        raise MalformedRequest("the query is `reason`")
    return fields.get("reason", "")


def _number(raw: str) -> int:
    if not _NUMBER.fullmatch(raw):
        raise VersionNotFound("a version is a number")
    return int(raw)
