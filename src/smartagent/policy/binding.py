# SPDX-License-Identifier: Apache-2.0
"""A role's policies, put together: those of its file, and those that were written for every role."""

import logging
from collections.abc import Collection, Iterable, Mapping
from itertools import count

from smartagent.policy.cedar import Partition, Policy, parse_policies
from smartagent.policy.errors import PolicyError
from smartagent.policy.judging import STAGED_SUFFIX, Chapter
from smartagent.policy.model import StoredPolicy, StoredRole

_log = logging.getLogger(__name__)


class Binder:
    """Makes chapters.  What was read of a policy once is kept until it is forgotten."""

    def __init__(self) -> None:
        self._serials = count(1)
        self._parsed: dict[str, tuple[StoredPolicy, Mapping[str, Policy]]] = {}

    def forget(self, policy: str = "") -> None:
        """Forget what was read of a policy; without a name, of all."""
        if policy:
            self._parsed.pop(f"policy/{policy}", None)
        else:
            self._parsed.clear()

    def bind(
        self,
        role: str,
        stored: StoredRole | None,
        policies: Iterable[StoredPolicy],
        staged: Collection[str] = (),
    ) -> Chapter | None:
        """Put the policies of a role together; None when there is no role, or one of them cannot be read.

        Args:
            role: Its name.
            stored: The role.
            policies: Those that are for every role.
            staged: Labels of the texts that are only tried.
        """
        if stored is None:
            return None
        try:
            found = parse_policies(stored.cedar, _prefix(f"role/{role}", staged), by_hand=False)
            for policy in policies:
                found |= self._read(policy, _prefix(f"policy/{policy.name}", staged))
            partition = Partition(role, found)
        except (PolicyError, ValueError, TypeError, RecursionError):
            # A policy that was accepted once and cannot be read now may be the one that forbids.
            _log.exception("the policies of role %s cannot be read; it is allowed nothing", role)
            return None
        return Chapter(next(self._serials), stored, partition)

    def _read(self, policy: StoredPolicy, prefix: str) -> Mapping[str, Policy]:
        # Every role's chapter holds them: they are read once, not once for each role.
        known = self._parsed.get(prefix)
        if known is None or known[0] is not policy:
            known = policy, parse_policies(policy.cedar, prefix, by_hand=True)
            self._parsed[prefix] = known
        return known[1]


def _prefix(label: str, staged: Collection[str]) -> str:
    # So that the log says which of the two decided.
    return f"{label}{STAGED_SUFFIX}" if label in staged else label
