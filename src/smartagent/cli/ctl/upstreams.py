# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl upstream`: where the gateway can call, and where the secret goes."""

from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, done, rows_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import show_fields, show_rows

app = typer.Typer(help="The APIs that agents reach through the gateway.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(help="The upstream's name: the first segment of the path at the gateway.")
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        help="What its callers may use at most, as NAME=VALUE; again for more. rate=10/s (s, m, h or d), burst, "
        "concurrent, bytes_per_second; and of each call: request_bytes, response_bytes, answer_seconds, "
        "total_seconds."
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        help="What calls do: reads-private, untrusted-content or sends-outside; again for more. An agent that did "
        "the first two within an hour is watched, or stopped, at the third."
    ),
]


@app.command()
def put(  # noqa: PLR0913 -- one flag for each thing an upstream says
    ctx: typer.Context,
    name: Name,
    base_url: Annotated[str, typer.Argument(help="Where it is, for example https://api.example.com.")],
    *,
    secret: Annotated[str, typer.Option(help="Which secret the gateway puts in.")] = "",
    place: Annotated[
        str,
        typer.Option(
            help="Where: bearer (unless you say so), basic, header:<Name>, query:<name>, cookie:<name>, json:/<member>, hmac:<Name>, aws-sigv4:<region>/<service>, client-certificate; or jwt, which needs no secret."
        ),
    ] = "",
    allow_private: Annotated[bool, typer.Option(help="It may live at a private address.")] = False,
    timeout_seconds: Annotated[float | None, typer.Option(help="How long until its answer begins.")] = None,
    scrub: Annotated[bool, typer.Option(help="Search its answers for the secret.")] = True,
    txn_token: Annotated[
        bool, typer.Option(help="It belongs to the trust domain: calls bring a transaction token.")
    ] = False,
    speaks: Annotated[
        str, typer.Option(help="git, or graphql:/path: then roles may name operations, such as git-read.")
    ] = "",
    limit: Limits = None,
    label: Labels = None,
    as_json: AsJson = False,
) -> None:
    """Describe an upstream, or change it."""
    body: dict[str, object] = {
        "base_url": base_url,
        "secret": secret,
        "allow_private": allow_private,
        "scrub": scrub,
        "txn_token": txn_token,
        "speaks": speaks,
        "labels": label or [],
        "limits": dict(_limit(each) for each in limit or ()),
    }
    if place:
        body["place"] = place
    if timeout_seconds is not None:
        body["timeout_seconds"] = timeout_seconds
    show_fields(answer_of(ctx, "PUT", f"/v1/upstreams/{segment(name)}", body=body), as_json=as_json)


def _limit(written: str) -> tuple[str, object]:
    name, equals, value = written.partition("=")
    if not equals:
        raise Exit(USAGE, f"{written} is not NAME=VALUE.")
    return name, int(value) if value.isascii() and value.isdigit() else value


@app.command("list")
def show_all(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the upstreams."""
    rows = rows_of(answer_of(ctx, "GET", "/v1/upstreams"), "upstreams")
    show_rows(
        rows,
        ("name", "base_url", "secret", "place", "allow_private"),
        as_json=as_json,
        empty="There are none.",
    )


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show an upstream."""
    show_fields(answer_of(ctx, "GET", f"/v1/upstreams/{segment(name)}"), as_json=as_json)


@app.command()
def delete(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Delete an upstream; nobody reaches it from then on."""
    answer_of(ctx, "DELETE", f"/v1/upstreams/{segment(name)}")
    done(f"Deleted the upstream {name}.", as_json=as_json)
