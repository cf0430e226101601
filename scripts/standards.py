# SPDX-License-Identifier: Apache-2.0
"""Which specs are kept, as far as tests say so: requirements, and the marks that prove them.

`tests/conformance/specs.toml` lists the specs, `tests/conformance/requirements` what they ask, each
with an id.  A test names the ids it proves in `@pytest.mark.requirement(...)`.  The tests are read,
not run, so what is found does not depend on which of them were collected.
"""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from scripts.source import ROOT

TESTS: Final = ROOT / "tests"
CONFORMANCE: Final = TESTS / "conformance"
MARK: Final = "requirement"
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a spec asks."""

    id: str
    spec: str
    section: str
    level: Literal["MUST", "SHOULD", "MAY"]
    text: str


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A spec, and which of its versions is meant.

    `supported` and `unsupported` say what is done of it; both in a line.
    """

    id: str
    title: str
    version: str
    date: str
    status: str
    supported: str
    unsupported: str = ""


class Proof(NamedTuple):
    """A test that names a requirement."""

    requirement: str
    path: Path
    test: str


def specs() -> Sequence[Spec]:
    """Return the specs, in the order of their table."""
    table = tomllib.loads((CONFORMANCE / "specs.toml").read_text(encoding="utf-8"))
    return msgspec.convert(table["spec"], list[Spec])


def requirements() -> Sequence[Requirement]:
    """Return every requirement, as the areas' files have them."""
    found: list[Requirement] = []
    for path in sorted((CONFORMANCE / "requirements").glob("*.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found += msgspec.convert(table.get("requirement", []), list[Requirement])
    return found


def proofs() -> Sequence[Proof]:
    """Return every mark of every test: on itself, its class, its module, or one of its parameters."""
    return [proof for path in sorted(TESTS.rglob("test_*.py")) for proof in _proofs_in(path)]


def page(note: str) -> str:
    """Return the page of standards."""
    proven: dict[str, dict[str, Path]] = defaultdict(dict)
    for proof in proofs():
        proven[proof.requirement][proof.test] = proof.path
    by_spec: dict[str, list[Requirement]] = defaultdict(list)
    for requirement in requirements():
        by_spec[requirement.spec].append(requirement)
    listed = [spec for spec in specs() if spec.id in by_spec]
    parts = [note, "# Standards\n", _opening(by_spec), _table(by_spec)]
    parts += [_section(spec, by_spec[spec.id], proven) for spec in listed]
    return "\n".join(parts)


def _opening(by_spec: Mapping[str, Sequence[Requirement]]) -> str:
    every = [requirement for found in by_spec.values() for requirement in found]
    levels = ", ".join(
        f"{sum(r.level == level for r in every)} {level}" for level in ("MUST", "SHOULD", "MAY")
    )
    return (
        f"Each requirement below has an id, and a test that names it. There are {len(every)} ({levels}).\n"
        "Drafts are named with their number: what a later one changes is not done before this page says so.\n"
    )


def _table(by_spec: Mapping[str, Sequence[Requirement]]) -> str:
    lines = [
        "| spec | version | status | supported | not supported | requirements |",
        "|---|---|---|---|---|---|",
    ]
    for spec in specs():
        count = len(by_spec.get(spec.id, ()))
        version = spec.date if spec.version == spec.status else f"{spec.version} ({spec.date})"
        name = f"[{spec.id}](#{_anchor(spec)})" if count else spec.id
        lines.append(
            f"| {name}: {spec.title} | {version} | {spec.status} | {spec.supported} "
            f"| {spec.unsupported or 'nothing that we know of'} | {count} |"
        )
    return "\n".join(lines) + "\n"


def _section(spec: Spec, found: Iterable[Requirement], proven: Mapping[str, Mapping[str, Path]]) -> str:
    lines = [f"## {_heading(spec)}\n", "| id | section | level | what | tests |", "|---|---|---|---|---|"]
    for requirement in sorted(found, key=lambda each: _natural(each.id)):
        tests = ", ".join(
            f"[`{test}`](../../{path.relative_to(ROOT)})"
            for test, path in sorted(proven.get(requirement.id, {}).items())
        )
        lines.append(
            f"| {requirement.id} | {requirement.section} | {requirement.level} | {requirement.text} | {tests} |"
        )
    return "\n".join(lines) + "\n"


def _heading(spec: Spec) -> str:
    return f"{spec.id}: {spec.title}"


def _anchor(spec: Spec) -> str:
    kept = "".join(c for c in _heading(spec).lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sort `4.10` behind `4.9`."""
    words = "".join(c if c.isdigit() else f" {c} " for c in name).split()
    return tuple((int(word), "") if word.isdigit() else (-1, word) for word in words)


def _proofs_in(path: Path) -> Iterator[Proof]:
    module = ast.parse(path.read_text(encoding="utf-8"))
    named = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    everywhere = [named["pytestmark"]] if "pytestmark" in named else []
    holders: list[ast.Module | ast.ClassDef] = [
        module,
        *(node for node in module.body if isinstance(node, ast.ClassDef)),
    ]
    for holder in holders:
        inherited = everywhere + (holder.decorator_list if isinstance(holder, ast.ClassDef) else [])
        for node in holder.body:
            if isinstance(node, _FUNCTIONS) and node.name.startswith("test_"):
                marked = _with_constants([*inherited, *node.decorator_list], named)
                yield from (Proof(name, path, node.name) for name in sorted(set(_ids(marked))))


def _with_constants(nodes: Sequence[ast.expr], named: Mapping[str, ast.expr]) -> Sequence[ast.expr]:
    """Add what the module's constants hold that the decorators name: a table of parameters carries marks."""
    mentioned = {
        child.id
        for node in nodes
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and child.id in named
    }
    return [*nodes, *(named[name] for name in sorted(mentioned))]


def _ids(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        for call in ast.walk(node):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr == MARK:
                yield from (str(ast.literal_eval(argument)) for argument in call.args)
