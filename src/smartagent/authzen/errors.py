# SPDX-License-Identifier: Apache-2.0
"""How the room can refuse to decide.  A decision that is `false` is no refusal.

AuthzenError
    MalformedEvaluation   the request is none; says which member
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class AuthzenError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class MalformedEvaluation(AuthzenError):
    """The request is not an evaluation."""

    code: ClassVar[str] = "malformed-evaluation"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The evaluation request is malformed."
