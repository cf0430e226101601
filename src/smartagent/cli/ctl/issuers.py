# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl issuer` and `agent attest`: whom the house trusts outside, and how a workload comes by that."""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson, place_of, read_input
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_fields, show_json, show_rows

T = TypeVar("T")

app = typer.Typer(help="Outside issuers whose tokens are trusted.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The entry's name.")]
_COLUMNS = ("name", "issuer", "kind", "purposes", "audiences", "keys", "version")


@app.command()
def add(  # noqa: PLR0913 -- one flag for each thing an entry says
    ctx: typer.Context,
    name: Name,
    issuer: Annotated[str, typer.Option(help="The `iss` of its tokens, to the letter.")] = "",
    *,
    kind: Annotated[str, typer.Option(help="oidc, kubernetes or github-actions.")] = "oidc",
    purpose: Annotated[
        list[str] | None, typer.Option(help="workload, person or id-jag; may be repeated. Default: workload.")
    ] = None,
    audience: Annotated[
        list[str] | None,
        typer.Option(help="For whom its tokens are made. Default: this authority's address."),
    ] = None,
    claim: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE that a token must say; `*` is one whole segment.")
    ] = None,
    role: Annotated[str, typer.Option(help="What a workload that matches becomes.")] = "",
    rules: Annotated[
        Path | None, typer.Option(help="Several rules, as JSON: [{claims, role}]; - reads standard input.")
    ] = None,
    jwks_uri: Annotated[str, typer.Option(help="Where its keys are, instead of discovery.")] = "",
    jwks: Annotated[Path | None, typer.Option(help="Its keys themselves, as a JWK set.")] = None,
    algorithm: Annotated[
        list[str] | None, typer.Option(help="RS256, ES256, EdDSA or Ed25519; may be repeated.")
    ] = None,
    max_life_seconds: Annotated[int, typer.Option(help="How long its tokens may live.")] = 3600,
    allow_broad: Annotated[bool, typer.Option(help="Accept a rule that admits nearly everybody.")] = False,
    as_json: AsJson = False,
) -> None:
    """Trust an issuer, or change what it is trusted for."""
    body: dict[str, object] = {
        "issuer": issuer,
        "kind": kind,
        "purposes": purpose or ["workload"],
        "audiences": audience or [],
        "rules": _rules(rules, claim or [], role),
        "jwks_uri": jwks_uri,
        "algorithms": algorithm or [],
        "max_life_seconds": max_life_seconds,
        "allow_broad": allow_broad,
    }
    if jwks is not None:
        body["jwks"] = _json(jwks, "the key set", dict[str, object])
    written = answer_of(ctx, "PUT", f"/v1/trusted-issuers/{segment(name)}", body=body)
    if as_json:
        show_json(written)
    else:
        say(f"Trusted: {name}, version {written.get('version', '?')}.")


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the trusted issuers."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/trusted-issuers"), "trusted_issuers")
    show_rows(rows, _COLUMNS, as_json=as_json, empty="No outside issuer is trusted.")


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show a trusted issuer and its rules."""
    entry = answer_of(ctx, "GET", f"/v1/trusted-issuers/{segment(name)}")
    if as_json:
        show_json(entry)
        return
    show_fields({key: value for key, value in entry.items() if key != "rules"}, as_json=False)
    for number, rule in enumerate(rows_of(entry, "rules"), 1):
        say(f"rule {number}: {rule.get('claims')} -> {rule.get('role') or 'admitted'}")


@app.command()
def remove(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Trust an issuer no longer; agents that came by it stay until they are retired."""
    answer_of(ctx, "DELETE", f"/v1/trusted-issuers/{segment(name)}")
    done(f"No longer trusted: {name}.", as_json=as_json)


def attest(
    ctx: typer.Context,
    *,
    key_file: Annotated[
        Path, typer.Option("--key-file", help="The agent's key; made when it does not exist.")
    ],
    server: Annotated[str, typer.Option(help="The authority's address.")] = "",
    name: Annotated[str, typer.Option(help="The agent's name; without it, the workload's.")] = "",
    from_file: Annotated[Path | None, typer.Option(help="Read the platform's token from a file.")] = None,
    as_json: AsJson = False,
) -> None:
    """In the workload: make its key and enrol it by the platform's token, from standard input or a file."""
    from smartagent.cli.ctl.agentside import attest_agent  # noqa: PLC0415 -- loads the client

    token = read_input(from_file, "the platform's token").decode("ascii", "replace").strip()
    show_fields(attest_agent(place_of(ctx), server, token, key_file, name), as_json=as_json)


def _rules(file: Path | None, claims: list[str], role: str) -> list[dict[str, object]]:
    given = _json(file, "the rules", list[dict[str, object]]) if file is not None else []
    if not claims and not role:
        return given
    pairs = [claim.partition("=") for claim in claims]
    if any(not equals or not name for name, equals, _ in pairs):
        raise Exit(USAGE, "Write a claim as NAME=VALUE.")
    if len({name for name, _, _ in pairs}) != len(pairs):
        raise Exit(USAGE, "Name each claim once; write further rules to a file and give --rules.")
    return [*given, {"claims": {name: value for name, _, value in pairs}, "role": role}]


def _json(file: Path, what: str, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(read_input(file, what), type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Exit(USAGE, f"{file} does not hold {what} as JSON.") from None
