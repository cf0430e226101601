# SPDX-License-Identifier: Apache-2.0
"""The book of rules as this node holds it in memory, and what is decided by it.

Policies are held by role: a call is judged by the caller's role and by the policies that
apply to everybody, never by other roles'.  A judgement is remembered until the policies it
came from change.  What cannot be read, compiled or evaluated permits nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import structs

from smartagent.kernel import UNLIMITED, Caller, CallerKind, Clock, Denied, Limits, Verdict
from smartagent.policy.binding import Binder
from smartagent.policy.errors import PolicyNotFound, RoleNotFound
from smartagent.policy.judging import Chapter, both
from smartagent.policy.model import (
    CREDENTIAL_SCOPE,
    Call,
    Explanation,
    Grants,
    Item,
    McpCall,
    RuleKind,
    StoredPolicy,
    StoredRole,
)
from smartagent.policy.narrowing import judge_lease, left_of
from smartagent.policy.permissions import decide_api
from smartagent.policy.remembering import Judgements
from smartagent.policy.staged.model import Staged
from smartagent.policy.staged.shifts import Counter
from smartagent.policy.staged.store import read_staged
from smartagent.policy.store import read_policies, read_roles
from smartagent.policy.trying import About, Judge, Trial, Trying
from smartagent.policy.writing import compiled
from smartagent.storage import Database

_NO_FACTS: Final[frozenset[str]] = frozenset()


class Book:
    """Decides what callers may do, by what it read, or by `roles` and `policies` until it reads.

    Args:
        database: Where the roles and policies are.
        clock: For policies that ask for the time; without one, only callers who say when are judged by them.
        mcp: The address that MCP servers are beneath, and each is a resource of its own; empty for none.
        roles: Those that are known already.
        policies: The same.
    """

    def __init__(
        self,
        database: Database,
        mcp: str = "",
        *,
        clock: Clock | None = None,
        roles: Iterable[StoredRole] = (),
        policies: Iterable[StoredPolicy] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._mcp = mcp
        self._roles = {stored.role.name: stored for stored in roles}
        self._policies = {stored.name: stored for stored in policies}
        self._chapters: dict[str, Chapter] = {}
        self._judgements = Judgements()
        self._unreadable: set[str] = set()
        self._binder = Binder()
        self._staged: dict[str, Trial] = {}
        self._trying = Trying(self._open_with)
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
        self._begin_trials()
        self.tell()

    async def reload_policies(self, names: Sequence[str]) -> None:
        """Read the policies `names` again; with no names, all of them."""
        self.edition += 1
        if not names:
            self._policies = {stored.name: stored for stored in await read_policies(self._database)}
            self._binder.forget()
        for name in dict.fromkeys(names):
            stored = await read_policies(self._database, name)
            self._policies.pop(name, None)
            self._binder.forget(name)
            if stored:
                self._policies[name] = stored[0]
        # They apply to every role.
        self._close_all()
        self._begin_trials()
        self.tell()

    async def reload_staged(self, labels: Sequence[str]) -> None:
        """Read again what is staged under `labels` (kind, slash, name); with no labels, everything."""
        self.edition += 1
        if not labels:
            found = await read_staged(self._database)
            self._staged = {staged.label: Trial(staged, compiled(staged)) for staged in found}
        for label in dict.fromkeys(labels):
            found = await read_staged(self._database, *label.split("/", 1))
            self._staged.pop(label, None)
            self._staged |= {staged.label: Trial(staged, compiled(staged)) for staged in found}
        self._begin_trials()
        self.tell()

    def staged(self, kind: RuleKind, name: str) -> Staged | None:
        """Return what is staged under a name; None when nothing is."""
        trial = self._staged.get(f"{kind.value}/{name}")
        return None if trial is None else trial.staged

    def all_staged(self) -> list[Staged]:
        """Return all that is staged, by its label."""
        return [self._staged[label].staged for label in sorted(self._staged)]

    @property
    def tried(self) -> Counter:
        """What staged texts decided, as far as nobody has taken it yet."""
        return self._trying.counter

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

    def known_policy(self, name: str) -> StoredPolicy | None:
        """Return the policy `name`; None when there is none."""
        return self._policies.get(name)

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
        return Grants(audiences, named.ttl_seconds, named.scopes, named.prompt)

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
        return self._decide_call(caller, call, caller.principal)

    def _decide_call(self, caller: Caller, call: Call, whose: str) -> Verdict:
        if self._trying.live:
            about = About(caller.role, whose, call)
            return self._trying.decide(about, lambda chapter: self._judge_call(chapter, caller, call))
        return self._judge_call(self._any_chapter(caller.role), caller, call)

    def _judge_call(self, chapter: Chapter | None, caller: Caller, call: Call) -> Verdict:
        if chapter is None or caller.kind is not CallerKind.AGENT:
            return Denied(f"there is no role {caller.role[:64]!r} to call with", str(call))
        return self._judgements.of(chapter, caller, call, self.now_of(caller))

    def decide_for_both(self, caller: Caller, call: Call) -> Verdict:
        """Say whether `caller` may make `call`; who acts for another agent may do what both may."""
        verdict = self.decide_call(caller, call)
        if not caller.subject_role:
            return verdict
        return both(
            verdict,
            self._decide_call(structs.replace(caller, role=caller.subject_role), call, caller.subject),
        )

    def drafted(self, roles: Iterable[StoredRole], policies: Iterable[StoredPolicy]) -> "Book":
        """Return another book, which says what this one does but for `roles` and `policies`.  It is not kept fresh."""
        all_policies = (*self._policies.values(), *policies)
        return Book(self._database, self._mcp, roles=(*self._roles.values(), *roles), policies=all_policies)

    def decide_lease(self, caller: Caller, credential: str) -> Verdict:
        """Say whether `caller` may lease `credential`, with the scopes of their token, from where they are.

        Who acts for another agent may lease what both may.  Never raises: what cannot be decided is denied.
        """
        verdict = self._decide_lease(caller, (caller.role, caller.principal), credential)
        if not caller.subject_role:
            return verdict
        return both(verdict, self._decide_lease(caller, (caller.subject_role, caller.subject), credential))

    def credentials_of(self, role: str) -> tuple[str, ...]:
        """Return the names of what `role` may lease."""
        stored = self._roles.get(role)
        return () if stored is None else stored.role.leasable

    def narrowed_lease(self, caller: Caller, credential: str) -> tuple[Item, ...] | None:
        """Return what a lease of `credential` may give to `caller`; None when no role of theirs narrows it.

        Each thing that a role names is asked about by itself, so a policy can forbid one; and who acts for another
        agent gets what both roles allow, whichever of them names it.
        """
        whose = [(caller.role, caller.principal)]
        if caller.subject_role:
            whose.append((caller.subject_role, caller.subject))
        sides = [
            (role, self._trying.chapter(role, self._trying.applied(role, agent))) for role, agent in whose
        ]
        return left_of(sides, caller, credential, self.now_of(caller))

    def _decide_lease(self, caller: Caller, whose: tuple[str, str], credential: str) -> Verdict:
        role, agent = whose
        call = Call(f"{CREDENTIAL_SCOPE}{credential}", "LEASE", f"/{credential}")
        now = self.now_of(caller)
        return self._decided(
            About(role, agent, call), lambda chapter: judge_lease((role, chapter), caller, call, now)
        )

    def decide_mcp(self, caller: Caller, asked: McpCall) -> Verdict:
        """Say whether `caller`, by their role, may reach what `asked` names of an MCP server.

        Who acts for another agent may reach what both may.  Never raises: what cannot be decided is denied.
        """
        verdict = self._decide_mcp(caller, (caller.role, caller.principal), asked)
        if not caller.subject_role:
            return verdict
        return both(verdict, self._decide_mcp(caller, (caller.subject_role, caller.subject), asked))

    def _decide_mcp(self, caller: Caller, whose: tuple[str, str], asked: McpCall) -> Verdict:
        role, agent = whose

        def judge(chapter: Chapter | None) -> Verdict:
            if chapter is None:
                return Denied(f"there is no role {role[:64]!r} to call with", str(asked.call))
            return chapter.judge_mcp(caller, asked, self.now_of(caller))

        return self._decided(About(role, agent, asked.call), judge)

    def _decided(self, about: About, judge: Judge) -> Verdict:
        if self._trying.live:
            return self._trying.decide(about, judge)
        return judge(self._any_chapter(about.role))

    def explain(self, caller: Caller, call: Call) -> Explanation:
        """Say what `decide_call` decides, by which rule, and what the nearest rule would need."""
        applied = self._trying.applied(caller.role, caller.principal)
        chapter = self._trying.chapter(caller.role, applied)
        staged = ", ".join(trial.staged.label for trial in applied)
        if chapter is None or caller.kind is not CallerKind.AGENT:
            sentence = f"there is no role {caller.role[:64]!r} that could be read, so nothing is allowed"
            return Explanation("deny", sentence, missing=str(call), staged=staged)
        return structs.replace(chapter.explain(caller, call, self.now_of(caller)), staged=staged)

    def facts_about(self, caller: Caller) -> frozenset[str]:
        """Return those of `FACTS` that policies which are about `caller` ask for."""
        chapter = self._any_chapter(caller.role)
        facts = chapter.partition.needs.facts if chapter is not None else _NO_FACTS
        if not (caller.subject_role or self._trying.live):
            # So it is with nearly every call.
            return facts
        roles = (caller.role, caller.subject_role)
        others = (
            each for role in roles for each in (self._any_chapter(role), *self._trying.chapters(role)) if each
        )
        return facts.union(*(each.partition.needs.facts for each in others))

    def lacks(self, caller: Caller) -> tuple[str, ...]:
        """Return what policies ask for, and is not known of `caller`."""
        chapters = map(self._any_chapter, (caller.role, caller.subject_role))
        now = self.now_of(caller)
        return tuple(
            dict.fromkeys(
                name for each in chapters if each for name in each.partition.asked.lacking(caller, now)
            )
        )

    def _any_chapter(self, role: str) -> Chapter | None:
        return self._chapters.get(role) or self._open(role)

    def now_of(self, caller: Caller) -> float:
        """Return the instant that is decided about, in Unix seconds; 0 when nobody knows it."""
        return caller.asked_at or (0 if self._clock is None else self._clock.now())

    def asks_anywhere(self, fact: str) -> bool:
        """Say whether a policy that was asked since it was read asks for `fact`."""
        return any(
            fact in chapter.partition.needs.facts
            for chapter in (*self._chapters.values(), *self._trying.opened)
        )

    def tell(self) -> None:
        """Have the listeners look again: something that policies ask for has changed."""
        for listener in self._listeners:
            listener()

    def _close_all(self) -> None:
        self._chapters.clear()
        self._unreadable.clear()

    def _begin_trials(self) -> None:
        versions = {(RuleKind.ROLE, name): stored.version for name, stored in self._roles.items()}
        versions |= {(RuleKind.POLICY, name): stored.version for name, stored in self._policies.items()}
        self._trying.begin(self._staged.values(), versions)

    def _open(self, role: str) -> Chapter | None:
        if role in self._unreadable:
            return None
        chapter = self._binder.bind(role, self._roles.get(role), self._policies.values())
        if chapter is not None:
            self._chapters[role] = chapter
        elif role in self._roles:
            self._unreadable.add(role)
        return chapter

    def _open_with(self, role: str, trials: tuple[Trial, ...]) -> Chapter | None:
        """Open a role's policies as they are when `trials` take the places of what is in force."""
        if not trials:
            return self._any_chapter(role)
        stored, policies, staged = self._roles.get(role), dict(self._policies), set()
        for trial in trials:
            if isinstance(trial.stored, StoredRole):
                stored = trial.stored
            elif trial.stored is not None:
                policies[trial.stored.name] = trial.stored
            staged.add(trial.staged.label)
        return self._binder.bind(role, stored, policies.values(), staged)
