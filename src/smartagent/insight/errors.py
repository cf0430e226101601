# SPDX-License-Identifier: Apache-2.0
"""How the room can refuse.

InsightError
    EmptyDraft       there is no role and no policy in it
    MalformedTests   the file of tests is none; says where
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class InsightError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class EmptyDraft(InsightError):
    """There is no role and no policy in it."""

    code: ClassVar[str] = "empty-draft"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The draft is empty."


class MalformedTests(InsightError):
    """The file of tests is not one."""

    code: ClassVar[str] = "malformed-policy-tests"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The file of tests is malformed."
