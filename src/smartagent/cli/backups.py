# SPDX-License-Identifier: Apache-2.0
"""`smartagent backup`: a whole authority as one encrypted file."""

from pathlib import Path
from typing import Annotated

import typer

from smartagent.cli.render import say

app = typer.Typer(help="Keep a copy of everything, encrypted; and bring it back.", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="The TOML file.  Default: $SMARTAGENT_CONFIG, ./smartagent.toml"),
]
PassphraseFile = Annotated[
    Path, typer.Option(help="The file that the passphrase is in: 12 bytes or more, mode 0600.")
]


@app.command("create")
def create(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there.")],
    *,
    passphrase_file: PassphraseFile,
    with_root_key: Annotated[
        bool, typer.Option("--with-root-key", help="Put in the root key itself, although something wraps it.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Write the store, as it is at this instant, and the root key into one encrypted file."""
    from smartagent.crypto import SystemClock  # noqa: PLC0415 -- `--help` does without
    from smartagent.server import environment, load, read_passphrase, write_backup  # noqa: PLC0415 -- as above

    settings = load({}, environment(), config).settings
    passphrase = read_passphrase(passphrase_file)
    size = write_backup(settings, file, passphrase, SystemClock(), with_root_key=with_root_key)
    say(f"Wrote {file}, {size} bytes. Keep the passphrase apart from it.")


@app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="What `backup create` wrote.")],
    *,
    passphrase_file: PassphraseFile,
    config: ConfigFile = None,
) -> None:
    """Make an authority of a backup, where there is none yet."""
    from smartagent.server import environment, load, read_passphrase, restore_backup  # noqa: PLC0415 -- as above

    settings = load({}, environment(), config).settings
    done = restore_backup(settings, file, read_passphrase(passphrase_file))
    say(f"Restored the authority {done.issuer} as it was at {done.made_at}.")
    say("What was revoked after that is not revoked here, and the log does not have what came after.")
    say("Before agents come back: smartagentctl keys rotate --compromised")
