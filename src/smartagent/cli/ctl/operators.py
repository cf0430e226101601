# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl operator`: who runs the house, and what they may do."""

from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.render import say, show_json, show_rows
from smartagent.kernel import OperatorRole

app = typer.Typer(help="Who runs the house, and what they may do.", no_args_is_help=True)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the operators and their roles."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/operators"), "operators")
    show_rows(
        rows, ("id", "name", "role", "created_at"), as_json=as_json, empty="Nobody claimed the house yet."
    )


@app.command()
def role(
    ctx: typer.Context,
    operator: Annotated[str, typer.Argument(help="The operator's id.")],
    role: Annotated[OperatorRole, typer.Argument(help="viewer, approver, operator or security-officer.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what an operator may do.  Security officers alone may; one always stays."""
    body = {"role": role.value, "reason": reason}
    changed = answer_of(ctx, "POST", f"/v1/operators/{segment(operator)}/role", body=body)
    if as_json:
        show_json(changed)
    else:
        say(f"{changed.get('name')}: {changed.get('role')}.")
