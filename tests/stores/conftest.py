# SPDX-License-Identifier: Apache-2.0
"""Each store for real: SQLite with a writer process, and PostgreSQL (see `tests.stores.postgres`)."""

from pathlib import Path

import pytest

from smartagent.storage import migrate
from tests.stores.postgres import fresh_database, postgres_server, postgres_site, postgres_template  # noqa: F401 -- fixtures
from tests.stores.sites import SqliteSite, reap_all


@pytest.fixture(autouse=True)
def no_writer_outlives_its_test():
    """Reap what a failed test left running."""
    yield
    reap_all()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "store.db"
    migrate(path)
    return path


@pytest.fixture
def sqlite_path(sqlite_template: Path, tmp_path: Path) -> Path:
    """The path of a migrated store."""
    path = tmp_path / "store.db"
    path.write_bytes(sqlite_template.read_bytes())
    return path


@pytest.fixture
async def sqlite_site(sqlite_path: Path):
    site = SqliteSite(sqlite_path)
    yield site
    await site.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest):
    """A store on each engine in turn."""
    return request.getfixturevalue(f"{request.param}_site")
