# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy Core statements, compiled once per dialect.

Rooms hold their statements as module constants, so a statement object names its text: it is
compiled when it is first used, and afterwards only its values travel.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import Integer, LargeBinary, String
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, ClauseElement
from sqlalchemy.types import NullType

from smartagent.kernel import Scalar

_KEPT: Final = 4096
_PLAIN = (Integer, String, LargeBinary, NullType)


class Parameter(msgspec.Struct, frozen=True):
    """One place for a value, and what stands there when none is given."""

    name: str
    required: bool
    default: Scalar


class Compiled(msgspec.Struct, frozen=True):
    """A statement's text in one dialect, and its places in their order."""

    sql: str
    parameters: tuple[Parameter, ...]

    def values(self, given: Mapping[str, Scalar]) -> tuple[Scalar, ...]:
        """Return the values of `given` in the order of the statement's places.

        Raises:
            TypeError: A value is missing, or belongs to no place.
        """
        names = {parameter.name for parameter in self.parameters}
        missing = [each.name for each in self.parameters if each.required and each.name not in given]
        if missing or not given.keys() <= names:
            message = f"values missing: {missing}; without a place: {sorted(given.keys() - names)}"
            raise TypeError(message)
        return tuple([given.get(each.name, each.default) for each in self.parameters])


class Compiler:
    """Compiles for one dialect, and remembers."""

    def __init__(self, dialect: Dialect, most: int = _KEPT) -> None:
        self._most = most
        self._dialect = dialect
        self._compiled: dict[object, Compiled] = {}

    def __call__(self, statement: object) -> Compiled:
        """Return `statement` compiled.

        Raises:
            TypeError: It is not a Core statement, or has a value of a type with a conversion.
        """
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compile(statement)
            if (
                len(self._compiled) >= self._most
            ):  # statements are made per call somewhere: forget, do not grow
                self._compiled.clear()
            self._compiled[statement] = compiled
        return compiled

    def _compile(self, statement: object) -> Compiled:
        if not isinstance(statement, ClauseElement):
            message = f"a {type(statement).__name__} is not a SQLAlchemy Core statement"
            raise TypeError(message)
        text = statement.compile(dialect=self._dialect)
        if not isinstance(text, SQLCompiler):
            message = "only select, insert, update and delete"
            raise TypeError(message)
        names = text.positiontup if text.positiontup is not None else []
        return Compiled(str(text), tuple([_parameter(text.binds[name]) for name in names]))


def _parameter(bind: BindParameter[object]) -> Parameter:
    if not isinstance(bind.type, _PLAIN) or bind.expanding or bind.callable is not None:
        message = f"the value {bind.key} is not a plain integer, text or bytes"
        raise TypeError(message)
    default = bind.value
    if not isinstance(default, str | int | bytes | None):
        message = f"the value {bind.key} is not a plain integer, text or bytes"
        raise TypeError(message)
    return Parameter(bind.key, required=bind.required, default=default)


def sqlite_compiler(most: int = _KEPT) -> Compiler:
    """Return a compiler for sqlite3, whose places are `?`; it remembers at most `most` statements."""
    return Compiler(SQLiteDialect_pysqlite(paramstyle="qmark"), most)


def postgres_compiler() -> Compiler:
    """Return a compiler for asyncpg, whose places are `$1`, `$2`, ..."""
    return Compiler(PGDialect_asyncpg())  # type: ignore[no-untyped-call]  # SQLAlchemy's own constructor
