# SPDX-License-Identifier: Apache-2.0
"""Audit: the append-only Merkle log on top of what was committed; its receipts and proofs.

The names are loaded when they are first used: the writer process runs the sequencer, and has
no use for SQLAlchemy or the edge.  The routes are in `audit.routes`, for `server.wiring` alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smartagent.audit.check import check_log
    from smartagent.audit.custody import Custody, CustodyReader, Trail
    from smartagent.audit.errors import (
        CustodyNotFound,
        LogBehind,
        LogDamaged,
        LogNameChanged,
        NotInLog,
    )
    from smartagent.audit.exporting import export
    from smartagent.audit.reader import LogReader
    from smartagent.audit.searching import Searcher
    from smartagent.audit.sequencer import Sequencer
    from smartagent.audit.tiles import TileKey

__all__ = [
    "Custody",
    "CustodyNotFound",
    "CustodyReader",
    "LogBehind",
    "LogDamaged",
    "LogNameChanged",
    "LogReader",
    "NotInLog",
    "Searcher",
    "Sequencer",
    "TileKey",
    "Trail",
    "check_log",
    "export",
]

_MODULES: Final = {
    "check": ("check_log",),
    "custody": ("Custody", "CustodyReader", "Trail"),
    "errors": ("CustodyNotFound", "LogBehind", "LogDamaged", "LogNameChanged", "NotInLog"),
    "exporting": ("export",),
    "reader": ("LogReader",),
    "searching": ("Searcher",),
    "sequencer": ("Sequencer",),
    "tiles": ("TileKey",),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load the module that defines `name`."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
