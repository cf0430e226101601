# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl keys` and `smartagentctl revoke`: ending what was issued."""

from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, rows_of
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.render import say, show_fields, show_json, show_rows

app = typer.Typer(help="The keys that sign tokens.", no_args_is_help=True)
revocations = typer.Typer(help="End something at once, on every node.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the signing keys and their state."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/keys"), "keys")
    columns = ("kid", "state", "created_at", "activated_at", "retiring_at", "ready_at")
    show_rows(rows, columns, as_json=as_json, empty="There are no keys.")


@app.command()
def rotate(
    ctx: typer.Context,
    *,
    compromised: Annotated[
        bool, typer.Option(help="The active key is known to others: stop trusting it now, whatever breaks.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign with the next key from now on."""
    show_fields(answer_of(ctx, "POST", "/v1/keys/rotate", body={"compromised": compromised}), as_json=as_json)


@revocations.command("agent")
def revoke_agent(
    ctx: typer.Context, agent: str, *, reason: Reason = "by hand", as_json: AsJson = False
) -> None:
    """Suspend an agent and end everything it holds."""
    _revoke(ctx, "agent", agent, reason, as_json=as_json)


@revocations.command("session")
def revoke_session(
    ctx: typer.Context, session: str, *, reason: Reason = "by hand", as_json: AsJson = False
) -> None:
    """End a session and its tokens."""
    _revoke(ctx, "session", session, reason, as_json=as_json)


@revocations.command("token")
def revoke_token(
    ctx: typer.Context, token: str, *, reason: Reason = "by hand", as_json: AsJson = False
) -> None:
    """End one token, named by its id (the `jti`)."""
    _revoke(ctx, "token", token, reason, as_json=as_json)


def _revoke(ctx: typer.Context, kind: str, named: str, reason: str, *, as_json: bool) -> None:
    body = {"kind": kind, "id": named, "reason": reason}
    answer = answer_of(ctx, "POST", "/v1/revocations", body=body)
    if as_json:
        show_json(answer)
    else:
        say(f"Revoked the {kind} {named}.")
