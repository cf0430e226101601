# SPDX-License-Identifier: Apache-2.0
"""Drivers: how systems that are not ours are spoken to.  They know nothing of leases, secrets or agents.

The names are loaded when they are first used: most nodes speak to few of these, and the libraries are heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smartagent.drivers.aws import AssumedRole, Aws, AwsAccount, RoleRequest
    from smartagent.drivers.errors import DriverError, DriverFailed, DriverMissing, DriverUnreachable
    from smartagent.drivers.google import Google
    from smartagent.drivers.keyservices import KeyService, key_service
    from smartagent.drivers.mariadb import MariaDbAdmin, MariaDbGrant, MariaDbTarget
    from smartagent.drivers.postgres import NewRole, PostgresAdmin, PostgresTarget, TableGrant
    from smartagent.drivers.secretstores import CACHE_SECONDS, SecretPlace, parse_place, read_place
    from smartagent.drivers.web import Web, WebAnswer

__all__ = [
    "CACHE_SECONDS",
    "AssumedRole",
    "Aws",
    "AwsAccount",
    "DriverError",
    "DriverFailed",
    "DriverMissing",
    "DriverUnreachable",
    "Google",
    "KeyService",
    "MariaDbAdmin",
    "MariaDbGrant",
    "MariaDbTarget",
    "NewRole",
    "PostgresAdmin",
    "PostgresTarget",
    "RoleRequest",
    "SecretPlace",
    "TableGrant",
    "Web",
    "WebAnswer",
    "key_service",
    "parse_place",
    "read_place",
]

_MODULES: Final = {
    "aws": ("AssumedRole", "Aws", "AwsAccount", "RoleRequest"),
    "errors": ("DriverError", "DriverFailed", "DriverMissing", "DriverUnreachable"),
    "google": ("Google",),
    "keyservices": ("KeyService", "key_service"),
    "mariadb": ("MariaDbAdmin", "MariaDbGrant", "MariaDbTarget"),
    "postgres": ("NewRole", "PostgresAdmin", "PostgresTarget", "TableGrant"),
    "secretstores": ("CACHE_SECONDS", "SecretPlace", "parse_place", "read_place"),
    "web": ("Web", "WebAnswer"),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load the module that defines `name`."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
