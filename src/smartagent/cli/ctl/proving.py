# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl policy test`: whether rules say what is expected of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from smartagent.cli.ctl.desk import answer_of, segment
from smartagent.cli.ctl.drafts import Drafts, in_force, read_drafts
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.render import say, show_json

if TYPE_CHECKING:
    from smartagent.insight import Result
    from smartagent.policy import Book


def prove(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The tests (TOML); - reads standard input.")],
    *,
    rules: Annotated[
        list[Path] | None,
        typer.Option("--rules", help="Role files, policies or directories that stand in for those in force."),
    ] = None,
    offline: Annotated[
        bool, typer.Option(help="Ask no authority: the rules are those of --rules alone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the rules about calls, and fail when they say something else than is expected."""
    from smartagent.insight import run_cases  # noqa: PLC0415 -- `--help` does without

    if offline and not rules:
        raise Exit(USAGE, "Without an authority, say which rules: --rules.")
    try:
        text = read_input(file, "the tests").decode()
    except UnicodeDecodeError:
        raise Exit(USAGE, f"{file} is not UTF-8.") from None

    def role_of(agent: str) -> str:
        if offline:
            raise Exit(USAGE, f"Without an authority nobody knows the role of {agent}: say a role.")
        return str(answer_of(ctx, "GET", f"/v1/agents/{segment(agent)}").get("role", ""))

    book = _rules(rules or [], None if offline else in_force(ctx))
    results = run_cases(text, book, role_of)
    if as_json:
        show_json(msgspec.to_builtins(results))
    else:
        _tell(results)
    if not all(result.passed for result in results):
        raise Exit(REFUSED, "")


def _rules(places: list[Path], house: Drafts | None) -> "Book":
    from smartagent.policy import drafted, no_rules  # noqa: PLC0415 -- `--help` does without

    book = no_rules()
    for drafts in (house, read_drafts(places) if places else None):
        if drafts is not None:
            book = drafted(book, list(drafts.roles.values()), drafts.named)
    return book


def _tell(results: "list[Result]") -> None:
    for result in results:
        if result.passed:
            say(f"ok    {result.name}")
            continue
        say(f"FAIL  {result.name}" + (f" (line {result.line})" if result.line else ""))
        say(f"  - expected {result.expected}")
        say(f"  + got      {result.got}" + (f": {result.reason}" if result.reason else ""))
    failed = sum(not result.passed for result in results)
    say(f"{len(results) - failed} passed, {failed} failed.")
