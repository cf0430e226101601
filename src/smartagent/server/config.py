# SPDX-License-Identifier: Apache-2.0
"""Where settings come from: a TOML file, then the environment, then flags; the later wins.

The only place that reads the environment.  A name that nobody knows is refused, because a
misspelt limit that is silently ignored is a limit that does not hold.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from smartagent.kernel import Kind, SmartAgentError
from smartagent.server.settings import Settings, derived, shown

PREFIX: Final = "SMARTAGENT_"
FILE_NAME: Final = "smartagent.toml"
FILE_VARIABLE: Final = "SMARTAGENT_CONFIG"
_FOREIGN: Final = frozenset({FILE_VARIABLE, "SMARTAGENT_PROFILE", "SMARTAGENT_SERVER"})
"""Names that begin like a setting and are somebody else's: this file's, and `smartagentctl`'s."""
_TESTS: Final = "SMARTAGENT_CI_"


class ConfigError(SmartAgentError):
    """A setting is unknown or wrong, or the file cannot be read."""

    code: ClassVar[str] = "config-invalid"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The configuration is wrong."


class Setting(msgspec.Struct, frozen=True):
    """One setting as it stands: where its value came from, printable, without secrets."""

    name: str
    value: str
    origin: str
    description: str
    unit: str = ""


class Config(msgspec.Struct, frozen=True):
    """The settings, and where each came from."""

    settings: Settings
    origins: dict[str, str]

    def explain(self) -> list[Setting]:
        """Return every setting with its origin, in the order they are declared."""
        return [
            Setting(
                name,
                shown(name, getattr(self.settings, name)),
                self.origins.get(name, "default"),
                *_description(name),
            )
            for name in NAMES
        ]


NAMES: Final = Settings.__struct_fields__
_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(Settings)}


def environment() -> Mapping[str, str]:
    """Return the process's environment."""
    return os.environ  # noqa: TID251 -- the one place


def load(flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None = None) -> Config:
    """Read all sources and put them together.

    Args:
        flags: What the command line said; None means that it said nothing.
        environ: The environment; only names that begin with `SMARTAGENT_` count.
        file: The TOML file; without it `SMARTAGENT_CONFIG`, then `./smartagent.toml` when that exists.

    Raises:
        ConfigError: A name is unknown, a value has the wrong type, or the file cannot be read.
    """
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    path = _file(environ, file)
    if path is not None:
        _take(_read(path), str(path), values, origins)
    variables = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environ.items()
        if name.startswith(PREFIX) and name not in _FOREIGN and not name.startswith(_TESTS)
    }
    _take(variables, "environment", values, origins, prefix=PREFIX)
    _take({n: v for n, v in flags.items() if v is not None}, "flag", values, origins, prefix="--")
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from error
    filled = derived(settings)
    for name in NAMES:
        if getattr(filled, name) != getattr(settings, name) and name not in origins:
            origins[name] = "derived"
    return Config(filled, origins)


def _take(
    found: Mapping[str, object],
    origin: str,
    values: dict[str, object],
    origins: dict[str, str],
    *,
    prefix: str = "",
) -> None:
    for name, raw in found.items():
        field = _FIELDS.get(name)
        if field is None:
            raise ConfigError(
                f"{origin} sets {_spelt(prefix, name)}, which does not exist{_near(prefix, name)}"
            )
        try:
            # Text from the environment becomes a number here; TOML has numbers of its own.
            values[name] = msgspec.convert(raw, field.type, strict=not isinstance(raw, str))
        except msgspec.ValidationError as error:
            raise ConfigError(f"{_spelt(prefix, name)} from {origin}: {error}") from error
        origins[name] = origin if origin != "environment" else f"environment {_spelt(prefix, name)}"


def _spelt(prefix: str, name: str) -> str:
    if prefix == PREFIX:
        return prefix + name.upper()
    return prefix + name.replace("_", "-") if prefix else name


def _near(prefix: str, name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1)
    return f"; did you mean {_spelt(prefix, near[0])}?" if near else ""


def _file(environ: Mapping[str, str], file: Path | None) -> Path | None:
    if file is not None:
        return file
    named = environ.get(FILE_VARIABLE)
    if named:
        return Path(named)
    usual = Path(FILE_NAME)
    return usual if usual.is_file() else None


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _description(name: str) -> tuple[str, str]:
    info = msgspec.inspect.type_info(_FIELDS[name].type)
    while isinstance(info, msgspec.inspect.Metadata):
        schema = info.extra_json_schema or {}
        unit = (info.extra or {}).get("unit", "")
        return str(schema.get("description", "")), str(unit)
    return "", ""
