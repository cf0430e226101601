# SPDX-License-Identifier: Apache-2.0
"""What is wrong with rules, without anybody asking them: too broad, covered by others, about nothing, unused.

Needs no store and no network: what else there is (upstreams, credentials, roles, use) is given, as far as it
is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from smartagent.insight.paths import covers
from smartagent.policy import (
    ANY,
    CREDENTIAL_SCOPE,
    MCP_SCOPE,
    Allow,
    MalformedPolicy,
    MalformedRoleFile,
    Role,
    grants_everything,
    known_pattern,
    line_of,
    mentions_of,
    parse_policies,
    parse_role_file,
    policy_grants_everything,
    rule_id,
)

ERROR: Final = "error"
WARNING: Final = "warning"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, where, and what to do.  `line` is 0 when it cannot be told."""

    file: str
    line: int
    rule: str
    severity: str
    kind: str
    what: str
    advice: str


class Known(msgspec.Struct, frozen=True):
    """What else there is; None for what is not known.  `used` are the rules that allowed something."""

    upstreams: AbstractSet[str] | None = None
    credentials: AbstractSet[str] | None = None
    roles: AbstractSet[str] | None = None
    used: AbstractSet[str] | None = None
    servers: AbstractSet[str] | None = None


def lint(roles: Mapping[str, str], policies: Mapping[str, tuple[str, str]], known: Known) -> list[Finding]:
    """Find what is wrong with rules.

    Args:
        roles: File to role file.
        policies: File to the policy's name and its Cedar text.
        known: What else there is.
    """
    findings: list[Finding] = []
    for file, text in roles.items():
        try:
            role = parse_role_file(text)
        except MalformedRoleFile as error:
            findings.append(
                Finding(
                    file, error.line, "", ERROR, "malformed", str(error), "Write it as the reference says."
                )
            )
        else:
            findings += _RoleLint(file, text, role, known).findings()
    for file, (name, cedar) in policies.items():
        findings += _lint_policy(file, name, cedar, known)
    return findings


class _RoleLint:
    """The findings of one role file."""

    def __init__(self, file: str, text: str, role: Role, known: Known) -> None:
        self._file = file
        self._lines = text.splitlines()
        self._role = role
        self._known = known

    def findings(self) -> Iterator[Finding]:
        """Yield them."""
        yield from self._too_broad()
        for number, block in enumerate(self._role.allow, 1):
            yield from self._about_nothing(number, block)
            yield from self._shadowed(number, block)
            yield from self._unused(rule_id(self._role.name, number), f"allow[{number - 1}]")
        for index, name in enumerate(self._role.credentials):
            # What may be leased is numbered after what may be called.
            rule = rule_id(self._role.name, len(self._role.allow) + index + 1)
            yield from self._unused(rule, f"credentials[{index}]")
            if self._known.credentials is not None and name not in self._known.credentials:
                yield self._found(
                    f"credentials[{index}]",
                    rule,
                    (ERROR, "unknown"),
                    f"there is no credential {name}",
                    "Write the credential, or take its name out.",
                )

        yield from self._about_no_server()
        for number, named in enumerate(self._role.resources, 1):
            before = [each for each in self._role.resources[: number - 1] if each.kind is named.kind]
            yield from self._about_no_credential(f"{named.kind}[{len(before)}]", number, named.credential)

    def _about_no_server(self) -> Iterator[Finding]:
        for number, block in enumerate(self._role.mcp, 1):
            if self._known.servers is not None and block.server not in self._known.servers:
                yield self._found(
                    f"mcp[{number - 1}]",
                    rule_id(self._role.name, len(self._role.allow) + len(self._role.credentials) + number),
                    (ERROR, "unknown"),
                    f"there is no MCP server {block.server}",
                    "Put the server behind the gateway, or take the block out.",
                )

    def _about_no_credential(self, field: str, number: int, credential: str) -> Iterator[Finding]:
        role = self._role
        rule = rule_id(role.name, len(role.allow) + len(role.credentials) + len(role.mcp) + number)
        if self._known.credentials is not None and credential not in self._known.credentials:
            yield self._found(
                field,
                rule,
                (ERROR, "unknown"),
                f"there is no credential {credential}",
                "Write the credential, or take the block out.",
            )

    def _too_broad(self) -> Iterator[Finding]:
        too_much = grants_everything(self._role)
        if too_much:
            rule, grants = too_much
            number = int(rule.rpartition("/")[2])
            yield self._found(
                f"allow[{number - 1}]",
                rule,
                (ERROR, "too-broad"),
                f"would let {grants}",
                "Name the upstream, the methods and the paths that are needed; `role propose` finds them in the log.",
            )
        for number, block in enumerate(self._role.allow, 1):
            if ANY in block.methods and block.upstream != ANY and not too_much:
                yield self._found(
                    f"allow[{number - 1}].methods",
                    rule_id(self._role.name, number),
                    (WARNING, "too-broad"),
                    "lets every method through, also those that delete",
                    "Name the methods.",
                )

    def _about_nothing(self, number: int, block: Allow) -> Iterator[Finding]:
        upstreams = self._known.upstreams
        if upstreams is not None and block.upstream != ANY and block.upstream not in upstreams:
            yield self._found(
                f"allow[{number - 1}].upstream",
                rule_id(self._role.name, number),
                (ERROR, "unknown"),
                f"there is no upstream {block.upstream}",
                "Correct the name, describe the upstream, or take the rule out: it would hold as soon as one has this name.",
            )

    def _shadowed(self, number: int, block: Allow) -> Iterator[Finding]:
        for other, wider in enumerate(self._role.allow, 1):
            # Of two that cover each other, the later one is told of.
            if other != number and _covers(wider, block) and (other < number or not _covers(block, wider)):
                yield self._found(
                    f"allow[{number - 1}]",
                    rule_id(self._role.name, number),
                    (WARNING, "shadowed"),
                    f"changes nothing: {rule_id(self._role.name, other)} allows all of it",
                    "Take it out, or narrow the other one when this is the one that was meant.",
                )
                return
        for index, path in enumerate(block.paths):
            others = [each for each in block.paths if each != path]
            wide = next((each for each in others if covers(known_pattern(each), known_pattern(path))), None)
            if wide is not None:
                yield self._found(
                    f"allow[{number - 1}].paths[{index}]",
                    rule_id(self._role.name, number),
                    (WARNING, "shadowed"),
                    f"the path {path} changes nothing: {wide} covers it",
                    "Take out one of the two.",
                )

    def _unused(self, rule: str, field: str) -> Iterator[Finding]:
        if self._known.used is not None and rule not in self._known.used:
            yield self._found(
                field,
                rule,
                (WARNING, "unused"),
                "allowed nothing of the recorded history",
                "Take it out when nobody will need it; the role's file is kept in the log of its changes.",
            )

    def _found(self, field: str, rule: str, kind: tuple[str, str], what: str, advice: str) -> Finding:
        return Finding(self._file, line_of(self._lines, field), rule, *kind, what, advice)


