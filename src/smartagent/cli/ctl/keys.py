# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl keys` and `smartagentctl revoke`: ending what was issued."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from smartagent.cli.ctl.desk import answer_of, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, Exit
from smartagent.cli.render import say, show_fields, show_json, show_rows

app = typer.Typer(help="The keys that sign tokens.", no_args_is_help=True)
revocations = typer.Typer(help="End something at once, on every node.", no_args_is_help=True)

_LOOK_AGAIN_SECONDS: Final = 0.2

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
def revoke_agent(  # noqa: PLR0913 -- one flag for each thing that can be said
    ctx: typer.Context,
    agent: str,
    *,
    reason: Reason = "by hand",
    everything: Annotated[
        bool, typer.Option("--everything", help="Wait until all of it is dead, and show a signed report.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Keep the signed report in this file.")] = None,
    timeout_seconds: Annotated[float, typer.Option(help="How long to wait.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Suspend an agent and end everything it holds."""
    if not everything:
        _revoke(ctx, "agent", agent, reason, as_json=as_json)
        return
    answer_of(ctx, "POST", "/v1/emergencies", body={"agent": agent, "reason": reason})
    found = _report(ctx, agent, timeout_seconds)
    report = found.get("report")
    if out is not None:
        out.write_text(f"{found.get('signed')}\n", encoding="ascii")
    if as_json:
        show_json(found)
    elif isinstance(report, dict):
        say(f"Revoked {report['name']} ({agent}) at {report['revoked_at']}.")
        columns = ("fate", "what", "id", "died_at", "deadline", "note")
        show_rows(report["lines"], columns, as_json=False, empty="It held nothing.")
    if not (isinstance(report, dict) and report["complete"]):
        raise Exit(
            REFUSED, "Not all of it is dead yet; it is tried until it is. Look again with `lease list`."
        )


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


def _report(ctx: typer.Context, agent: str, timeout_seconds: float) -> Mapping[str, object]:
    """Ask until nothing is dying any more, or the time is over."""
    end = time.monotonic() + timeout_seconds
    while True:
        found = answer_of(ctx, "GET", f"/v1/emergencies/{segment(agent)}")
        report = found.get("report")
        if (isinstance(report, dict) and report.get("complete")) or time.monotonic() >= end:
            return found
        time.sleep(_LOOK_AGAIN_SECONDS)


def _revoke(ctx: typer.Context, kind: str, named: str, reason: str, *, as_json: bool) -> None:
    body = {"kind": kind, "id": named, "reason": reason}
    answer = answer_of(ctx, "POST", "/v1/revocations", body=body)
    if as_json:
        show_json(answer)
    else:
        say(f"Revoked the {kind} {named}.")
