# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl role`: what agents of a role may do."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl import staging, versions
from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.linting import tell_unknown
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_fields, show_json, show_rows

app = typer.Typer(help="What agents of a role may do.", no_args_is_help=True)
versions.add_to(app, "/v1/roles")
staging.add_to(app, "roles")

Name = Annotated[str, typer.Argument(help="The role's name.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the history.")]


@app.command()
def put(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The role file (TOML); - reads standard input.")],
    *,
    allow_broad: Annotated[bool, typer.Option(help="Accept a role that grants everything.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Write a role from its file."""
    text = _text(read_input(file, "the role file"))
    try:
        name = tomllib.loads(text).get("name")
    except tomllib.TOMLDecodeError as error:
        raise Exit(USAGE, f"{file} is not TOML: {error}.") from None
    if not isinstance(name, str) or not name:
        raise Exit(USAGE, f'{file} does not say its name: name = "...".')
    body = {"role_file": text, "allow_broad": allow_broad, "reason": reason}
    written = answer_of(ctx, "PUT", f"/v1/roles/{segment(name)}", body=body)
    if as_json:
        show_json(written)
    else:
        say(f"Wrote the role {name}, version {written.get('version', '?')}.")
        tell_unknown(ctx, file, text)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the roles."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/roles"), "roles")
    columns = ("name", "description", "ttl_seconds", "scopes", "version")
    show_rows(rows, columns, as_json=as_json, empty="There are no roles.")


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show a role: its file, and the Cedar text that is enforced."""
    role = answer_of(ctx, "GET", f"/v1/roles/{segment(name)}")
    texts = {"role_file", "cedar"}
    if as_json:
        show_json(role)
        return
    show_fields({k: v for k, v in role.items() if k not in texts | {"allow"}}, as_json=False)
    for text in ("role_file", "cedar"):
        say(f"\n{text.replace('_', ' ')}:\n{role.get(text, '')}")


@app.command()
def delete(ctx: typer.Context, name: Name, *, reason: Reason = "", as_json: AsJson = False) -> None:
    """Delete a role; agents that hold it have nothing from then on."""
    answer_of(ctx, "DELETE", f"/v1/roles/{segment(name)}", query={"reason": reason} if reason else None)
    done(f"Deleted the role {name}.", as_json=as_json)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Exit(USAGE, "The role file is not UTF-8.") from None
