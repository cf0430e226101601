# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl role propose`: the smallest role that would have allowed what was done."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from smartagent.cli.ctl.desk import answer_of, segment
from smartagent.cli.ctl.drafts import parse_since
from smartagent.cli.ctl.history import Since, take_pages
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, Exit
from smartagent.cli.render import say, show_json

if TYPE_CHECKING:
    from smartagent.insight import Proposal, UsageTally

_AGENT = "agt_"
_SHOWN = 20
_MOST_CHARS = 63


def propose(  # noqa: PLR0913 -- what is asked for, and how much is enough
    ctx: typer.Context,
    whose: Annotated[str, typer.Argument(metavar="AGENT|ROLE", help="An agent's id, or a role's name.")],
    *,
    since: Since = "30d",
    name: Annotated[
        str, typer.Option(help="The new role's name; for an agent one is made, for a role it is its own.")
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the role file.")] = None,
    min_days: Annotated[int, typer.Option(help="With fewer days, the history is too short.")] = 14,
    min_calls: Annotated[int, typer.Option(help="With fewer requests, the history is too short.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Propose a smaller role, made from recorded use.  Nothing is written: a person decides."""
    from smartagent.insight import Enough, doubts  # noqa: PLC0415 -- `--help` does without
    from smartagent.insight import propose as proposed  # noqa: PLC0415 -- as above

    agent = whose if whose.startswith(_AGENT) else ""
    role = str(answer_of(ctx, "GET", f"/v1/agents/{segment(agent)}").get("role", "")) if agent else whose
    present = str(answer_of(ctx, "GET", f"/v1/roles/{segment(role)}").get("role_file", ""))
    tally = _used(ctx, since, agent, role)
    made = f"{role[: _MOST_CHARS - 9]}-{agent[-8:].lower()}" if agent else role
    proposal = proposed(present, name or made, tally.uses())
    warnings = doubts(
        tally.incidents(),
        calls=tally.decided,
        first_ms=tally.first_ms,
        last_ms=tally.last_ms,
        unseen=tally.unseen,
        enough=Enough(min_days, min_calls),
    )
    if out is not None:
        _write(out, proposal.role_file)
    if as_json:
        show_json({"doubts": warnings, "decided": tally.decided, **msgspec.to_builtins(proposal)})
        return
    _tell(proposal, warnings, present, role)
    say(f"\nNothing was changed. Try it on the past: smartagentctl policy replay {out or 'FILE'}")


def _used(ctx: typer.Context, since: str, agent: str, role: str) -> "UsageTally":
    from smartagent.crypto import SystemClock  # noqa: PLC0415 -- `--help` does without
    from smartagent.insight import UsagePage, UsageTally  # noqa: PLC0415 -- as above

    tally = UsageTally()

    def take(raw: bytes) -> int:
        page = msgspec.json.decode(raw, type=UsagePage)
        tally.add(page)
        return page.next

    begin = int(SystemClock().now()) - parse_since(since)
    whose = {"agent": agent} if agent else {"role": role}
    take_pages(ctx, "/v1/history/usage", {**whose, "since": begin}, take)
    return tally


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Exit(REFUSED, f"{out} cannot be written: {error.strerror}.") from None


def _tell(proposal: "Proposal", warnings: list[str], present: str, role: str) -> None:
    for warning in warnings:
        say(f"DOUBT: {warning}")
    say(f"{proposal.role_file}")
    lines = difflib.unified_diff(
        present.splitlines(), proposal.role_file.splitlines(), f"{role} as it is", "proposed", lineterm=""
    )
    for line in lines:
        say(line)
    say("")
    for each in proposal.dropped:
        say(f"drops {each.what} ({each.rule}): nobody used it")
    for use in proposal.cuts[:_SHOWN]:
        say(f"cuts  {use.calls} x {use.method} {use.path} on {use.upstream}")
    if len(proposal.cuts) > _SHOWN:
        say(f"cuts  {len(proposal.cuts) - _SHOWN} more kinds of calls: --json shows them")
