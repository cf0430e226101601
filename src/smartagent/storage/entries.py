# SPDX-License-Identifier: Apache-2.0
"""Tables of named entries: each is written over the version before it, and whoever comes second loses."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.sql.elements import BindParameter

from smartagent.kernel import Scalar, SmartAgentError, Write
from smartagent.storage.database import Database
from smartagent.storage.log import Row
from smartagent.storage.schema import metadata


def new_values(*names: str) -> dict[str, BindParameter[object]]:
    """Return what an insert or an update sets: the column `x` to the parameter `new_x`."""
    return {name: bindparam("new_" + name) for name in names}


class Entries:
    """What is said to a table with the columns `name` and `version`.

    Args:
        name: The table's, which `metadata` has.  Rows are read with its columns in their order.
    """

    def __init__(self, name: str) -> None:
        table = metadata.tables[name]
        # `version` is what the writer has seen: whoever comes second loses, and looks again.
        named = table.c.name == bindparam("old_name")
        seen = named & (table.c.version == bindparam("old_version"))
        columns = new_values(*[column.name for column in table.columns])
        self._all: object = select(table).order_by(table.c.name)
        self._one: object = select(table).where(named)
        self._add: object = insert(table).values(columns)
        self._change: object = update(table).where(seen).values(columns)
        self._drop: object = delete(table).where(seen)

    async def read(self, database: Database, name: str = "") -> Sequence[Row]:
        """Read the entry `name`, or all of them by name.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        if name:
            return await database.fetch(self._one, {"old_name": name})
        return await database.fetch(self._all)

    def put(self, row: Mapping[str, Scalar], version: int, lost: SmartAgentError) -> Write:
        """Write a row over the version before it; version 1 is a new entry.

        Args:
            row: Every column but `version`.
            version: The one that is written.
            lost: What it means that somebody else wrote meanwhile.
        """
        values: dict[str, Scalar] = {"new_" + column: value for column, value in row.items()}
        values["new_version"] = version
        if version == 1:
            return Write(self._add, values, lost)
        return Write(self._change, values | {"old_name": row["name"], "old_version": version - 1}, lost)

    def drop(self, name: str, version: int, lost: SmartAgentError) -> Write:
        """Delete the version of an entry that was seen."""
        return Write(self._drop, {"old_name": name, "old_version": version}, lost)
