# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl role from-prompt` and `role review`: roles that are made from agents' prompt files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from smartagent.cli.ctl.desk import answer_of, segment
from smartagent.cli.ctl.place import AsJson, read_input
from smartagent.cli.ctl.versions import tell_difference
from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.render import say, show_json
from smartagent.kernel import SmartAgentError

if TYPE_CHECKING:
    from smartagent.policy import PromptRole

Reason = Annotated[str, typer.Option(help="Why; it stands in the history.")]


def from_prompt(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The agent's prompt file (Markdown with front matter).")],
    *,
    put: Annotated[bool, typer.Option("--put", help="Write the role, too.")] = False,
    allow_broad: Annotated[bool, typer.Option(help="Accept a role that grants everything.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Show the role file that a prompt file's front matter makes; its agents must run with this very file."""
    made = _made(file)
    if put:
        body = {"role_file": made.role_file, "allow_broad": allow_broad, "reason": reason}
        answer_of(ctx, "PUT", f"/v1/roles/{segment(made.name)}", body=body)
    if as_json:
        show_json({"written": put, **msgspec.to_builtins(made)})
        return
    # Comments, so that what is shown can be kept as a role file.
    for warning in made.warnings:
        say(f"# {warning}")
    say(made.role_file.rstrip())
    if put:
        say(f"# Wrote the role {made.name}.")


def review(  # noqa: PLR0913 -- what there is to choose
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The role's name.")],
    *,
    prompt: Annotated[Path, typer.Option(help="The prompt file as it is now.")],
    keep_rules: Annotated[
        bool, typer.Option("--keep-rules", help="Take the file, and leave what the role grants as it is.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; with --json, needed to write.")
    ] = False,
    allow_broad: Annotated[bool, typer.Option(help="Accept a role that grants everything.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Show what a changed prompt file changes in its role, and take it when you agree."""
    from smartagent.policy import RuleKind, difference, with_prompt  # noqa: PLC0415 -- `--help` does without

    made = _made(prompt)
    if made.name != name:
        raise Exit(USAGE, f"{prompt} is the prompt file of the role {made.name}.")
    present = str(answer_of(ctx, "GET", f"/v1/roles/{segment(name)}").get("role_file", ""))
    try:
        following = with_prompt(present, made.digest) if keep_rules else made.role_file
        found = difference(RuleKind.ROLE, present, following, ("in force", str(prompt)))
    except SmartAgentError as error:
        raise Exit(USAGE, f"{error}.") from None
    if not as_json:
        tell_difference(msgspec.to_builtins(found))
        for warning in made.warnings:
            say(f"\n{warning}")
    accepted = yes or (not as_json and typer.confirm("Take this file?"))
    if accepted and following != present:
        body = {"role_file": following, "allow_broad": allow_broad, "reason": reason}
        answer_of(ctx, "PUT", f"/v1/roles/{segment(name)}", body=body)
    if as_json:
        show_json({"accepted": accepted, "digest": made.digest, **msgspec.to_builtins(found)})
    else:
        say(f"The role {name} is for this file now." if accepted else "Nothing is written.")


def _made(file: Path) -> "PromptRole":
    from smartagent.policy import role_from_prompt  # noqa: PLC0415 -- `--help` does without

    try:
        return role_from_prompt(read_input(file, "the prompt file"))
    except SmartAgentError as error:
        raise Exit(USAGE, f"{file}: {error}.") from None
