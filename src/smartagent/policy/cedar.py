# SPDX-License-Identifier: Apache-2.0
"""The Cedar engine, and what a policy's text is checked for before the engine sees it.

The engine parses by recursion in native code: a text nested a few thousand deep ends the
whole process.  So a policy written by hand is measured first (`_refuse_what_is_too_deep`),
by looking at its characters only.  An error while evaluating counts as a refusal: Cedar
itself would skip the policy, and a skipped `forbid` would let the call through.
"""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Final

import cedarpy
import msgspec
from msgspec import structs

from smartagent.policy.errors import MalformedPolicy
from smartagent.policy.est import Est, annotation_of, entity_of, hours_of, needs_of
from smartagent.policy.facts import Asked
from smartagent.policy.hours import Window, parse_window
from smartagent.policy.model import Ask

MAX_POLICY_BYTES: Final = 32_768
MAX_NESTING: Final = 20
MAX_OPERATORS: Final = 200
MAX_POLICIES: Final = 16
_ENTITIES_KEPT: Final = 16_384
_SCHEMA: Final = cedarpy.Schema.from_str(
    resources.files("smartagent.policy").joinpath("schema.cedarschema").read_text(encoding="utf-8")
)
_TOKEN: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|//[^\n\r]*|&&|\|\||[-+*!.;()\[\]{}]|\b(?:if|like|has|in|is)\b',
    re.DOTALL,
)
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")
_UNCOUNTED: Final = _OPENING | _CLOSING | {";"}


class _Parsed(msgspec.Struct, rename="camel"):
    templates: dict[str, object]
    static_policies: dict[str, Est]


class Question(msgspec.Struct, frozen=True, gc=False):
    """What the engine is asked.

    `client_ip` is an address in canonical form, or empty when unknown.  `facts` are those that policies ask for,
    None where one is not known.
    """

    agent: str
    role: str
    upstream: str
    method: str
    path: str
    scopes: frozenset[str] = frozenset()
    client_ip: str = ""
    action: str = "call"
    content_type: str = ""
    operation: str = ""
    fields: tuple[str, ...] = ()
    facts: Mapping[str, object] = {}


