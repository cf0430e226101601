# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl policy replay`: what a draft would have done to the calls that were made."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from smartagent.cli.ctl.desk import GOOD, as_operator, refusal
from smartagent.cli.ctl.drafts import Drafts, parse_since, read_drafts, with_staged
from smartagent.cli.ctl.place import AsJson, place_of
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_json

if TYPE_CHECKING:
    from smartagent.insight import Shift
    from smartagent.sdk import Answer, Operator

Since = Annotated[str, typer.Option(help="How far back: 7d, 12h, 30m.")]
_SHOWN = 50
_WORDS = {"permit": "allowed", "deny": "refused", "ask": "asked about"}


def replay(
    ctx: typer.Context,
    drafts: Annotated[
        list[Path] | None,
        typer.Argument(help="Role files (.toml), policies (.cedar), or directories of them."),
    ] = None,
    *,
    staged: Annotated[
        list[str] | None, typer.Option(help="What is staged: role/NAME or policy/NAME; more than once.")
    ] = None,
    since: Since = "7d",
    as_json: AsJson = False,
) -> None:
    """Run a draft over the recorded history: which real calls would be decided otherwise."""
    from smartagent.crypto import SystemClock  # noqa: PLC0415 -- `--help` does without
    from smartagent.insight import ReplayPage, Tally  # noqa: PLC0415 -- as above

    if not drafts and not staged:
        raise Exit(USAGE, "Say which files, or what is --staged.")
    draft = with_staged(ctx, read_drafts(drafts) if drafts else Drafts({}, {}), staged or [])
    begin = int(SystemClock().now()) - parse_since(since)
    tally = Tally()
    sums = {"decided": 0, "unreplayable": 0, "lacking": 0, "left_out": 0}

    def take(raw: bytes) -> int:
        page = msgspec.json.decode(raw, type=ReplayPage)
        tally.add(page.shifts)
        for name in sums:
            sums[name] += getattr(page, name)
        return page.next

    take_pages(ctx, "/v1/history/replay", {**draft.body(), "since": begin}, take)
    sums["left_out"] += tally.left_out
    _tell(tally.shifts(), sums, as_json=as_json)


def take_pages(
    ctx: typer.Context, path: str, body: Mapping[str, object], take: Callable[[bytes], int]
) -> None:
    """Ask for one page of the log after the other, until `take` returns no cursor.

    Raises:
        Exit: The authority refused, or did not answer.
    """

    async def ask(operator: "Operator") -> None:
        cursor = 0
        while True:
            sent = msgspec.json.encode({**body, "cursor": cursor})
            answer: Answer = await operator.send("POST", path, sent, "application/json")
            if answer.status not in GOOD:
                raise refusal(answer.status, answer.body)
            cursor = take(answer.body)
            if not cursor:
                return

    as_operator(place_of(ctx), ask)


def _tell(shifts: "list[Shift]", sums: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        show_json({**sums, "shifts": msgspec.to_builtins(shifts)})
        return
    refused = sum(shift.calls for shift in shifts if shift.becomes == "deny")
    allowed = sum(shift.calls for shift in shifts if shift.becomes == "permit")
    asked = sum(shift.calls for shift in shifts if shift.becomes == "ask")
    say(
        f"Of {sums['decided']} recorded decisions, {refused} would be refused instead of allowed, "
        f"{allowed} allowed instead of refused" + (f", {asked} asked about." if asked else ".")
    )
    for shift in shifts[:_SHOWN]:
        _tell_one(shift)
    if len(shifts) > _SHOWN:
        say(f"\n{len(shifts) - _SHOWN} more groups: --json shows them all.")
    if sums["left_out"]:
        say(f"\n{sums['left_out']} more calls would change; there was no room for their groups.")
    if sums["lacking"]:
        say(f"\n{sums['lacking']} records are left out: they do not say what the draft asks for.")
    if sums["unreplayable"]:
        say(
            f"\n{sums['unreplayable']} records cannot be replayed: they do not say on what was decided, "
            "because an earlier release wrote them."
        )


def _tell_one(shift: "Shift") -> None:
    change = f"{_WORDS[shift.was]} -> {_WORDS[shift.becomes]}"
    already = "  (the rules in force do so already)" if shift.now == shift.becomes else ""
    say(f"\n{change}  {shift.calls} x {shift.method} {shift.path} on {shift.upstream}{already}")
    say(f"  agent {shift.agent}, role {shift.role}")
    say(f"  {shift.by}")
    for example in shift.examples:
        say(f"  e.g. {example.at} {example.path} ({example.request}, entry {example.index})")
