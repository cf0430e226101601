# SPDX-License-Identifier: Apache-2.0
"""Renders the steps that are due as SQL."""

import io

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from smartagent.storage.migrations.steps import VERSIONS


def script(dialect: str, found: str) -> str:
    """Return the SQL that takes a store of `dialect` from the revision `found` ("": an empty one) to the newest."""
    config = Config()
    directory = ScriptDirectory(str(VERSIONS.parent), version_locations=[str(VERSIONS)])
    text = io.StringIO()

    def steps(revision: tuple[str, ...], context: MigrationContext) -> object:  # noqa: ARG001 -- the signature that Alembic calls
        return directory._upgrade_revs("head", found or None)  # type: ignore[arg-type]  # noqa: SLF001 -- what `alembic upgrade` calls

    with EnvironmentContext(
        config, directory, fn=steps, as_sql=True, starting_rev=found or None, destination_rev="head"
    ) as environment:
        environment.configure(dialect_name=dialect, output_buffer=text, literal_binds=True)
        with environment.begin_transaction():
            environment.run_migrations()
    return text.getvalue()
