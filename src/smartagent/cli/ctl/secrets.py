# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl secret`: what the vault holds.  A value goes in and never comes out again."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_fields, show_json, show_rows

app = typer.Typer(help="The secrets that the gateway puts into calls.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The secret's name.")]
Source = Annotated[
    str, typer.Argument(help="hashivault://MOUNT/PATH?..., awssm:///NAME?... or gcpsm://projects/P/secrets/S")
]


@app.command()
def put(
    ctx: typer.Context,
    name: Name,
    *,
    from_file: Annotated[Path | None, typer.Option(help="Read the value from a file.")] = None,
    keep_newline: Annotated[bool, typer.Option(help="Keep the newline at the end of the value.")] = False,
    cas: Annotated[
        int | None, typer.Option(help="Only after this version; 0: only when there is none.", min=0)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a secret, or a new version of it, in the vault.  The value comes from standard input or a file."""
    value = read_input(from_file, "the secret")
    if not keep_newline:
        value = value.removesuffix(b"\n").removesuffix(b"\r")
    if not value:
        raise Exit(USAGE, "The secret is empty.")
    query = None if cas is None else {"cas": str(cas)}
    kept = answer_of(ctx, "PUT", f"/v1/secrets/{segment(name)}", raw=value, query=query)
    if as_json:
        show_json(kept)
    else:
        say(f"Sealed the secret {name}, version {kept.get('version', '?')}.")


@app.command()
def link(ctx: typer.Context, name: Name, source: Source, *, as_json: AsJson = False) -> None:
    """Say that another store keeps the secret; it is read there when it is needed."""
    kept = answer_of(ctx, "PUT", f"/v1/secrets/{segment(name)}/source", body={"source": source})
    done(f"{name} is read from {source}, version {kept.get('version')}.", as_json=as_json)


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .env file: NAME=value, one a line.")],
    *,
    prefix: Annotated[str, typer.Option(help="What the names in the vault begin with.")] = "",
    replace: Annotated[bool, typer.Option(help="Write new versions of secrets that are there.")] = False,
    shred: Annotated[
        bool | None, typer.Option("--shred/--keep", help="Overwrite and delete the file, or leave it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put what a .env file holds into the vault, each variable as a secret; offer to shred the file."""
    from smartagent.cli.ctl.dotenv import read_dotenv, shredded  # noqa: PLC0415 -- only here

    found = read_dotenv(file, prefix)
    if not found:
        raise Exit(USAGE, f"{file} sets nothing.")
    query = None if replace else {"cas": "0"}
    for each in found:
        answer_of(ctx, "PUT", f"/v1/secrets/{segment(each.name)}", raw=each.value.encode(), query=query)
        if not as_json:
            say(f"{each.variable} is the secret {each.name} now.")
    if shred is None:
        shred = sys.stdin.isatty() and typer.confirm(f"Overwrite and delete {file}?", default=False)
    gone = shredded(file) if shred else False
    left = f"{file} still holds them: shred it." if not gone else f"{file} was overwritten and deleted."
    if as_json:
        show_json({"secrets": [each.name for each in found], "shredded": gone})
    else:
        say(left)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the secrets: their names and versions."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/secrets"), "secrets")
    show_rows(rows, ("name", "version", "used_by", "id"), as_json=as_json, empty="The vault is empty.")


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show a secret's versions and users, not its value."""
    show_fields(answer_of(ctx, "GET", f"/v1/secrets/{segment(name)}"), as_json=as_json)


@app.command()
def rollback(ctx: typer.Context, name: Name, version: int, *, as_json: AsJson = False) -> None:
    """Make an earlier version's value the current one again, as a new version."""
    kept = answer_of(ctx, "POST", f"/v1/secrets/{segment(name)}/rollback", body={"version": version})
    done(
        f"{name} is version {kept.get('version')} now, with the value of version {version}.", as_json=as_json
    )


@app.command()
def destroy(ctx: typer.Context, name: Name, versions: list[int], *, as_json: AsJson = False) -> None:
    """Forget the values of earlier versions for ever."""
    answer_of(ctx, "POST", f"/v1/secrets/{segment(name)}/destroy", body={"versions": versions})
    done(f"Destroyed of {name}: {', '.join(map(str, versions))}.", as_json=as_json)


@app.command()
def delete(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Delete a secret and all its versions."""
    answer_of(ctx, "DELETE", f"/v1/secrets/{segment(name)}")
    done(f"Deleted the secret {name}.", as_json=as_json)
