# SPDX-License-Identifier: Apache-2.0
"""What an exchange knows of its sides: the connection that it came by, and who looks after it."""

from typing import Protocol, TypeVar

from smartagent.gateway.settings import GatewaySettings
from smartagent.gateway.upstream import UpstreamConnection
from smartagent.kernel import SmartAgentError

E_contra = TypeVar("E_contra", contravariant=True)
"""The exchange."""


class AgentSide(Protocol):
    """The agent's connection."""

    client_ip: str
    full: bool

    @property
    def half_closed(self) -> bool:
        """Whether it sends nothing more, and may be gone."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def hold(self) -> None:
        """Stop reading."""
        ...

    def release(self) -> None:
        """Read again."""
        ...

    def switched(self) -> None:
        """It is a WebSocket from here on: what comes is passed on as it is."""
        ...

    def over(self, *, keep_alive: bool) -> None:
        """The call is over and its answer is out."""
        ...

    def abort(self) -> None:
        """Cut the connection, visibly."""
        ...


class Keeper(Protocol[E_contra]):
    """Who started the exchange and looks after what outlives it."""

    settings: GatewaySettings
    tick: float
    """The loop's time, as of the last sweep."""

    def ended(self, exchange: E_contra, outcome: str) -> None:
        """Record what came of it."""
        ...

    def resend(self, exchange: E_contra) -> None:
        """Find it a fresh connection: the pooled one had died."""
        ...

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep the connection for another exchange."""
        ...

    def explain(self, error: SmartAgentError, exchange: E_contra, *, close: bool) -> bytes:
        """Return the answer that says what went wrong."""
        ...