class Policy(msgspec.Struct, frozen=True):
    """One policy: its text, and the same as data."""

    text: str
    est: Est


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What the engine answered.  `rules` are the policies that decided; errors mean a refusal.

    `awaiting` are the policies that allow it once all of `rules`, which forbid it, have been approved.
    """

    allowed: bool
    rules: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    awaiting: tuple[str, ...] = ()


def parse_policies(text: str, prefix: str, *, by_hand: bool) -> dict[str, Policy]:
    """Read Cedar text, check it against the schema and name its policies `prefix/1`, `prefix/2` ...

    Args:
        text: Cedar policies.
        prefix: What they belong to.
        by_hand: Written by a person, so to be measured before the engine sees it.

    Raises:
        MalformedPolicy: It does not parse, does not fit the schema, asks for what is no approval, or is too large
            or too deep.
    """
    if by_hand:
        _refuse_what_is_too_deep(text)
    checked = cedarpy.validate_policies(text, _SCHEMA)
    if not checked.validation_passed:
        raise MalformedPolicy("; ".join(_plain(str(error)) for error in checked.errors)[:1000])
    parsed = msgspec.json.decode(cedarpy.policies_to_json_str(text), type=_Parsed)
    if parsed.templates:
        msg = "a template (?principal, ?resource) grants nothing here; name whom it is for"
        raise MalformedPolicy(msg)
    # The parser numbers policies in the order of the text: policy0, policy1 ...
    found = parsed.static_policies
    statements = _statements(text)
    ests = [found[f"policy{number}"] for number in range(len(found))]
    for est in ests:
        _asked_of(est)
        _windows_of(est)
    return {
        f"{prefix}/{number}": Policy(statement, est)
        for number, (statement, est) in enumerate(zip(statements, ests, strict=True), 1)
    }


def _windows_of(policy: Est) -> dict[str, Window]:
    """Return the windows that a policy asks about, by their texts.

    Raises:
        MalformedPolicy: One is none.
    """
    try:
        return {text: parse_window(text) for text in hours_of(policy)}
    except ValueError as error:
        raise MalformedPolicy(str(error)) from error


def _asked_of(policy: Est) -> Ask | None:
    """Return who has to approve what a policy forbids; None when nobody can.

    Raises:
        MalformedPolicy: Its `@ask` is none.
    """
    written = annotation_of(policy, "ask")
    if written is None:
        return None
    if policy.get("effect") != "forbid":
        msg = "@ask belongs to a forbid: what it forbids is allowed once somebody approves"
        raise MalformedPolicy(msg)
    try:
        return Ask(written)
    except ValueError:
        raise MalformedPolicy(f"@ask takes {', '.join(Ask)}") from None


class _Slice:
    """Some policies as the engine holds them, and their names."""

    __slots__ = ("names", "policies")

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        # From text: the engine's reader of JSON stops at a depth that an ordinary role can have.
        self.policies = cedarpy.PolicySet.from_str("\n".join(policy.text for policy in policies.values()))
        self.names = {f"policy{number}": name for number, name in enumerate(policies)}


class Partition:
    """The policies that can matter to one role, each parsed when it is first needed.

    The engine looks at every policy it is given, so it is given those only whose scope the question is in:
    those that name the question's upstream, and those that name none.  Upstreams and roles have no hierarchy,
    so a scope that names another can never hold.
    """

    __slots__ = (
        "_entities",
        "_named",
        "_policies",
        "_role",
        "_slices",
        "_upstreams",
        "annotations",
        "asked",
        "asking",
        "needs",
    )

    def __init__(self, role: str, policies: Mapping[str, Policy]) -> None:
        self._policies = {name: policy for name, policy in policies.items() if _is_about(policy.est, role)}
        # Empty for a policy about any upstream.
        self._upstreams = {name: _upstream_of(policy.est) for name, policy in self._policies.items()}
        self._named = frozenset(self._upstreams.values())
        self._slices: dict[tuple[str, bool], _Slice] = {}
        self._role = role
        self._entities: dict[str, cedarpy.Entities] = {}
        self.needs = needs_of(policy.est for policy in policies.values())
        windows = (
            [_windows_of(policy.est) for policy in policies.values()] if "hours" in self.needs.facts else []
        )
        self.asked = Asked(
            self.needs.facts, {text: window for each in windows for text, window in each.items()}
        )
        """What the policies ask of the circumstances."""
        self.annotations = {name: annotation_of(policy.est) or "" for name, policy in policies.items()}
        asked = {name: _asked_of(policy.est) for name, policy in self._policies.items()}
        self.asking = {name: ask for name, ask in asked.items() if ask is not None}
        """Who has to approve what each of these policies forbids."""

    def ask(self, question: Question) -> Finding:
        """Evaluate one request.  Whatever goes wrong is a refusal."""
        if self.needs.client_ip and not question.client_ip:
            return Finding(False, errors=("the client's address is unknown, and a policy asks for it",))
        unknown = [name for name, value in question.facts.items() if value is None]
        if unknown:
            return Finding(
                False, errors=(f"{', '.join(sorted(unknown))} is not known, and a policy asks for it",)
            )
        part = self._slice(question.upstream)
        answer = cedarpy.is_authorized(self._request(question), part.policies, self._known(question.agent))
        return self._with_approval(question, self._finding(answer, part.names))

    def ask_about(self, questions: Sequence[Question]) -> list[Finding]:
        """Evaluate several requests of one agent about one upstream."""
        if not questions:
            return []
        part = self._slice(questions[0].upstream)
        requests = [self._request(question) for question in questions]
        answers = cedarpy.is_authorized_batch(requests, part.policies, self._known(questions[0].agent))
        findings = [self._finding(answer, part.names) for answer in answers]
        return [self._with_approval(*each) for each in zip(questions, findings, strict=True)]

    def open_all(self) -> None:
        """Have the engine read all the policies now.

        Raises:
            ValueError: It cannot.
        """
        for upstream in {"", *self._named}:
            self._slice(upstream)

    def _with_approval(self, question: Question, finding: Finding) -> Finding:
        """Say whether approval is all that is missing: the rest of the policies allow it."""
        if finding.errors or not finding.rules or not self.asking.keys() >= set(finding.rules):
            return finding
        part = self._slice(question.upstream, approved=True)
        answer = cedarpy.is_authorized(self._request(question), part.policies, self._known(question.agent))
        approved = self._finding(answer, part.names)
        return structs.replace(finding, awaiting=approved.rules) if approved.allowed else finding

    def _slice(self, upstream: str, *, approved: bool = False) -> _Slice:
        known = upstream if upstream in self._named else ""
        part = self._slices.get((known, approved))
        if part is None:
            named = {name for name, its in self._upstreams.items() if its in {"", known}}
            if approved:
                named -= self.asking.keys()
            part = _Slice({name: policy for name, policy in self._policies.items() if name in named})
            self._slices[known, approved] = part
        return part

    def _request(self, question: Question) -> dict[str, object]:
        return {
            "principal": {"type": "Agent", "id": question.agent},
            "action": f'Action::"{question.action}"',
            "resource": {"type": "Upstream", "id": question.upstream},
            "context": self._context(question),
        }

    def _finding(self, answer: cedarpy.AuthzResult, names: Mapping[str, str]) -> Finding:
        diagnostics = answer.diagnostics
        rules = tuple([names[reason] for reason in diagnostics.reasons])
        errors = tuple([_with_names(str(error), names) for error in diagnostics.errors])
        return Finding(answer.allowed and not errors, rules, errors)

    def _known(self, agent: str) -> cedarpy.Entities:
        entities = self._entities.get(agent)
        if entities is None:
            member = {
                "uid": {"type": "Agent", "id": agent},
                "attrs": {},
                "parents": [{"type": "Role", "id": self._role}],
            }
            entities = cedarpy.Entities.from_json_str(msgspec.json.encode([member]).decode())
            if len(self._entities) >= _ENTITIES_KEPT:
                self._entities.clear()
            self._entities[agent] = entities
        return entities

    def _context(self, question: Question) -> str:
        context: dict[str, object] = {
            "method": question.method,
            "path": question.path,
            "depth": question.path.count("/"),
            "scopes": list(question.scopes),
        }
        if self.needs.under:
            context["under"] = _under(question.path)
        if self.needs.content_type:
            context["content_type"] = question.content_type
        if self.needs.operation:
            context["operation"], context["fields"] = question.operation, question.fields
        if self.needs.facts:
            context.update(question.facts)
        if self.needs.client_ip:
            context["client_ip"] = {"__extn": {"fn": "ip", "arg": question.client_ip}}
        return msgspec.json.encode(context).decode()


def _with_names(error: str, names: Mapping[str, str]) -> str:
    return re.sub(r"`(policy\d+)`", lambda found: names.get(found[1], found[1]), error)


def _is_about(policy: Est, role: str) -> bool:
    entity = entity_of(policy.get("principal"))
    return entity is None or entity[0] != "Role" or entity[1] == role


def _upstream_of(policy: Est) -> str:
    entity = entity_of(policy.get("resource"))
    return entity[1] if entity is not None else ""


def _under(path: str) -> dict[str, str]:
    segments = path.split("/")
    return {f"d{depth}": "/".join(segments[: depth + 1]) for depth in range(min(len(segments), 17))}


def _statements(text: str) -> list[str]:
    """Cut `text` after each semicolon that ends a policy."""
    ends = [found.end() for found in _TOKEN.finditer(text) if found[0] == ";"]
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _refuse_what_is_too_deep(text: str) -> None:
    if len(text.encode("utf-8", "replace")) > MAX_POLICY_BYTES:
        raise MalformedPolicy(f"a policy has at most {MAX_POLICY_BYTES} bytes")
    nesting = operators = policies = 0
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token[0] == '"' or token.startswith("//"):
            continue
        nesting += (token in _OPENING) - (token in _CLOSING)
        operators += token not in _UNCOUNTED
        if nesting > MAX_NESTING:
            raise MalformedPolicy(f"nested more than {MAX_NESTING} deep")
        if operators > MAX_OPERATORS:
            raise MalformedPolicy(f"more than {MAX_OPERATORS} operators in one policy; split it")
        if token == ";":  # noqa: S105 -- a token of the text, not a password
            operators, policies = 0, policies + 1
    if not 0 < policies <= MAX_POLICIES:
        raise MalformedPolicy(f"write 1 to {MAX_POLICIES} policies, each ended by a semicolon")


def _plain(error: str) -> str:
    # The engine's positional names mean nothing to a reader; "policy0" is the first.
    return re.sub(r"policy(\d+)", lambda found: f"policy {int(found[1]) + 1}", error)