def _covers(wide: Allow, narrow: Allow) -> bool:
    """Whether whoever may do what `narrow` says, with its scope, may do it by `wide` too."""
    return (
        wide.scope == narrow.scope
        and wide.upstream in {ANY, narrow.upstream}
        and (ANY in wide.methods or set(narrow.methods) <= set(wide.methods))
        and wide.content_types in {(), narrow.content_types}
        and wide.operations in {(), narrow.operations}
        and all(
            any(covers(known_pattern(mine), known_pattern(its)) for mine in wide.paths)
            for its in narrow.paths
        )
    )


def _lint_policy(file: str, name: str, cedar: str, known: Known) -> Iterator[Finding]:
    try:
        policies = parse_policies(cedar, f"policy/{name}", by_hand=True)
    except MalformedPolicy as error:
        yield Finding(file, 0, "", ERROR, "malformed", str(error), "Write it as the schema says.")
        return
    begin = 0
    for rule, policy in policies.items():
        statement = policy.text.strip()
        begin = cedar.index(statement, begin)
        line = cedar.count("\n", 0, begin) + 1
        begin += len(statement)
        too_much = policy_grants_everything({rule: policy})
        if too_much:
            advice = "Name the upstreams, the methods and the paths."
            yield Finding(file, line, rule, ERROR, "too-broad", f"would let {too_much[1]}", advice)
        for what in _unknown(mentions_of(policy.est).entities, known):
            advice = "Correct the name, or take the rule out."
            yield Finding(file, line, rule, ERROR, "unknown", what, advice)
        if known.used is not None and rule not in known.used:
            what = "decided nothing of the recorded history"
            advice = "Take it out when it guards against nothing that can happen."
            yield Finding(file, line, rule, WARNING, "unused", what, advice)


def _unknown(entities: Sequence[tuple[str, str]], known: Known) -> Iterator[str]:
    for kind, name in entities:
        credential = name.removeprefix(CREDENTIAL_SCOPE)
        if kind == "Role" and known.roles is not None and name not in known.roles:
            yield f"there is no role {name}"
        elif kind == "Upstream" and name.startswith(MCP_SCOPE):
            continue
        elif kind == "Upstream" and credential != name:
            if known.credentials is not None and credential not in known.credentials:
                yield f"there is no credential {credential}"
        elif kind == "Upstream" and known.upstreams is not None and name not in known.upstreams:
            yield f"there is no upstream {name}"
