# SPDX-License-Identifier: Apache-2.0
"""Reads the package's source for what it declares: calls, their arguments, and what those come to.

Running the house to ask it for its routes would need a store and keys; the source says the same.
"""

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import smartagent

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "smartagent"


class Unresolved(Exception):
    """An argument is not a constant, so nobody can write it down without running the house."""


class Call(NamedTuple):
    """A call as it stands in the source: its arguments by name, and where it stands."""

    module: ModuleType
    enclosing: ast.FunctionDef | ast.AsyncFunctionDef | None
    arguments: Mapping[str, ast.expr]
    line: int

    def text(self, name: str, default: str = "") -> str:
        """Return the argument `name` as text.

        Raises:
            Unresolved: It is neither a literal nor the name of a constant.
        """
        if name not in self.arguments:
            return default
        return str(resolve(self.arguments[name], self.module))

    @property
    def room(self) -> str:
        """The room it stands in."""
        return self.module.__name__.split(".")[1]

    @property
    def where(self) -> str:
        """The module and line, for an error's text."""
        return f"{self.module.__name__}:{self.line}"


@cache
def modules() -> tuple[ModuleType, ...]:
    """Return every module of the package, imported."""
    names = (info.name for info in pkgutil.walk_packages(smartagent.__path__, "smartagent."))
    return (smartagent, *(importlib.import_module(name) for name in names if _is_quiet(name)))


@cache
def tree(module: ModuleType) -> ast.Module:
    """Return `module`'s syntax tree."""
    return ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))


def calls(callee: str, positional: tuple[str, ...]) -> Iterator[Call]:
    """Find every call of `callee`, with its positional arguments named by `positional`.

    A call inside a function that passes its own parameters on is found once for each call of that
    function in its module, with what is passed there.
    """
    for module in modules():
        for enclosing, node in _calls_in(tree(module), None):
            if _name_of(node) == callee:
                call = Call(module, enclosing, _arguments(node, positional), node.lineno)
                yield from _passed_on(call) if _passes_on(call) else (call,)


def _passes_on(call: Call) -> bool:
    own = set(_parameters(call))
    return any(isinstance(value, ast.Name) and value.id in own for value in call.arguments.values())


def _passed_on(call: Call) -> Iterator[Call]:
    names = _parameters(call)
    maker = "" if call.enclosing is None else call.enclosing.name
    for _, node in _calls_in(tree(call.module), None):
        if _name_of(node) == maker:
            given = _arguments(node, names)
            arguments = {
                name: given.get(value.id, value) if isinstance(value, ast.Name) else value
                for name, value in call.arguments.items()
            }
            yield call._replace(arguments=arguments, line=node.lineno)


def _parameters(call: Call) -> tuple[str, ...]:
    if call.enclosing is None:
        return ()
    return tuple(each.arg for each in (*call.enclosing.args.args, *call.enclosing.args.kwonlyargs))


def _arguments(node: ast.Call, positional: tuple[str, ...]) -> dict[str, ast.expr]:
    named = dict(zip(positional, node.args, strict=False))
    return named | {word.arg: word.value for word in node.keywords if word.arg}


def _name_of(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else str(getattr(node.func, "id", ""))


def resolve(node: ast.expr, module: ModuleType) -> object:
    """Return what `node` comes to: a literal, or a constant that `module` can see.

    Raises:
        Unresolved: It is computed.
    """
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    names: list[str] = []
    inner = node
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name) or not hasattr(module, inner.id):
        raise Unresolved(ast.unparse(node))
    value: object = getattr(module, inner.id)
    for name in reversed(names):
        value = getattr(value, name)
    return value


def sentence(text: str | None) -> str:
    """Return the first paragraph of `text` on one line, fit for a table's cell."""
    paragraph = (text or "").strip().split("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|").replace("<", "&lt;")


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _is_quiet(name: str) -> bool:
    """Whether importing it does nothing: migrations want a database, and `__main__` runs."""
    return ".migrations" not in name and not name.endswith("__main__")


def _calls_in(node: ast.AST, enclosing: Function | None) -> Iterator[tuple[Function | None, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield enclosing, child
        yield from _calls_in(child, child if isinstance(child, Function) else enclosing)
