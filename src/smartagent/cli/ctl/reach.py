# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl blast-radius`: everything that an agent can reach."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from smartagent.cli.ctl.desk import bytes_of, segment
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.render import say

if TYPE_CHECKING:
    from smartagent.insight import AgentReach, LeaseReach

Lines = Iterator[tuple[int, str]]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("blast-radius")(blast_radius)


def blast_radius(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """List everything that an agent, and those it may delegate to, can reach."""
    from smartagent.insight import AgentReach  # noqa: PLC0415 -- `--help` does without

    raw = bytes_of(ctx, "GET", f"/v1/agents/{segment(agent)}/reach")
    if as_json:
        say(json.dumps(json.loads(raw), indent=2, ensure_ascii=False))
        return
    for depth, line in _tree(msgspec.json.decode(raw, type=AgentReach), 0):
        say("  " * depth + line)


def _tree(reach: "AgentReach", depth: int) -> Lines:
    yield depth, f"{reach.name or '(no name)'} {reach.agent}, role {reach.role}, {reach.status}"
    terms = reach.delegation
    if terms is not None:
        narrowed = f"scope {terms.scope or 'any'}, audience {terms.audience or 'any'}"
        yield depth + 1, f"by the delegation {terms.id} until {terms.until}: {narrowed}"
    if reach.repeated:
        yield depth + 1, "told further up"
        return
    yield from _own(reach, depth + 1)
    if reach.delegates:
        yield depth + 1, "may delegate to"
        for delegate in reach.delegates:
            yield from _tree(delegate, depth + 2)


def _own(reach: "AgentReach", depth: int) -> Lines:
    yield depth, f"from {', '.join(reach.networks) or 'any network'}"
    yield depth, f"tokens for {', '.join(reach.audiences) or 'nobody'}"
    yield depth, f"with scopes {' '.join(reach.scopes) or 'none'}"
    if reach.acts_for:
        yield depth, f"may act for {', '.join(reach.acts_for)}, as far as their tokens and its role allow"
    for upstream in reach.upstreams:
        where = f"at {upstream.base_url}" if upstream.base_url else "which does not exist"
        secret = f", with the secret {upstream.secret} ({upstream.place})" if upstream.secret else ""
        yield depth, f"upstream {upstream.upstream} {where}{secret}"
        for rule in upstream.rules:
            asked = f", asks: {rule.ask}" if rule.ask else ""
            yield (
                depth + 1,
                f"{', '.join(rule.methods)} {', '.join(rule.paths)}  ({rule.rule}, {rule.scope}{asked})",
            )
    for lease in reach.leases:
        yield from _lease(lease, depth)
    for server in reach.mcp:
        named = {"tools": server.tools, "prompts": server.prompts, "resources": server.resources}
        allowed = "; ".join(f"{what} {', '.join(names)}" for what, names in named.items() if names)
        narrowed = f", {len(server.arguments)} conditions on arguments" if server.arguments else ""
        yield depth, f"MCP server {server.server}: {allowed or 'nothing'}{narrowed}"
    for policy in reach.policies:
        effect = "widens this" if policy.effect == "permit" else "narrows this"
        yield depth, f"{policy.policy} {effect} on {', '.join(policy.upstreams) or 'any upstream'}"


def _lease(lease: "LeaseReach", depth: int) -> Lines:
    if not lease.kind:
        yield depth, f"lease {lease.credential}, which does not exist"
        return
    made = f", made with {', '.join(lease.secrets)}" if lease.secrets else ""
    yield depth, f"lease {lease.credential}: {lease.kind} at {lease.provider}{made}"
    yield depth + 1, f"where {_told(lease.settings)}"
    if lease.narrowed_to:
        yield depth + 1, f"only {', '.join(lease.narrowed_to)}"
    yield depth + 1, f"what {_told(lease.grant)}, for {lease.max_ttl_seconds} s at most"


def _told(settings: object) -> str:
    return json.dumps(settings, ensure_ascii=False) if settings else "-"
