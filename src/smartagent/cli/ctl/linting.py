# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl policy lint`: what is wrong with rules, in files or as they are in force."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from smartagent.cli.ctl.desk import answer_of, rows_of
from smartagent.cli.ctl.drafts import Drafts, in_force, parse_since, read_drafts
from smartagent.cli.ctl.history import Since, take_pages
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.render import say, show_json

if TYPE_CHECKING:
    from smartagent.insight import Finding, Known

_ENOUGH = 100
"""With fewer recorded decisions, that a rule was not used says nothing."""


def lint(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Role files, policies, or directories; none: what is in force."),
    ] = None,
    *,
    since: Since = "30d",
    offline: Annotated[bool, typer.Option(help="Ask no authority: look at the files alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find rules that are too broad, covered by others, about nothing, or never used."""
    from smartagent.insight import Known, lint_rules  # noqa: PLC0415 -- `--help` does without

    if offline and not files:
        raise Exit(USAGE, "Without an authority, say which files.")
    drafts = read_drafts(files) if files else in_force(ctx)
    known = Known() if offline else _known(ctx, drafts, since, named=bool(files))
    policies = {file: (Path(file).stem, text) for file, text in drafts.policies.items()}
    findings = lint_rules(drafts.roles, policies, known)
    if as_json:
        show_json(msgspec.to_builtins(findings))
    else:
        _tell(findings)
    if any(each.severity == "error" for each in findings):
        raise Exit(REFUSED, "")


def _known(ctx: typer.Context, drafts: Drafts, since: str, *, named: bool) -> "Known":
    from smartagent.crypto import SystemClock  # noqa: PLC0415 -- `--help` does without
    from smartagent.insight import Known, UsagePage, lint_rules  # noqa: PLC0415 -- as above

    used: set[str] = set()
    decided = 0

    def take(raw: bytes) -> int:
        nonlocal decided
        page = msgspec.json.decode(raw, type=UsagePage)
        used.update(page.rules)
        decided += page.decided
        return page.next

    roles = _names(ctx, "roles")
    body = drafts.body() if named else {}
    policies = {file: (Path(file).stem, text) for file, text in drafts.policies.items()}
    malformed = any(each.kind == "malformed" for each in lint_rules(drafts.roles, policies, Known()))
    if not malformed:
        begin = int(SystemClock().now()) - parse_since(since)
        take_pages(ctx, "/v1/history/usage", {**body, "since": begin}, take)
    return Known(
        upstreams=_names(ctx, "upstreams"),
        credentials=_names(ctx, "credentials"),
        servers=_servers(ctx),
        roles=roles | {_role_name(text) for text in drafts.roles.values()},
        used=used if decided >= _ENOUGH else None,
    )


def tell_unknown(ctx: typer.Context, file: Path, text: str) -> None:
    """Say which rules of a role file are about what does not exist.

    That is no reason to refuse it: a role may be written before what it names.
    """
    from smartagent.insight import Known, lint_rules  # noqa: PLC0415 -- `--help` does without

    known = Known(
        upstreams=_names(ctx, "upstreams"), credentials=_names(ctx, "credentials"), servers=_servers(ctx)
    )
    for each in lint_rules({str(file): text}, {}, known):
        if each.kind == "unknown":
            say(f"{each.file}:{each.line}: {each.what}")


def _servers(ctx: typer.Context) -> set[str]:
    rows = rows_of(answer_of(ctx, "GET", "/v1/mcp-servers"), "servers")
    return {str(each["name"]) for each in rows}


def _names(ctx: typer.Context, what: str) -> set[str]:
    return {str(each["name"]) for each in rows_of(answer_of(ctx, "GET", f"/v1/{what}"), what)}


def _role_name(text: str) -> str:
    from smartagent.policy import MalformedRoleFile, parse_role_file  # noqa: PLC0415 -- `--help` does without

    try:
        return parse_role_file(text).name
    except MalformedRoleFile:
        return ""


def _tell(findings: "list[Finding]") -> None:
    for each in findings:
        place = f"{each.file}:{each.line}" if each.line else each.file
        rule = f" {each.rule}" if each.rule else ""
        say(f"{place}: {each.severity}: {each.kind}:{rule} {each.what}")
        say(f"    {each.advice}")
    errors = sum(each.severity == "error" for each in findings)
    say(f"{errors} errors, {len(findings) - errors} warnings." if findings else "Nothing is wrong.")
