# SPDX-License-Identifier: Apache-2.0
"""`smartagent`: runs things."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from smartagent.cli.backups import app as backup_app
from smartagent.cli.exits import REFUSED, USAGE, Exit, guarded
from smartagent.cli.render import say, show_json, show_rows
from smartagent.cli.rootkeys import app as root_key_app

if TYPE_CHECKING:
    from smartagent.server import Config, Settings, Started

app = typer.Typer(
    name="smartagent",
    help="Run a SmartAgent authority.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(root_key_app, name="root-key")
app.add_typer(backup_app, name="backup")

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="The TOML file.  Default: $SMARTAGENT_CONFIG, ./smartagent.toml"),
]
DataDir = Annotated[Path | None, typer.Option(help="Where everything lives that must survive a restart.")]
Store = Annotated[str | None, typer.Option(help="A SQLite file, or postgresql://...")]
RootKey = Annotated[str | None, typer.Option(help="File of the root key, or the URI of what wraps it.")]
Issuer = Annotated[str | None, typer.Option(help="The authority's public URL.")]
GatewayUrl = Annotated[str | None, typer.Option(help="The gateway's public URL.")]
Listen = Annotated[str | None, typer.Option(help="The address to listen on.")]
Port = Annotated[int | None, typer.Option(help="The authority's port.")]
GatewayPort = Annotated[int | None, typer.Option(help="The gateway's port.")]
Workers = Annotated[int | None, typer.Option(help="Processes that answer.")]
LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error.")]
LogFormat = Annotated[str | None, typer.Option(help="text or json.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Any other setting, as name=value.  May be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


@app.command()
def serve(  # noqa: PLR0913 -- one flag for each setting that is often set
    *,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    store: Store = None,
    root_key: RootKey = None,
    issuer: Issuer = None,
    gateway_url: GatewayUrl = None,
    listen: Listen = None,
    port: Port = None,
    gateway_port: GatewayPort = None,
    workers: Workers = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
    set_: Set = None,
) -> None:
    """Run the authority and its gateway until told to stop."""
    from smartagent.server import serve as run  # noqa: PLC0415 -- other commands do not need the server

    flags: dict[str, object] = {
        "data_dir": data_dir,
        "store": store,
        "root_key": root_key,
        "issuer": issuer,
        "gateway_url": gateway_url,
        "listen": listen,
        "port": port,
        "gateway_port": gateway_port,
        "workers": workers,
        "log_level": log_level,
        "log_format": log_format,
    }
    loaded = _load(config, flags, set_)
    settings = loaded.settings
    if run(settings, lambda started: _announce(settings, started)):
        raise Exit(REFUSED, "The authority stopped because something failed; its log says what.")


@config_app.command("show")
def config_show(*, config: ConfigFile = None, set_: Set = None, as_json: AsJson = False) -> None:
    """Show every setting, and where its value came from."""
    rows = [
        {
            "name": setting.name,
            "value": setting.value,
            "unit": setting.unit,
            "origin": setting.origin,
            "description": setting.description,
        }
        for setting in _load(config, {}, set_).explain()
    ]
    show_rows(rows, ("name", "value", "unit", "origin"), as_json=as_json, empty="There are no settings.")


@app.command()
def doctor(*, config: ConfigFile = None, set_: Set = None, as_json: AsJson = False) -> None:
    """Say what is wrong with this set-up, and what to do about it."""
    from smartagent.server import examine  # noqa: PLC0415 -- other commands do not need the server

    findings = examine(_load(config, {}, set_).settings)
    if as_json:
        show_json(
            [{"check": f.check, "state": f.state, "found": f.found, "remedy": f.remedy} for f in findings]
        )
    else:
        for finding in findings:
            say(f"{_MARKS[finding.state]} {finding.check}: {finding.found}")
            if finding.remedy:
                say(f"       {finding.remedy}")
    if any(finding.state == "wrong" for finding in findings):
        raise Exit(REFUSED, "")


@app.command()
def demo() -> None:
    """Tell the whole story on this machine, step by step."""
    from smartagent.cli.demo import run  # noqa: PLC0415 -- loads what the story needs

    code = run()
    if code:
        raise Exit(code, "")


@app.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run_program(  # noqa: PLR0913 -- what there is to choose
    command: Annotated[list[str], typer.Argument(help="The program and its arguments, after --.")],
    *,
    role: Annotated[str, typer.Option(help="The role that the agent must have.")] = "",
    key: Annotated[Path, typer.Option(help="The agent's key file.")] = Path("agent.key"),
    server: Annotated[str, typer.Option(help="The authority's URL.  Default: the key file's.")] = "",
    only: Annotated[
        list[str] | None, typer.Option(help="Only this credential.  May be said more than once.")
    ] = None,
    socket_only: Annotated[
        bool, typer.Option("--socket-only", help="Put no credential into the environment.")
    ] = False,
    proxy: Annotated[
        bool,
        typer.Option("--proxy", help="Let the program call upstreams by their own addresses, by a proxy."),
    ] = False,
    rotate_key_after: Annotated[
        int, typer.Option(help="Days after which the agent's own key is replaced; 0: never.", min=0)
    ] = 30,
    prompt_file: Annotated[
        Path | None, typer.Option(help="The prompt file that the program runs with; its role may ask for it.")
    ] = None,
) -> None:
    """Run a program with the credentials of the agent's role, which die with it."""
    from smartagent.cli.run import Wanted, run  # noqa: PLC0415 -- other commands do not need it
    from smartagent.server import environment  # noqa: PLC0415 -- other commands do not need it

    wanted = Wanted(
        tuple(command),
        role,
        key,
        server.rstrip("/"),
        tuple(only or ()),
        socket_only,
        rotate_key_after,
        proxy,
        prompt_file,
    )
    code = run(wanted, environment())
    if code:
        raise Exit(code, "")


