# SPDX-License-Identifier: Apache-2.0
"""One role's policies, and what is judged by them: calls, leases, and what is reached of MCP servers."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import structs

from smartagent.kernel import Caller, Denied, NeedsApproval, Permitted, Verdict
from smartagent.policy.arguments import failing
from smartagent.policy.cedar import Finding, Partition, Question
from smartagent.policy.compile import asking_id, mcp_rule_id
from smartagent.policy.model import (
    CREDENTIAL_SCOPE,
    ArgumentRule,
    Ask,
    Call,
    Explanation,
    McpCall,
    NearestRule,
    StoredRole,
)
from smartagent.policy.rules import canonical_ip, in_plain_words, nearest_rule

STAGED_SUFFIX: Final = "@staged"
"""What the names of rules that are staged have behind the name of their role or policy."""
_MAX_MISSING_CHARS: Final = len(CREDENTIAL_SCOPE) + 64
_PEOPLE: Final = {Ask.CONFIRM: 0, Ask.FOUR_EYES: 1, Ask.TWO_PERSON: 2}


class Chapter:
    """One role's policies, ready to be asked.  `serial` is never used twice.

    Nothing here raises: what cannot be judged is denied.
    """

    __slots__ = (
        "asks_facts",
        "asks_ip",
        "asks_operation",
        "asks_type",
        "asks_who",
        "partition",
        "serial",
        "stored",
    )

    def __init__(self, serial: int, stored: StoredRole, partition: Partition) -> None:
        self.serial = serial
        self.stored = stored
        self.partition = partition
        self.asks_facts = bool(partition.asked)
        self.asks_ip = partition.needs.client_ip
        self.asks_type = partition.needs.content_type
        self.asks_operation = partition.needs.operation
        self.asks_who = partition.needs.principal

    def question(self, caller: Caller, call: Call, now: float) -> Question:
        """Put a call as the engine is asked about it; `now` is Unix seconds.

        Raises:
            ValueError: A fact that policies ask for cannot be told here.
        """
        asked = self.partition.asked
        return Question(
            agent=caller.principal,
            role=self.stored.role.name,
            upstream=call.upstream,
            method=call.method,
            path=call.path,
            scopes=caller.scopes,
            client_ip=canonical_ip(caller.client_ip),
            content_type=call.content_type,
            operation=call.operation,
            fields=call.fields,
            facts=asked.of(caller, now) if asked else {},
        )

    def judge_call(self, caller: Caller, call: Call, now: float) -> Verdict:
        """Say whether `caller` may make `call` at `now`, in Unix seconds."""
        try:
            question = self.question(caller, call, now)
            finding = self.partition.ask(question)
        except (ValueError, TypeError) as error:
            return Denied(f"the call cannot be judged: {type(error).__name__}", str(call))
        if finding.allowed:
            return Permitted(finding.rules)
        if finding.awaiting:
            return self._awaiting(finding.rules, finding.awaiting, str(call))
        return Denied(self._why_not(finding, question, call), str(call), finding.rules)

    def judge_lease(self, caller: Caller, call: Call, now: float) -> Verdict:
        """Say whether somebody may lease what `call` is about; no allow block comes close to that."""
        finding, missing = self._ask(caller, call, now, "lease"), call.upstream[:_MAX_MISSING_CHARS]
        if finding.allowed:
            return Permitted(finding.rules)
        if finding.awaiting:
            return self._awaiting(finding.rules, finding.awaiting, missing)
        return Denied(_in_short(finding, self.stored.name), missing, finding.rules)

    def judge_mcp(self, caller: Caller, asked: McpCall, now: float) -> Verdict:
        """Say whether somebody may reach what `asked` names, with its arguments when it has some."""
        finding, missing = self._ask(caller, asked.call, now, "call"), str(asked.call)
        permitting = finding.rules if finding.allowed else finding.awaiting
        if not permitting:
            return Denied(_in_short(finding, self.stored.name), missing, finding.rules)
        asking = () if finding.allowed else finding.rules
        if asked.arguments is not None:
            arguments = asked.arguments
            failed = {rule: failing(self._arguments(rule), arguments) for rule in permitting}
            permitting = tuple(rule for rule, broken in failed.items() if broken is None)
            if not permitting:
                rules = ((rule, broken.path) for rule, broken in failed.items() if broken)
                why = "; ".join(f"{rule} asks otherwise of {path}" for rule, path in rules)
                return Denied(why, missing, tuple(failed))
            # What a block asks approval for are the calls whose arguments it is about.
            asking = tuple(rule for rule in asking if failing(self._arguments(rule), arguments) is None)
        return self._awaiting(asking, permitting, missing) if asking else Permitted(permitting)

    def explain(self, caller: Caller, call: Call, now: float) -> Explanation:
        """Say what is decided about a call, by which rule, and what the nearest rule would need.

        Raises:
            ValueError: The engine cannot read the call.
        """
        question = self.question(caller, call, now)
        finding = self.partition.ask(question)
        rules = tuple(self._shown(rule) for rule in finding.rules)
        if finding.allowed:
            return Explanation("permit", f"{call} is allowed by {', '.join(rules)}", rules)
        if finding.awaiting:
            who = " and ".join(self._asks(finding.rules))
            sentence = f"{call} is allowed once it is approved: {', '.join(rules)} asks for {who}"
            return Explanation("ask", sentence, rules, str(call))
        sentence = self._why_not(finding, question, call)
        nearest = self._nearest(question, call)
        return Explanation("deny", sentence, rules, str(call), None if finding.rules else nearest)

    def _ask(self, caller: Caller, call: Call, now: float, action: str) -> Finding:
        try:
            return self.partition.ask(structs.replace(self.question(caller, call, now), action=action))
        except (ValueError, TypeError) as error:
            return Finding(False, errors=(f"it cannot be judged: {type(error).__name__}",))

    def _awaiting(self, rules: tuple[str, ...], permitting: tuple[str, ...], missing: str) -> NeedsApproval:
        asks = self._asks(rules)
        why = f"{', '.join(rules)} asks for {' and '.join(asks)}"
        people = max(_PEOPLE[each] for each in asks)
        confirm = Ask.CONFIRM in asks
        return NeedsApproval(why, missing, rules, confirm=confirm, people=people, permitting=permitting)

    def _asks(self, rules: Iterable[str]) -> list[Ask]:
        return sorted({self.partition.asking[rule] for rule in rules})

    def _arguments(self, rule: str) -> tuple[ArgumentRule, ...]:
        """Return what a rule is about of arguments; a policy that was written in Cedar is about any."""
        role = self.stored.role
        if not rule.startswith((f"role/{role.name}/", f"role/{role.name}{STAGED_SUFFIX}/")):
            return ()
        written: Mapping[str, tuple[ArgumentRule, ...]] = {
            each: block.arguments
            for number, block in enumerate(role.mcp, 1)
            for name in (mcp_rule_id(role.name, number),)
            for each in (name, asking_id(name))
        }
        return written.get(self.partition.annotations[rule], ())

    def _nearest(self, question: Question, call: Call) -> NearestRule | None:
        hours = question.facts.get("hours")
        open_hours = hours if isinstance(hours, tuple) else ()
        return nearest_rule(self.stored.role, call, question.scopes, question.client_ip, open_hours)

    def _why_not(self, finding: Finding, question: Question, call: Call) -> str:
        if finding.errors:
            return f"a policy could not be evaluated: {'; '.join(finding.errors)[:400]}"
        if finding.rules:
            return f"{', '.join(finding.rules)} forbids it"
        return in_plain_words(self.stored.role.name, call, self._nearest(question, call))

    def _shown(self, rule: str) -> str:
        name = self.partition.annotations.get(rule, "")
        return f"{rule} ({name})" if name and name != rule else rule


def both(first: Verdict, second: Verdict) -> Verdict:
    """Return what holds where two have to agree: a no, or else all the approvals that either asks for."""
    for verdict in (first, second):
        if isinstance(verdict, Denied) and not isinstance(verdict, NeedsApproval):
            return verdict
    if isinstance(first, NeedsApproval) and isinstance(second, NeedsApproval):
        return NeedsApproval(
            f"{first.reason}; {second.reason}",
            first.missing,
            (*first.rules, *second.rules),
            confirm=first.confirm or second.confirm,
            people=max(first.people, second.people),
            permitting=(*first.permitting, *second.permitting),
        )
    return first if isinstance(first, NeedsApproval) else second


def _in_short(finding: Finding, role: str) -> str:
    return "; ".join(finding.errors)[:400] or (
        f"{', '.join(finding.rules)} forbids it" if finding.rules else f"no rule of role {role} allows it"
    )
