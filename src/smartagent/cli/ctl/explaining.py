# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl explain`: what would become of a call to an address, and why."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

import typer

from smartagent.cli.ctl.desk import answer_of, rows_of, show_explanation
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.render import say, show_fields, show_json

_PORTS = {"https": 443, "http": 80}
_NUMBERS = frozenset({"session_age", "delegation_depth", "budget_left"})

ContentType = Annotated[str, typer.Option(help="Of the body, as in application/json.")]
Circumstances = Annotated[
    list[str] | None,
    typer.Option(
        "--given",
        metavar="NAME=VALUE",
        help="What policies may ask for: at, session_age, delegation_depth, acting_for, labels, standing, "
        "authn, binding, budget_left; more than once.",
    ),
]
Operations = Annotated[
    list[str] | None,
    typer.Option(
        help="What the call does, as a role says it: git-read, graphql:query:viewer; again for more fields."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(  # noqa: PLR0913 -- one for each thing a decision looks at
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(help="What an agent would call, as in https://api.example.com/v1/x.")],
    *,
    agent: Annotated[str, typer.Option(help="The agent's id.")],
    method: Annotated[str, typer.Option(help="GET, POST, ...")] = "GET",
    client_ip: Annotated[str, typer.Option(help="The address the call would come from.")] = "",
    content_type: ContentType = "",
    operation: Operations = None,
    as_json: AsJson = False,
) -> None:
    """Say which upstream takes a call, which secret goes where, and what decides about it."""
    upstream, path = _upstream_for(url, rows_of(answer_of(ctx, "GET", "/v1/upstreams"), "upstreams"))
    body: dict[str, object] = {
        "agent": agent,
        "upstream": str(upstream["name"]),
        "method": method.upper(),
        "path": path,
        "client_ip": client_ip,
        "content_type": content_type,
        "operations": operation or [],
    }
    found = answer_of(ctx, "POST", "/v1/policies/explain", body=body)
    injected = {
        "upstream": upstream["name"],
        "path": path,
        "secret": upstream["secret"],
        "place": upstream["place"],
    }
    if as_json:
        show_json({**injected, **found})
        return
    show_fields(injected, as_json=False)
    say("")
    show_explanation(found)


def _upstream_for(url: str, upstreams: list[dict[str, object]]) -> tuple[dict[str, object], str]:
    """Return the upstream whose base URL is the longest beginning of `url`, and the path that is left."""
    asked = urlsplit(url)
    try:
        place = asked.scheme, asked.hostname, asked.port or _PORTS.get(asked.scheme)
    except ValueError:
        place = "", None, None
    if asked.scheme not in _PORTS or not asked.hostname:
        raise Exit(USAGE, "An address is http:// or https://, a host and a path.")
    path = asked.path or "/"
    best: tuple[dict[str, object], str] | None = None
    longest = -1
    for upstream in upstreams:
        base = urlsplit(str(upstream.get("base_url", "")))
        prefix = base.path.rstrip("/")
        there = base.scheme, base.hostname, base.port or _PORTS.get(base.scheme)
        fits = path == prefix or path.startswith(f"{prefix}/")
        if there == place and fits and len(prefix) > longest:
            best, longest = (upstream, path[len(prefix) :] or "/"), len(prefix)
    if best is None:
        raise Exit(REFUSED, f"No upstream is at {url}: nothing is injected, and the proxy refuses it.")
    return best


def circumstances_of(given: Sequence[str]) -> dict[str, object]:
    """Return what `--given` says, as the authority is asked about it.

    Raises:
        Exit: It is no name with a value, or no number where one is due.
    """
    found: dict[str, object] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise Exit(USAGE, f"{each!r} is no NAME=VALUE.")
        if name in _NUMBERS and not value.isdecimal():
            raise Exit(USAGE, f"{name} is a number.")
        numbered = int(value) if name in _NUMBERS else value
        found[name] = [part for part in value.split(",") if part] if name == "labels" else numbered
    return found
