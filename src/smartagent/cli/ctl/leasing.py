# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl provider`, `credential` and `lease`: where credentials are made, what they give, and which live."""

import json
from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.render import say, show_fields, show_rows

provider_app = typer.Typer(help="Where credentials are made: databases, clouds, CAs.", no_args_is_help=True)
credential_app = typer.Typer(help="What one lease gives an agent.", no_args_is_help=True)
lease_app = typer.Typer(help="Credentials that live for one session.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name.")]
File = Annotated[Path | None, typer.Option("--file", help="The entry as JSON.  Default: standard input.")]


@provider_app.command("put")
def put_provider(ctx: typer.Context, name: Name, *, file: File = None, as_json: AsJson = False) -> None:
    """Describe a provider, or change it: kind, settings, and which secrets of the vault it needs."""
    body = read_entry(file, "the provider")
    show_fields(answer_of(ctx, "PUT", f"/v1/providers/{segment(name)}", body=body), as_json=as_json)


@provider_app.command("list")
def list_providers(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the providers."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/providers"), "providers")
    show_rows(rows, ("name", "kind", "settings", "secrets"), as_json=as_json, empty="There are none.")


@provider_app.command("check")
def check_provider(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Ask a provider whether credentials could be made there."""
    found = answer_of(ctx, "POST", f"/v1/providers/{segment(name)}/probe", body={})
    if as_json:
        show_fields(found, as_json=True)
    elif found.get("ok"):
        say(f"{name} answers, and credentials can be made there.")
    if not found.get("ok"):
        raise Exit(REFUSED, "" if as_json else f"No credential can be made at {name}: {found.get('reason')}.")


@provider_app.command("delete")
def delete_provider(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Delete a provider that nothing comes from any more."""
    answer_of(ctx, "DELETE", f"/v1/providers/{segment(name)}")
    done(f"Deleted the provider {name}.", as_json=as_json)


@credential_app.command("put")
def put_credential(ctx: typer.Context, name: Name, *, file: File = None, as_json: AsJson = False) -> None:
    """Describe what one lease gives, or change it."""
    body = read_entry(file, "the credential")
    show_fields(answer_of(ctx, "PUT", f"/v1/credentials/{segment(name)}", body=body), as_json=as_json)


@credential_app.command("list")
def list_credentials(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the credentials."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/credentials"), "credentials")
    columns = ("name", "provider", "grant", "ttl_seconds", "max_ttl_seconds", "env")
    show_rows(rows, columns, as_json=as_json, empty="There are none.")


@credential_app.command("delete")
def delete_credential(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Delete a credential; leases of it live on until they end."""
    answer_of(ctx, "DELETE", f"/v1/credentials/{segment(name)}")
    done(f"Deleted the credential {name}.", as_json=as_json)


@lease_app.command("list")
def list_leases(
    ctx: typer.Context,
    *,
    state: Annotated[str, typer.Option(help="requested, active, revoking or dead.")] = "",
    agent: Annotated[str, typer.Option(help="Only this agent's.")] = "",
    credential: Annotated[str, typer.Option(help="Only of this credential.")] = "",
    as_json: AsJson = False,
) -> None:
    """List leases: whose they are, until when they live, and what could not be ended."""
    given = {"state": state, "agent": agent, "credential": credential}
    query = "&".join(f"{name}={segment(value)}" for name, value in given.items() if value)
    rows: list[dict[str, object]] = []
    after = ""
    while True:
        words = "&".join(word for word in (query, f"after={after}" if after else "") if word)
        page = answer_of(ctx, "GET", f"/v1/leases?{words}" if words else "/v1/leases")
        rows += rows_of(page, "leases")
        after = str(page.get("next") or "")
        if not after:
            break
    columns = (
        "lease_id",
        "credential",
        "agent",
        "state",
        "expires_at",
        "ended_why",
        "failure",
        "outlives_until",
    )
    show_rows(rows, columns, as_json=as_json, empty="There are none.")


@lease_app.command("show")
def show_lease(ctx: typer.Context, lease: Name, *, as_json: AsJson = False) -> None:
    """Show a lease."""
    show_fields(answer_of(ctx, "GET", f"/v1/leases/{segment(lease)}"), as_json=as_json)


@lease_app.command("revoke")
def revoke_leases(
    ctx: typer.Context,
    value: Annotated[str, typer.Argument(help="A lease's id, or whatever --by says.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")],
    by: Annotated[
        str,
        typer.Option(
            help="lease, session, agent, role, credential, provider or prefix (of a credential's name)."
        ),
    ] = "lease",
    as_json: AsJson = False,
) -> None:
    """End a lease, or every lease of something, at once."""
    body = {"by": by, "value": value, "reason": reason}
    answer_of(ctx, "POST", "/v1/lease-revocations", body=body)
    done(f"Ending the leases by {by} {value}.", as_json=as_json)


def read_entry(file: Path | None, what: str) -> dict[str, object]:
    """Return an entry that was written as JSON.

    Raises:
        Exit: It is none.
    """
    try:
        entry = json.loads(read_input(file, what))
    except ValueError as error:
        raise Exit(USAGE, f"This is no JSON: {error}.") from None
    if not isinstance(entry, dict):
        raise Exit(USAGE, "An entry is a JSON object.")
    return entry