@app.command()
def scan(  # noqa: PLR0913 -- what there is to choose
    path: Annotated[Path, typer.Argument(help="A folder, or a file.")],
    *,
    history: Annotated[
        bool, typer.Option("--history", help="Look at what the git repository had once, too.")
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option(help="The file of findings that are accepted; they are not shown.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Write all that is found into the baseline.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option(help="Write the migration into this new folder; nothing else is changed.")
    ] = None,
    role: Annotated[str, typer.Option(help="The role to write.  Default: called like the folder.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find long-lived keys in files, and say what replaces each.  Exits with 1 when there are any."""
    from smartagent.cli.scan import Asked, History, load_detector  # noqa: PLC0415 -- others do without
    from smartagent.cli.scan import scan as run  # noqa: PLC0415 -- others do without
    from smartagent.crypto import system_entropy  # noqa: PLC0415 -- others do without
    from smartagent.server import environment  # noqa: PLC0415 -- others do without

    once = History(path, environment()) if history else None
    asked = Asked(path, once, baseline, accept, write, role, as_json)
    code = run(asked, load_detector(), system_entropy)
    if code:
        raise Exit(code, "")


@app.command()
def version(*, as_json: AsJson = False) -> None:
    """Show the version."""
    from importlib.metadata import version as installed  # noqa: PLC0415 -- only here

    found = installed("smartagent")
    if as_json:
        show_json({"version": found})
    else:
        say(f"smartagent {found}")


_MARKS: dict[Literal["well", "note", "wrong"], str] = {"well": "  ok ", "note": " note", "wrong": "WRONG"}


def main() -> None:
    """Run the command line."""
    guarded(lambda: app(standalone_mode=True))


def _load(config: Path | None, flags: dict[str, object], pairs: list[str] | None) -> "Config":
    from smartagent.server import environment, load  # noqa: PLC0415 -- `--help` does without

    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise Exit(USAGE, f"--set takes name=value, not {name!r}.")
        flags[name.strip().replace("-", "_")] = value
    spelt = {name: str(value) if isinstance(value, Path) else value for name, value in flags.items()}
    return load(spelt, environment(), config)


def _announce(settings: "Settings", started: "Started") -> None:
    say(f"The authority answers at {settings.issuer}, the gateway at {settings.gateway_url}.")
    if started.claim_link:
        say("Nobody owns this authority yet. Claim it within 15 minutes:")
        say(f"  smartagentctl login {started.claim_link}")
    sys.stdout.flush()
