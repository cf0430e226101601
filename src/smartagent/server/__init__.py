# SPDX-License-Identifier: Apache-2.0
"""Server: the composition root.  It reads the configuration, puts the rooms together, and runs them.

The names are loaded when they are first used: the supervisor stays small only while it does
not load what the workers need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smartagent.server.backup import restore_backup, write_backup
    from smartagent.server.config import Config, ConfigError, Setting, environment, load
    from smartagent.server.doctor import Finding, examine
    from smartagent.server.errors import ServerError
    from smartagent.server.rootkey import (
        drop_root_key,
        keep_root_key,
        read_passphrase,
        read_root_key,
        root_keys,
    )
    from smartagent.server.serving import serve
    from smartagent.server.settings import Settings
    from smartagent.server.supervisor import Started

__all__ = [
    "Config",
    "ConfigError",
    "Finding",
    "ServerError",
    "Setting",
    "Settings",
    "Started",
    "drop_root_key",
    "environment",
    "examine",
    "keep_root_key",
    "load",
    "read_passphrase",
    "read_root_key",
    "restore_backup",
    "root_keys",
    "serve",
    "write_backup",
]

_MODULES: Final = {
    "backup": ("restore_backup", "write_backup"),
    "config": ("Config", "ConfigError", "Setting", "environment", "load"),
    "doctor": ("Finding", "examine"),
    "errors": ("ServerError",),
    "rootkey": ("drop_root_key", "keep_root_key", "read_passphrase", "read_root_key", "root_keys"),
    "serving": ("serve",),
    "settings": ("Settings",),
    "supervisor": ("Started",),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load the module that defines `name`."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
