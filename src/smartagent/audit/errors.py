# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the audit log.

AuditError
    LogDamaged          what is stored contradicts itself or a checkpoint that was signed
    LogNameChanged      the log was begun under another name or key
    LogBehind           no signed checkpoint covers the entry in time
    CustodyNotFound     no such token, or not the caller's
    NotInLog            the log does not reach that far, or has no such tile
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class AuditError(SmartAgentError):
    """Base of the log's errors; never raised itself."""


class LogDamaged(AuditError):
    """The stored log contradicts itself, or a checkpoint that was signed.

    Somebody changed the store, or an old copy of it was put back.  Nothing is signed from
    here on, and the house does not start: restore the store, or begin a new log.
    """

    code: ClassVar[str] = "log-damaged"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The audit log contradicts what was signed."


class LogNameChanged(AuditError):
    """The newest checkpoint carries another name, or another key signed it."""

    code: ClassVar[str] = "log-name-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The audit log was begun under another name or key."

    def __init__(self, ours: str) -> None:
        super().__init__(f"the newest checkpoint is not one of {ours!r} with the key at hand")
        self.ours = ours


class LogBehind(AuditError):
    """No signed checkpoint covers the entry yet."""

    code: ClassVar[str] = "log-behind"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The audit log has no checkpoint for this yet."


class CustodyNotFound(AuditError):
    """There is no such token, or it is another agent's: the caller cannot tell which."""

    code: ClassVar[str] = "custody-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "The log knows nothing about this that you may see."


class NotInLog(AuditError):
    """The log does not reach that far, or has no tile of that name."""

    code: ClassVar[str] = "not-in-log"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "The log holds no such thing."
