# SPDX-License-Identifier: Apache-2.0
"""Writes a new step: the difference between the steps so far and the tables as they are defined."""

import re
from pathlib import Path
from typing import Final

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from smartagent.storage.migrations.render import script
from smartagent.storage.migrations.steps import VERSIONS
from smartagent.storage.schema import metadata

_STEP: Final = '''\
# SPDX-License-Identifier: Apache-2.0
"""{sentence}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {before}


def upgrade() -> None:
    """Take this step."""
{body}
'''


def autogenerate(sentence: str) -> Path:
    """Write the step that `sentence` describes, and return where.

    It covers the tables that are defined by now: import the modules that define them first.
    """
    numbers = sorted(step.name[:4] for step in VERSIONS.glob("[0-9]*.py"))
    before = numbers[-1] if numbers else ""
    revision = f"{int(before or '0') + 1:04}"
    words = "_".join(re.findall(r"[a-z0-9]+", sentence.lower()))
    path = VERSIONS / f"{revision}_{words}.py"
    path.write_text(
        _STEP.format(
            sentence=sentence,
            revision=revision,
            before=f'"{before}"' if before else None,
            body=_body(bool(numbers)),
        )
    )
    return path


def _body(steps_exist: bool) -> str:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.connect() as connection:
        if steps_exist:
            raw = connection.connection.driver_connection
            raw.executescript(script("sqlite", ""))  # type: ignore[union-attr]  # sqlite3's own connection
        context = MigrationContext.configure(
            connection, opts={"target_metadata": metadata, "compare_type": True}
        )
        operations = produce_migrations(context, metadata).upgrade_ops
        code = render_python_code(operations) if operations is not None else "pass"
    engine.dispose()
    return "\n".join(
        f"    {line}".rstrip() for line in code.replace("\n    ", "\n").splitlines() if "###" not in line
    )
