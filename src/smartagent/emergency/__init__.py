# SPDX-License-Identifier: Apache-2.0
"""Emergency: everything of an agent ends at once, and a signed report says what died when, and what could not."""

from smartagent.emergency.errors import EmergencyError, NoEmergency
from smartagent.emergency.means import Means
from smartagent.emergency.routes import emergency_routes
from smartagent.emergency.service import REPORT_TYPE, Emergencies

__all__ = [
    "REPORT_TYPE",
    "Emergencies",
    "EmergencyError",
    "Means",
    "NoEmergency",
    "emergency_routes",
]
