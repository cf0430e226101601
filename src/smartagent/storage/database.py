# SPDX-License-Identifier: Apache-2.0
"""The seams the rooms above stand on: reading, and a store as a whole."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from smartagent.kernel import Ledger, Scalar
from smartagent.storage.log import NO_PARAMETERS, Row

if TYPE_CHECKING:
    from smartagent.storage.feed import Feed


class Database(Protocol):
    """Reads the tables."""

    async def fetch(self, statement: object, parameters: Mapping[str, Scalar] = NO_PARAMETERS) -> list[Row]:
        """Return all the rows of a SQLAlchemy Core select.

        It sees everything that was committed before the call.  `statement` is a module
        constant with `bindparam`s; it is compiled when it is first used.  `msgspec.convert(row,
        Struct)` turns a row into a struct that is declared with `array_like=True`.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        ...


class Store(Protocol):
    """A store as a node sees it."""

    @property
    def ledger(self) -> Ledger:
        """What makes works durable."""
        ...

    @property
    def database(self) -> Database:
        """What reads the tables."""
        ...

    @property
    def feed(self) -> "Feed":
        """What keeps this node's memory fresh."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether the store can be written, and this node's memory is known to be fresh."""
        ...

    async def start(self) -> None:
        """Connect, and load everything that is registered with the feed.

        Raises:
            StoreUnavailable: The store cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Let go of the store.  Works that were not answered fail with `StoreUnavailable`."""
        ...
