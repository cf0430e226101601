# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl role history`, `diff` and `rollback`, and the same of `policy`: what was in force before."""

from collections.abc import Mapping
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_json, show_rows

_COLUMNS = ("version", "in_force", "deleted", "changed_at", "changed_by", "reason", "digest")

Name = Annotated[str, typer.Argument(help="Its name.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it stands in the history and in the log.")]


def add_to(app: typer.Typer, path: str) -> None:
    """Add the commands to `app`, whose things are at `path`."""

    @app.command()
    def history(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
        """List the versions: who wrote them, when and why."""
        answer = answer_of(ctx, "GET", f"{path}/{segment(name)}/versions")
        show_rows(rows_of(answer, "versions"), _COLUMNS, as_json=as_json, empty="There are no versions.")

    @app.command()
    def diff(
        ctx: typer.Context,
        name: Name,
        old: Annotated[int, typer.Argument(help="A version; without it, the one before the other.")] = 0,
        new: Annotated[int, typer.Argument(help="A version; without it, the newest.")] = 0,
        *,
        as_json: AsJson = False,
    ) -> None:
        """Say what changed between two versions, line by line and in words."""
        newest = new or _newest(ctx, path, name)
        query = {"from": str(old)} if old else None
        found = answer_of(ctx, "GET", f"{path}/{segment(name)}/versions/{newest}/diff", query=query)
        if as_json:
            show_json(found)
        else:
            tell_difference(found)

    @app.command()
    def rollback(
        ctx: typer.Context,
        name: Name,
        version: Annotated[int, typer.Argument(help="The version whose text shall be in force again.")],
        *,
        reason: Why,
        as_json: AsJson = False,
    ) -> None:
        """Bring an old version's text into force again, as a new version."""
        body = {"version": version, "reason": reason}
        written = answer_of(ctx, "POST", f"{path}/{segment(name)}/rollback", body=body)
        if as_json:
            show_json(written)
        else:
            say(
                f"{name} says again what it said in version {version}; this is version {written.get('version')}."
            )


def tell_difference(found: Mapping[str, object]) -> None:
    """Show a difference: the lines, and in words what comes and goes."""
    say(str(found.get("diff")) or "Nothing changed.")
    for member, mark in (("comes", "+"), ("goes", "-")):
        lines = found.get(member)
        if isinstance(lines, list) and lines:
            say(f"\nWhat {member}:")
            for line in lines:
                say(f"  {mark} {line}")


def _newest(ctx: typer.Context, path: str, name: str) -> int:
    rows = rows_of(answer_of(ctx, "GET", f"{path}/{segment(name)}/versions"), "versions")
    number = rows[0].get("version") if rows else None
    if not isinstance(number, int):
        raise Exit(USAGE, f"{name} has no versions.")
    return number
