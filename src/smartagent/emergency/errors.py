# SPDX-License-Identifier: Apache-2.0
"""How the room can refuse.

EmergencyError
    NoEmergency   this agent was not revoked, or so long ago that nothing is left to tell
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class EmergencyError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class NoEmergency(EmergencyError):
    """This agent was not revoked, or so long ago that nothing is left to tell."""

    code: ClassVar[str] = "no-emergency"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "The agent was not revoked."
