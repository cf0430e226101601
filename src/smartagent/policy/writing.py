# SPDX-License-Identifier: Apache-2.0
"""From what an operator writes to what will be enforced: parse, check, refuse what is too broad."""

import logging
from typing import Final

import msgspec

from smartagent.policy.broad import policy_grants_everything
from smartagent.policy.cedar import Partition, parse_policies
from smartagent.policy.compile import compile_role
from smartagent.policy.errors import GrantsEverything, MalformedPolicy, MalformedRoleFile, PolicyError
from smartagent.policy.model import RuleKind, StoredPolicy, StoredRole
from smartagent.policy.rolefile import parse_name, parse_role_file
from smartagent.policy.rules import grants_everything
from smartagent.policy.staged.model import Staged

_EXPLAIN: Final = "explain"

_log = logging.getLogger(__name__)


class Stamp(msgspec.Struct, frozen=True):
    """Which version is being written, when (Unix seconds) and by whom."""

    version: int
    changed_at: int
    changed_by: str


def written_role(name: str, role_file: str, stamp: Stamp, *, allow_broad: bool) -> StoredRole:
    """Check `role_file` and compile it.

    Args:
        name: Under which it is to be stored; the file must say the same.
        role_file: TOML, as written.
        stamp: What to write beside it.
        allow_broad: Whether it may grant everything.

    Raises:
        MalformedRoleFile: It is no role file, or names another role.
        GrantsEverything: It does, and may not.
    """
    role = parse_role_file(role_file)
    if role.name != name:
        raise MalformedRoleFile(f"says {role.name!r}, but is written to {name[:64]!r}", field="name")
    too_much = grants_everything(role)
    if too_much and not allow_broad:
        raise GrantsEverything(*too_much)
    cedar = compile_role(role)
    # What is stored is known to open: it is opened here once, as every node will.
    Partition(name, parse_policies(cedar, f"role/{name}", by_hand=False)).open_all()
    return StoredRole(
        role=role,
        role_file=role_file,
        cedar=cedar,
        allow_broad=allow_broad,
        version=stamp.version,
        changed_at=stamp.changed_at,
        changed_by=stamp.changed_by,
    )


def written_policy(name: str, cedar: str, stamp: Stamp, *, allow_broad: bool) -> StoredPolicy:
    """Check Cedar text that is to hold for every role.

    Raises:
        MalformedPolicy: The name or the text is not one, or does not fit the schema.
        GrantsEverything: It does, and may not.
    """
    try:
        parse_name(name)
    except ValueError as error:
        raise MalformedPolicy(str(error)) from error
    if name == _EXPLAIN:
        raise MalformedPolicy(f"the name {_EXPLAIN} is taken: it is where decisions are explained")
    policies = parse_policies(cedar, f"policy/{name}", by_hand=True)
    Partition(name, policies).open_all()
    too_much = None if allow_broad else policy_grants_everything(policies)
    if too_much:
        raise GrantsEverything(*too_much)
    return StoredPolicy(
        name=name,
        cedar=cedar,
        allow_broad=allow_broad,
        version=stamp.version,
        changed_at=stamp.changed_at,
        changed_by=stamp.changed_by,
    )


def compiled(staged: Staged) -> StoredRole | StoredPolicy | None:
    """Compile what is staged; None when this release cannot read it.  It was checked when it was stored."""
    write = written_role if staged.kind is RuleKind.ROLE else written_policy
    stamp = Stamp(staged.base + 1, staged.changed_at, staged.changed_by)
    try:
        return write(staged.name, staged.text, stamp, allow_broad=True)
    except (PolicyError, ValueError, TypeError, RecursionError):
        _log.exception(
            "%s is staged, and cannot be read; whom it decides about is allowed nothing", staged.label
        )
        return None
