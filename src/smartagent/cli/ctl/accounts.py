# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl account`: accounts at OAuth providers, whose refresh tokens the authority holds."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import show_fields, show_rows

app = typer.Typer(
    help="Accounts at OAuth providers; the authority refreshes their tokens.", no_args_is_help=True
)

Which = Annotated[str, typer.Argument(help="PROVIDER/NAME, as in google/ada.")]


@app.command()
def connect(  # noqa: PLR0913 -- what an OAuth client is
    ctx: typer.Context,
    which: Which,
    *,
    token_endpoint: Annotated[str, typer.Option(help="Where the provider gives tokens.")],
    client_id: Annotated[str, typer.Option(help="The client that the refresh token was given to.")],
    client_secret: Annotated[str, typer.Option(help="The secret of the vault that is the client's.")] = "",
    auth: Annotated[str, typer.Option(help="basic, post or none.")] = "basic",
    scope: Annotated[list[str] | None, typer.Option(help="May be said more than once.")] = None,
    from_file: Annotated[Path | None, typer.Option(help="Read the refresh token from a file.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Connect it again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hand over a refresh token, from standard input or a file; nobody sees it again."""
    try:
        token = read_input(from_file, "the refresh token").decode().strip()
    except UnicodeDecodeError:
        raise Exit(USAGE, "The refresh token is no text.") from None
    body: dict[str, object] = {
        "token_endpoint": token_endpoint,
        "client_id": client_id,
        "client_secret": client_secret,
        "auth": auth if client_secret else "none",
        "scopes": scope or [],
        "refresh_token": token,
    }
    answer_of(ctx, "PUT", _path(which), body=body, query={"replace": "true"} if replace else None)
    answer = answer_of(ctx, "POST", f"{_path(which)}/refresh")
    done(f"{which} is connected; its access token lives until {answer.get('expires_at')}.", as_json=as_json)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the accounts, and how they stand."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/accounts"), "accounts")
    columns = ("provider", "name", "state", "expires_at", "failure")
    show_rows(rows, columns, as_json=as_json, empty="There are no accounts.")


@app.command()
def show(ctx: typer.Context, which: Which, *, as_json: AsJson = False) -> None:
    """Show an account, not its tokens."""
    show_fields(answer_of(ctx, "GET", _path(which)), as_json=as_json)


@app.command()
def refresh(ctx: typer.Context, which: Which, *, as_json: AsJson = False) -> None:
    """Get a new access token now."""
    answer = answer_of(ctx, "POST", f"{_path(which)}/refresh")
    done(f"The access token of {which} lives until {answer.get('expires_at')}.", as_json=as_json)


@app.command()
def forget(ctx: typer.Context, which: Which, *, as_json: AsJson = False) -> None:
    """Forget an account and its tokens."""
    answer_of(ctx, "DELETE", _path(which))
    done(f"Forgot {which}.", as_json=as_json)


def _path(which: str) -> str:
    provider, slash, name = which.partition("/")
    if not slash or not name:
        raise Exit(USAGE, "An account is PROVIDER/NAME, as in google/ada.")
    return f"/v1/accounts/{segment(provider)}/{segment(name)}"
