# SPDX-License-Identifier: Apache-2.0
"""Why the authority does not start.

ServerError
    SetUpBroken         a file or directory is not as it must be; the text says what to do
    PortTaken           somebody else listens there
    AlreadyRunning      another authority runs on this data directory
    WorkerFailed        a worker did not come up; its log says why
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class ServerError(SmartAgentError):
    """Base of the server's errors; never raised itself."""


class SetUpBroken(ServerError):
    """A file or directory is not as it must be."""

    code: ClassVar[str] = "set-up-broken"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The set-up is broken."


class PortTaken(ServerError):
    """Somebody else listens on the port."""

    code: ClassVar[str] = "port-taken"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The port is taken."

    def __init__(self, address: str, port: int) -> None:
        super().__init__(f"another process listens on {address}:{port}; stop it, or set another port")
        self.address = address
        self.port = port


class AlreadyRunning(ServerError):
    """Another authority runs on this data directory."""

    code: ClassVar[str] = "already-running"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "An authority runs here already."


class WorkerFailed(ServerError):
    """A worker did not come up."""

    code: ClassVar[str] = "worker-failed"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "A worker did not come up."
