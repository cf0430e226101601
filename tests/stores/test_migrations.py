# SPDX-License-Identifier: Apache-2.0
"""The steps lead to the tables as they are defined, on both engines, and never backwards."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.schema import CreateIndex, CreateTable

import smartagent
from smartagent.storage import SchemaTooNew, SchemaTooOld, WriterRuns, metadata, migrate
from smartagent.storage.beside import alone
from smartagent.storage.migration import require_current
from smartagent.storage.migrations.steps import latest_revision

for store in sorted(Path(smartagent.__file__).parent.glob("*/store.py")):
    import_module(f"smartagent.{store.parent.name}.store")

PLAIN = {"INTEGER", "BIGINT", "TEXT", "BLOB"}


def definitions(dialect) -> list[str]:
    tables = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    indexes = [index for table in metadata.sorted_tables for index in table.indexes]
    return tables + [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]


def sqlite_schema(connection: sqlite3.Connection):
    tables = [
        row[0]
        for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    ]
    schema = {}
    for table in tables:
        indexes = connection.execute(f"PRAGMA index_list({table})").fetchall()
        schema[table] = (
            sorted(connection.execute(f"PRAGMA table_info({table})").fetchall()),
            sorted(
                (row[2], row[3], row[4], tuple(connection.execute(f"PRAGMA index_info({row[1]})").fetchall()))
                for row in indexes
            ),
            sorted(row[2:] for row in connection.execute(f"PRAGMA foreign_key_list({table})")),
        )
    return schema


def test_the_steps_make_the_tables_that_are_defined_on_sqlite(tmp_path: Path):
    migrate(tmp_path / "store.db")
    migrated = sqlite3.connect(tmp_path / "store.db")
    defined = sqlite3.connect(":memory:")
    defined.executescript(";".join(definitions(SQLiteDialect_pysqlite())))
    found = sqlite_schema(migrated)
    del found["alembic_version"]
    wanted = sqlite_schema(defined)
    assert found.keys() == wanted.keys()
    for table, definition in wanted.items():
        assert (table, found[table]) == (table, definition)
    migrated.close()
    defined.close()


SHAPE = """
    SELECT table_name, column_name, data_type, is_nullable, column_default::text
    FROM information_schema.columns WHERE table_schema = $1 AND table_name <> 'alembic_version' ORDER BY 1, 2
"""
RULES = """
    SELECT conrelid::regclass::text, contype::text, replace(pg_get_constraintdef(oid), $1 || '.', '')
    FROM pg_constraint WHERE connamespace = $1::regnamespace AND contype <> 'n'
    AND conrelid::regclass::text NOT LIKE '%alembic_version' ORDER BY 1, 2, 3
"""
INDEXES = """
    SELECT tablename, replace(indexdef, $1 || '.', '') FROM pg_indexes
    WHERE schemaname = $1 AND tablename <> 'alembic_version' ORDER BY 1, 2
"""


async def _postgres_schema(url: str, schema: str):
    connection = await asyncpg.connect(url, server_settings={"search_path": schema})
    try:
        rows = [await connection.fetch(query, schema) for query in (SHAPE, RULES, INDEXES)]
        return [[tuple(row) for row in each] for each in rows]
    finally:
        await connection.close()


@pytest.mark.postgres
def test_the_steps_make_the_tables_that_are_defined_on_postgres(fresh_database: str):
    async def define() -> None:
        connection = await asyncpg.connect(fresh_database)
        await connection.execute("CREATE SCHEMA defined; SET search_path TO defined")
        for definition in definitions(PGDialect_asyncpg()):
            await connection.execute(definition)
        await connection.close()

    migrate(fresh_database)
    asyncio.run(define())
    migrated = asyncio.run(_postgres_schema(fresh_database, "public"))
    assert migrated[0]
    for found, wanted in zip(migrated, asyncio.run(_postgres_schema(fresh_database, "defined")), strict=True):
        assert set(found) ^ set(wanted) == set()
    migrate(fresh_database)


def test_every_column_is_of_a_type_that_both_engines_mean_the_same_by():
    for table in metadata.sorted_tables:
        for column in table.columns:
            assert str(column.type.compile(dialect=SQLiteDialect_pysqlite())) in PLAIN, (
                f"{table}.{column.name}"
            )
            assert column.default is None, f"{table}.{column.name}: values come with the write"


def test_a_store_of_a_newer_release_is_refused_and_left_alone(tmp_path: Path):
    path = tmp_path / "store.db"
    migrate(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    with pytest.raises(SchemaTooNew, match="9999"):
        migrate(path)
    with pytest.raises(SchemaTooNew):
        require_current(connection)
    connection.close()


@pytest.mark.postgres
def test_a_database_of_a_newer_release_is_refused(fresh_database: str):
    async def age() -> None:
        connection = await asyncpg.connect(fresh_database)
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await connection.close()

    migrate(fresh_database)
    asyncio.run(age())
    with pytest.raises(SchemaTooNew):
        migrate(fresh_database)


def test_an_empty_store_is_too_old_to_be_written(tmp_path: Path):
    connection = sqlite3.connect(tmp_path / "empty.db")
    with pytest.raises(SchemaTooOld, match=latest_revision()):
        require_current(connection)
    connection.close()


def test_only_its_owner_can_read_a_new_store(tmp_path: Path):
    migrate(tmp_path / "store.db")
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


def test_steps_wait_for_nobody_who_writes_the_store(tmp_path: Path):
    with alone(tmp_path / "store.db"), pytest.raises(WriterRuns):
        migrate(tmp_path / "store.db")


def test_a_current_store_is_recognised_without_alembic_or_sqlalchemy(tmp_path: Path):
    migrate(tmp_path / "store.db")
    script = (
        "import sys; from smartagent.storage import migrate, run_writer; migrate(sys.argv[1]);"
        "heavy = {'alembic', 'sqlalchemy', 'asyncpg'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "store.db")]
    source = str(Path(smartagent.__file__).parents[1])
    subprocess.run(command, check=True, env={"PYTHONPATH": source})
