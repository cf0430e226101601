# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the store."""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class StoreUnavailable(SmartAgentError):
    """The store cannot be reached, read or written just now.

    What was asked may or may not have happened.
    """

    code: ClassVar[str] = "store-unavailable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The store is not available."


class WriterRuns(SmartAgentError):
    """Another process already writes this store."""

    code: ClassVar[str] = "writer-runs"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "Another process already writes this store."


class SchemaTooNew(SmartAgentError):
    """A newer release made this store's schema; this one would misread it."""

    code: ClassVar[str] = "schema-too-new"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The store was made by a newer release."

    def __init__(self, found: str, known: str) -> None:
        super().__init__(f"the store has schema {found}, and this release knows none after {known}")
        self.found = found
        self.known = known


class SchemaTooOld(SmartAgentError):
    """The store's schema has not been brought up to this release."""

    code: ClassVar[str] = "schema-too-old"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The store has not been migrated to this release."


class CopyRefused(SmartAgentError):
    """A store is not copied out or in as it was asked."""

    code: ClassVar[str] = "copy-refused"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The store cannot be copied."
