# SPDX-License-Identifier: Apache-2.0
"""Makes the tables as `metadata` says, without an engine."""

import sqlite3

from sqlalchemy import MetaData
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.schema import CreateTable


def create_all(connection: sqlite3.Connection, metadata: MetaData) -> None:
    for table in metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=SQLiteDialect_pysqlite())))
