# SPDX-License-Identifier: Apache-2.0
"""The book of rules as this node holds it in memory, and what is decided by it.

Policies are held by role: a call is judged by the caller's role and by the policies that
apply to everybody, never by other roles'.  A judgement is remembered until the policies it
came from change.  What cannot be read, compiled or evaluated permits nothing.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Final

from msgspec import structs

from smartagent.kernel import UNLIMITED, Caller, CallerKind, Denied, Limits, Verdict
from smartagent.policy.cedar import Partition, Policy, parse_policies
from smartagent.policy.errors import PolicyError, PolicyNotFound, RoleNotFound
from smartagent.policy.judging import Chapter, both, question_of
from smartagent.policy.model import (
    CREDENTIAL_SCOPE,
    Call,
    Explanation,
    Grants,
    McpCall,
    StoredPolicy,
    StoredRole,
)
from smartagent.policy.permissions import decide_api
from smartagent.policy.store import read_policies, read_roles
from smartagent.storage import Database

_REMEMBERED: Final = 16_384
_MAX_REMEMBERED_CHARS: Final = 256

_log = logging.getLogger(__name__)

_Key = tuple[int, str, frozenset[str], str, str, str, str, str, str, tuple[str, ...]]


class Book:
    """Decides what callers may do, by what it read, or by `roles` and `policies` until it reads.

    Args:
        database: Where the roles and policies are.
        mcp: The address that MCP servers are beneath, and each is a resource of its own; empty for none.
        roles: Those that are known already.
        policies: The same.
    """

    def __init__(
        self,
        database: Database,
        mcp: str = "",
        *,
        roles: Iterable[StoredRole] = (),
        policies: Iterable[StoredPolicy] = (),
    ) -> None:
        self._database = database
        self._mcp = mcp
        self._roles = {stored.role.name: stored for stored in roles}
        self._policies = {stored.name: stored for stored in policies}
        self._chapters: dict[str, Chapter] = {}
        self._remembered: dict[_Key, Verdict] = {}
        self._serials = count(1)
        self._unreadable: set[str] = set()
        self._parsed: dict[str, tuple[StoredPolicy, Mapping[str, Policy]]] = {}
        self.edition = 0
        """How often anything was read since this book was made: another edition may say something else."""
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after roles or policies changed in memory."""
        self._listeners.append(listener)

    async def reload_roles(self, names: Sequence[str]) -> None:
        """Read the roles `names` again; with no names, all of them."""
        self.edition += 1
        if not names:
            found = {stored.role.name: stored for stored in await read_roles(self._database)}
            self._roles = found
            self._close_all()
        for name in dict.fromkeys(names):
            stored = await read_roles(self._database, name)
            self._chapters.pop(name, None)
            self._unreadable.discard(name)
            self._roles.pop(name, None)
            if stored:
                self._roles[name] = stored[0]
        self._tell()

    async def reload_policies(self, names: Sequence[str]) -> None:
        """Read the policies `names` again; with no names, all of them."""
        self.edition += 1
        if not names:
            self._policies = {stored.name: stored for stored in await read_policies(self._database)}
            self._parsed.clear()
        for name in dict.fromkeys(names):
            stored = await read_policies(self._database, name)
            self._policies.pop(name, None)
            self._parsed.pop(name, None)
            if stored:
                self._policies[name] = stored[0]
        # They apply to every role.
        self._close_all()
        self._tell()

    def role(self, name: str) -> StoredRole:
        """Return the role `name`.

        Raises:
            RoleNotFound: There is none.
        """
        try:
            return self._roles[name]
        except KeyError:
            raise RoleNotFound(name[:64]) from None

    def known_role(self, name: str) -> StoredRole | None:
        """Return the role `name`; None when there is none."""
        return self._roles.get(name)

    def policy(self, name: str) -> StoredPolicy:
        """Return the policy `name`.

        Raises:
            PolicyNotFound: There is none.
        """
        try:
            return self._policies[name]
        except KeyError:
            raise PolicyNotFound(name[:64]) from None

    def roles(self) -> list[StoredRole]:
        """Return all roles by name."""
        return [self._roles[name] for name in sorted(self._roles)]

    def policies(self) -> list[StoredPolicy]:
        """Return all policies by name."""
        return [self._policies[name] for name in sorted(self._policies)]

    def grants(self, role: str) -> Grants | None:
        """Return what a token of `role` may hold; None when there is no such role (any more)."""
        stored = self._roles.get(role)
        if stored is None:
            return None
        named = stored.role
        reached = dict.fromkeys(f"{self._mcp}/{block.server}" for block in named.mcp)
        audiences = (*named.audiences, self._mcp, *reached) if self._mcp else named.audiences
        return Grants(audiences, named.ttl_seconds, named.scopes)

    def limits_of(self, role: str) -> tuple[Limits, Limits]:
        """Return what each agent of `role` may use at most, and what all of them together."""
        stored = self._roles.get(role)
        if stored is None:
            return UNLIMITED, UNLIMITED
        return stored.role.limits, stored.role.shared_limits

    def decide_api(self, caller: Caller, permission: str) -> Verdict:
        """Say whether `caller` may do with the authority what `permission` names."""
        return decide_api(caller, permission)

    def decide_call(self, caller: Caller, call: Call) -> Verdict:
        """Say whether `caller` may make `call`, with the scopes of their token, from where they are.

        Never raises: what cannot be decided is denied.
        """
        chapter = self._chapters.get(caller.role) or self._open(caller.role)
        if chapter is None or caller.kind is not CallerKind.AGENT:
            return Denied(f"there is no role {caller.role[:64]!r} to call with", str(call))
        key = (
            chapter.serial,
            caller.principal if chapter.asks_who else "",
            caller.scopes,
            call.upstream,
            call.method,
            call.path,
            caller.client_ip if chapter.asks_ip else "",
            call.content_type if chapter.asks_type else "",
            *((call.operation, call.fields) if chapter.asks_operation else ("", ())),
        )
        verdict = self._remembered.get(key)
        if verdict is None:
            verdict = chapter.judge_call(caller, call)
            self._remember(key, verdict)
        return verdict

    def decide_for_both(self, caller: Caller, call: Call) -> Verdict:
        """Say whether `caller` may make `call`; who acts for another agent may do what both may."""
        verdict = self.decide_call(caller, call)
        if not caller.subject_role:
            return verdict
        return both(verdict, self.decide_call(structs.replace(caller, role=caller.subject_role), call))

    def drafted(self, roles: Iterable[StoredRole], policies: Iterable[StoredPolicy]) -> "Book":
        """Return another book, which says what this one does but for `roles` and `policies`.  It is not kept fresh."""
        all_policies = (*self._policies.values(), *policies)
        return Book(self._database, self._mcp, roles=(*self._roles.values(), *roles), policies=all_policies)

    def decide_lease(self, caller: Caller, credential: str) -> Verdict:
        """Say whether `caller` may lease `credential`, with the scopes of their token, from where they are.

        Who acts for another agent may lease what both may.  Never raises: what cannot be decided is denied.
        """
        verdict = self._decide_lease(caller, caller.role, credential)
        if not caller.subject_role:
            return verdict
        return both(verdict, self._decide_lease(caller, caller.subject_role, credential))

    def credentials_of(self, role: str) -> tuple[str, ...]:
        """Return the names of what `role` may lease."""
        stored = self._roles.get(role)
        return () if stored is None else stored.role.credentials

    def _decide_lease(self, caller: Caller, role: str, credential: str) -> Verdict:
        missing = f"{CREDENTIAL_SCOPE}{credential[:64]}"
        chapter = self._chapters.get(role) or self._open(role)
        if chapter is None or caller.kind is not CallerKind.AGENT:
            return Denied(f"there is no role {role[:64]!r} to lease with", missing)
        call = Call(f"{CREDENTIAL_SCOPE}{credential}", "LEASE", f"/{credential}")
        question = structs.replace(question_of(caller, call), role=role, action="lease")
        return chapter.judge_lease(question, missing)

    def decide_mcp(self, caller: Caller, asked: McpCall) -> Verdict:
        """Say whether `caller`, by their role, may reach what `asked` names of an MCP server.

        Who acts for another agent may reach what both may.  Never raises: what cannot be decided is denied.
        """
        verdict = self._decide_mcp(caller, caller.role, asked)
        if not caller.subject_role:
            return verdict
        return both(verdict, self._decide_mcp(caller, caller.subject_role, asked))

    def _decide_mcp(self, caller: Caller, role: str, asked: McpCall) -> Verdict:
        chapter = self._chapters.get(role) or self._open(role)
        if chapter is None:
            return Denied(f"there is no role {role[:64]!r} to call with", str(asked.call))
        return chapter.judge_mcp(structs.replace(question_of(caller, asked.call), role=role), asked)

    def explain(self, caller: Caller, call: Call) -> Explanation:
        """Say what `decide_call` decides, by which rule, and what the nearest rule would need."""
        chapter = self._chapters.get(caller.role) or self._open(caller.role)
        if chapter is None or caller.kind is not CallerKind.AGENT:
            sentence = f"there is no role {caller.role[:64]!r} that could be read, so nothing is allowed"
            return Explanation("deny", sentence, missing=str(call))
        return chapter.explain(caller, call)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _close_all(self) -> None:
        self._chapters.clear()
        self._unreadable.clear()

    def _open(self, role: str) -> Chapter | None:
        stored = self._roles.get(role)
        if stored is None or role in self._unreadable:
            return None
        try:
            policies = parse_policies(stored.cedar, f"role/{role}", by_hand=False)
            for policy in self._policies.values():
                policies |= self._read(policy)
            partition = Partition(role, policies)
        except (PolicyError, ValueError, TypeError, RecursionError):
            # A policy that was accepted once and cannot be read now may be the one that forbids.
            _log.exception("the policies of role %s cannot be read; it is allowed nothing", role)
            self._unreadable.add(role)
            return None
        chapter = Chapter(next(self._serials), stored, partition)
        self._chapters[role] = chapter
        return chapter

    def _read(self, policy: StoredPolicy) -> Mapping[str, Policy]:
        # Every role's chapter holds them: they are read once, not once for each role.
        known = self._parsed.get(policy.name)
        if known is None or known[0] is not policy:
            known = policy, parse_policies(policy.cedar, f"policy/{policy.name}", by_hand=True)
            self._parsed[policy.name] = known
        return known[1]

    def _remember(self, key: _Key, verdict: Verdict) -> None:
        # Path, content type and fields are as long as the caller likes.
        if len(key[5]) + len(key[7]) + sum(map(len, key[9])) > _MAX_REMEMBERED_CHARS:
            return
        if len(self._remembered) >= _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[key] = verdict
