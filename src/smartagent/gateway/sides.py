# SPDX-License-Identifier: Apache-2.0
"""What an exchange knows of the connection that it came by."""

from typing import Protocol


class AgentSide(Protocol):
    """The agent's connection."""

    client_ip: str
    full: bool

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
