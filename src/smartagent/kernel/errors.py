# SPDX-License-Identifier: Apache-2.0
"""The one error family.

Every failure the house can explain is a `SmartAgentError`.  A subclass fixes what never
varies between occurrences (`code`, `kind`, `title`) and carries what does vary as typed
fields.  Anything else that escapes is a bug, and is reported as one.

Nothing here knows HTTP.  `edge.problem` renders these as RFC 9457 problem+json and as
RFC 6749 section 5.2.
"""

from enum import Enum
from typing import ClassVar


class Kind(Enum):
    """What went wrong, coarsely enough that one table can map it to any protocol."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    EXPIRED = "expired"
    LIMITED = "limited"
    UPSTREAM = "upstream"
    UNAVAILABLE = "unavailable"
    TOO_LARGE = "too-large"
    UNSUPPORTED = "unsupported"
    WRONG_METHOD = "wrong-method"
    TIMEOUT = "timeout"
    NOT_IMPLEMENTED = "not-implemented"
    PENDING = "pending"
    """Nothing is wrong: somebody has to decide first."""


class SmartAgentError(Exception):
    """A failure with a name.

    `str(error)` is safe to show to the caller: a subclass builds it only from fields that
    are not secret and do not reveal whether something exists.
    """

    code: ClassVar[str]
    """Stable, kebab-case, never reused.  Clients branch on it; it is part of the API."""
    kind: ClassVar[Kind]
    title: ClassVar[str]
    """One sentence, the same for every occurrence (RFC 9457 section 3.1.3)."""
