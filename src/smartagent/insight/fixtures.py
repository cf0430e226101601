# SPDX-License-Identifier: Apache-2.0
"""Tests of rules: what is expected of a call, and what the rules say.

[[test]]
name = "readers read orders"
role = "order-reader"
upstream = "orders"
method = "GET"
path = "/orders/7"
expect = "permit"
rule = "role/order-reader/1"
"""

import re
import tomllib
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from smartagent.insight.errors import MalformedTests
from smartagent.kernel import Caller, CallerKind, Permitted, Verdict
from smartagent.policy import Book, Call, Given

RoleOf = Callable[[str], str]
"""Tells the role of an agent; empty when there is none."""

_CALL: Final = ("upstream", "method", "path")


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One test: who (an agent, or any of a role), what (a call, or a lease), and what is expected.

    Without `scopes`, the caller holds all of the role's.  `for_role` is the role of an agent they act for.
    Without `rule`, any rule may decide.  `operation` and `fields` are as policies see them.
    `circumstances` are what policies may ask for besides; what is not said there is not known.
    """

    name: str
    expect: Literal["permit", "deny"]
    agent: str = ""
    role: str = ""
    for_role: str = ""
    scopes: list[str] | None = None
    client_ip: str = ""
    upstream: str = ""
    method: str = ""
    path: str = ""
    content_type: str = ""
    operation: str = ""
    fields: tuple[str, ...] = ()
    lease: str = ""
    rule: str = ""
    circumstances: Given = Given()


class Result(msgspec.Struct, frozen=True):
    """What came of a test.  `line` is where it begins in its file."""

    name: str
    line: int
    passed: bool
    expected: str
    got: str
    rules: tuple[str, ...]
    reason: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    test: list[Case]


def parse_cases(text: str) -> list[Case]:
    """Read a file of tests.

    Raises:
        MalformedTests: It is none; says which member.
    """
    try:
        cases = msgspec.convert(tomllib.loads(text), _File).test
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MalformedTests(str(error)) from error
    for number, case in enumerate(cases):
        named = [member for member in _CALL if getattr(case, member)]
        if len(named) != (0 if case.lease else len(_CALL)):
            raise MalformedTests(
                f"test[{number}]: say upstream, method and path of a call, or what is leased"
            )
        if bool(case.agent) == bool(case.role):
            raise MalformedTests(f"test[{number}]: say either an agent or a role")
    if not cases:
        raise MalformedTests("there is no [[test]] in it")
    return cases


def run_cases(text: str, book: Book, role_of: RoleOf) -> list[Result]:
    """Ask the rules of `book` about every test of a file.

    Raises:
        MalformedTests: The file is none.
    """
    lines = [
        number for number, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*test\s*\]\]", line)
    ]
    # Written as an array of tables they have a line each; written in another way they have none.
    cases = parse_cases(text)
    lines = lines if len(lines) == len(cases) else [0] * len(cases)
    return [_result(case, line, book, role_of) for case, line in zip(cases, lines, strict=True)]


def _result(case: Case, line: int, book: Book, role_of: RoleOf) -> Result:
    verdict = _decide(case, book, case.role or role_of(case.agent))
    got = "permit" if isinstance(verdict, Permitted) else "deny"
    return Result(
        name=case.name,
        line=line,
        passed=got == case.expect and (not case.rule or case.rule in verdict.rules),
        expected=f"{case.expect} by {case.rule}" if case.rule else case.expect,
        got=f"{got} by {', '.join(verdict.rules)}" if verdict.rules else got,
        rules=verdict.rules,
        reason="" if isinstance(verdict, Permitted) else verdict.reason,
    )


def _decide(case: Case, book: Book, role: str) -> Verdict:
    grants = book.grants(role)
    scopes = case.scopes if case.scopes is not None else list(grants.scopes if grants else ())
    caller = Caller(
        principal=case.agent or "agt_test",
        kind=CallerKind.AGENT,
        role=role,
        scopes=frozenset(scopes),
        client_ip=case.client_ip,
        subject_role=case.for_role,
    )
    caller = case.circumstances.applied_to(caller, book.now_of(caller))
    if case.lease:
        return book.decide_lease(caller, case.lease)
    call = Call(case.upstream, case.method, case.path, case.content_type, case.operation, case.fields)
    return book.decide_for_both(caller, call)
