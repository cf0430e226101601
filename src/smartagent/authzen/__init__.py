# SPDX-License-Identifier: Apache-2.0
"""AuthZEN: the house's decisions, for other services that speak the OpenID Authorization API."""

from smartagent.authzen.documents import WELL_KNOWN, configuration
from smartagent.authzen.errors import AuthzenError, MalformedEvaluation
from smartagent.authzen.means import Means
from smartagent.authzen.routes import authzen_routes
from smartagent.authzen.service import Evaluations

__all__ = [
    "WELL_KNOWN",
    "AuthzenError",
    "Evaluations",
    "MalformedEvaluation",
    "Means",
    "authzen_routes",
    "configuration",
]
