# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl agent` and `enrolment`: how an agent comes to be known, and what it does on its own machine."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.ctl.desk import answer_of
from smartagent.cli.ctl.place import AsJson, place_of, read_input
from smartagent.cli.render import say, show_fields, show_json

app = typer.Typer(help="The agents.", no_args_is_help=True)
enrolments = typer.Typer(help="One-time tokens with which agents enrol.", no_args_is_help=True)

KeyFile = Annotated[Path, typer.Option("--key-file", help="The agent's key; made when it does not exist.")]


@enrolments.command()
def create(  # noqa: PLR0913 -- what an enrolment says
    ctx: typer.Context,
    role: Annotated[str, typer.Argument(help="The role that the agent gets.")],
    *,
    name: Annotated[str, typer.Option(help="The agent's name.")] = "",
    owner: Annotated[str, typer.Option(help="Who answers for it; without it, you.")] = "",
    agent: Annotated[str, typer.Option(help="An agent that is discovered or pending, by its id.")] = "",
    ttl_seconds: Annotated[int, typer.Option(help="How long the token works, at most 3600.")] = 3600,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write the token and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a token with which one agent can enrol, once."""
    body = {"role": role, "name": name, "ttl_seconds": ttl_seconds, "owner": owner, "agent": agent}
    made = answer_of(ctx, "POST", "/v1/enrolments", body=body)
    if quiet:
        say(str(made.get("enrolment_token", "")))
    else:
        show_fields(made, as_json=as_json)


@app.command()
def enrol(
    ctx: typer.Context,
    *,
    key_file: KeyFile,
    server: Annotated[str, typer.Option(help="The authority's address.")] = "",
    name: Annotated[str, typer.Option(help="The agent's name.")] = "",
    from_file: Annotated[Path | None, typer.Option(help="Read the enrolment token from a file.")] = None,
    as_json: AsJson = False,
) -> None:
    """On the agent's machine: make its key and enrol it.  The token comes from standard input or a file."""
    from smartagent.cli.ctl.agentside import enrol_agent  # noqa: PLC0415 -- loads the client

    token = read_input(from_file, "the enrolment token").decode("ascii", "replace").strip()
    show_fields(enrol_agent(place_of(ctx), server, token, key_file, name), as_json=as_json)


@app.command()
def token(  # noqa: PLR0913 -- what there is to choose
    ctx: typer.Context,
    *,
    key_file: KeyFile,
    server: Annotated[str, typer.Option(help="The authority's address.")] = "",
    scope: Annotated[str, typer.Option(help="Only these scopes of the role's.")] = "",
    audience: Annotated[str, typer.Option(help="For whom; without it, the gateway.")] = "",
    prompt_file: Annotated[
        Path | None, typer.Option(help="The prompt file that the agent runs with; its role may ask for it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """On the agent's machine: get a token, and write it to standard output."""
    from smartagent.cli.ctl.agentside import get_token  # noqa: PLC0415 -- loads the client

    got = get_token(place_of(ctx), server, key_file, (scope, audience), prompt_file)
    if as_json:
        show_json(got)
    else:
        say(str(got["access_token"]))


@app.command("rotate-key")
def rotate_key(
    ctx: typer.Context,
    *,
    key_file: KeyFile,
    older_than: Annotated[int, typer.Option(help="Days; do nothing when the key is younger.", min=0)] = 0,
    server: Annotated[str, typer.Option(help="The authority's address.")] = "",
    as_json: AsJson = False,
) -> None:
    """On the agent's machine: make its next key, and have the authority take it.  Safe to repeat."""
    from smartagent.cli.ctl.agentside import rotate_own_key  # noqa: PLC0415 -- loads the client

    done_ = rotate_own_key(place_of(ctx), server, key_file, older_than)
    text = "The agent signs with its new key now." if done_ else "The key is young enough."
    if as_json:
        show_json({"rotated": done_})
    else:
        say(text)


@app.command()
def assertion(*, key_file: KeyFile) -> None:
    """On the agent's machine: sign what it authenticates with at OAuth endpoints, and write it to standard output.

    It works once, for about a minute.
    """
    from smartagent.cli.ctl.agentside import sign_assertion  # noqa: PLC0415 -- loads the client

    say(sign_assertion(key_file))
