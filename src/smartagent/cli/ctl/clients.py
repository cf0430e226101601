# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl client` and `smartagentctl resource`: who asks for tokens, and what takes them."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import show_fields, show_rows

app = typer.Typer(help="OAuth clients that are no agents.", no_args_is_help=True)
resources = typer.Typer(help="Services that take tokens of this authority.", no_args_is_help=True)

ClientId = Annotated[str, typer.Argument(help="The client's id.")]
Identifier = Annotated[str, typer.Argument(help="The resource's absolute URI: the audience of its tokens.")]


@app.command()
def add(  # noqa: PLR0913 -- one flag for each thing a client says
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What people see when they are asked.")],
    *,
    redirect_uri: Annotated[list[str] | None, typer.Option(help="Where answers go; may be repeated.")] = None,
    grant: Annotated[
        list[str] | None, typer.Option(help="A grant type; may be repeated. Default: code and refresh.")
    ] = None,
    jwks: Annotated[
        Path | None, typer.Option(help="File of its public keys: then it signs (private_key_jwt).")
    ] = None,
    jwks_uri: Annotated[str, typer.Option(help="Or where they are.")] = "",
    scope: Annotated[str, typer.Option(help="At most these scopes, with blanks between them.")] = "",
    native: Annotated[bool, typer.Option(help="It runs on people's own machines.")] = False,
    id_token_alg: Annotated[str, typer.Option(help="RS256, ES256 or EdDSA.")] = "RS256",  # noqa: S107 -- an algorithm
    as_json: AsJson = False,
) -> None:
    """Register a client."""
    body: dict[str, object] = {
        "client_name": name,
        "redirect_uris": redirect_uri or [],
        "scope": scope,
        "application_type": "native" if native else "web",
        "id_token_signed_response_alg": id_token_alg,
    }
    if grant:
        body["grant_types"] = grant
    if jwks is not None:
        body["jwks"] = _read(jwks)
    if jwks_uri:
        body["jwks_uri"] = jwks_uri
    if jwks is not None or jwks_uri:
        body["token_endpoint_auth_method"] = "private_key_jwt"  # noqa: S105 -- a method
    show_fields(answer_of(ctx, "POST", "/v1/clients", body=body), as_json=as_json)


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the clients that are registered, by operators or by themselves."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/clients"), "clients")
    show_rows(rows, ("id", "kind", "created_at", "owner"), as_json=as_json, empty="There are none.")


@app.command()
def show(ctx: typer.Context, client: ClientId, *, as_json: AsJson = False) -> None:
    """Show a client."""
    show_fields(answer_of(ctx, "GET", f"/v1/clients/{segment(client)}"), as_json=as_json)


@app.command()
def remove(ctx: typer.Context, client: ClientId, *, as_json: AsJson = False) -> None:
    """Remove a client; everything that it was given ends."""
    answer_of(ctx, "DELETE", f"/v1/clients/{segment(client)}")
    done(f"Removed the client {client}.", as_json=as_json)


@resources.command()
def put(  # noqa: PLR0913 -- one flag for each thing a resource says
    ctx: typer.Context,
    identifier: Identifier,
    *,
    name: Annotated[str, typer.Option(help="What people see when they are asked.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="A scope that it knows; may be repeated.")] = None,
    dpop_required: Annotated[
        bool, typer.Option(help="It takes tokens only that are bound to a key.")
    ] = False,
    introspector: Annotated[
        list[str] | None,
        typer.Option(help="An agent or client that may ask about its tokens; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Describe a resource, or change it."""
    body: dict[str, object] = {
        "identifier": identifier,
        "name": name,
        "scopes": scope or [],
        "dpop_required": dpop_required,
        "introspectors": introspector or [],
    }
    show_fields(answer_of(ctx, "PUT", "/v1/resources", body=body), as_json=as_json)


@resources.command("list")
def list_resources(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the resources."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/resources"), "resources")
    show_rows(rows, ("identifier", "name", "scopes"), as_json=as_json, empty="There are none.")


@resources.command("remove")
def remove_resource(ctx: typer.Context, identifier: Identifier, *, as_json: AsJson = False) -> None:
    """Remove a resource: nobody gets a token for it any more."""
    answer_of(ctx, "DELETE", "/v1/resources", query={"identifier": identifier})
    done(f"Removed the resource {identifier}.", as_json=as_json)


def _read(file: Path) -> object:
    try:
        return msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Exit(USAGE, f"cannot read {file}: {error}") from None
