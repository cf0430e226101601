# SPDX-License-Identifier: Apache-2.0
"""`smartagent root-key`: where the root key is, and what may unwrap it."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.render import say, show_rows

app = typer.Typer(help="Say what keeps the root key, and change it.", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="The TOML file.  Default: $SMARTAGENT_CONFIG, ./smartagent.toml"),
]
Where = Annotated[
    str, typer.Argument(help="A file, passphrase:FILE, awskms:, gcpkms:, hashivault: or pkcs11:")
]


@app.command("show")
def show(
    *, config: ConfigFile = None, as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False
) -> None:
    """Show what keeps the root key; the one in use is marked."""
    from smartagent.server import environment, load, root_keys  # noqa: PLC0415 -- `--help` does without

    settings = load({}, environment(), config).settings
    rows = [{"kept_by": by, "in_use": "yes" if by == settings.root_key else ""} for by in root_keys(settings)]
    show_rows(rows, ("kept_by", "in_use"), as_json=as_json, empty="There is no root key yet.")


@app.command("add")
def add(where: Where, *, config: ConfigFile = None) -> None:
    """Keep the root key there as well.  What is in use does not change: set `root_key` for that."""
    from smartagent.server import environment, keep_root_key, load, read_root_key  # noqa: PLC0415 -- as above

    settings = load({}, environment(), config).settings
    keep_root_key(settings, read_root_key(settings), where)
    say(f"The root key is kept by {where} as well. To use it, set root_key to it and restart.")


@app.command("drop")
def drop(where: Where, *, config: ConfigFile = None) -> None:
    """Forget what something wraps that is not in use.  A file is deleted by hand."""
    from smartagent.server import drop_root_key, environment, load  # noqa: PLC0415 -- as above

    drop_root_key(load({}, environment(), config).settings, where)
    say(f"{where} keeps the root key no more.")
