# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl sealing-key`: what wraps the keys of secrets, and wrapping them anew."""

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.render import say, show_json, show_rows

app = typer.Typer(help="The keys that everything sealed is wrapped with.", no_args_is_help=True)


@app.command()
def show(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the sealing keys, and what is still wrapped by older ones."""
    answer = answer_of(ctx, "GET", "/v1/sealing-keys")
    if as_json:
        show_json(answer)
        return
    show_rows(
        rows_of(answer, "keys"), ("number", "state", "created_at"), as_json=False, empty="There is none."
    )
    left = answer.get("left")
    behind = {place: many for place, many in left.items() if many} if isinstance(left, dict) else {}
    if behind:
        say("Still to be wrapped anew, counted to 100: " + ", ".join(f"{k} {v}" for k, v in behind.items()))
    else:
        say("Everything is wrapped by the active key.")


@app.command()
def rotate(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Make a new sealing key; everything is wrapped with it while everything goes on."""
    key = answer_of(ctx, "POST", "/v1/sealing-keys")
    done(
        f"Sealing key {key.get('number')} is published. Look at: smartagentctl sealing-key show",
        as_json=as_json,
    )
