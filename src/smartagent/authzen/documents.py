# SPDX-License-Identifier: Apache-2.0
"""Where a policy enforcement point finds the endpoints.

Spec: Authorization API 1.0, section "Policy Decision Point Metadata".
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from smartagent.edge import Inbound, Reply

WELL_KNOWN: Final = "/.well-known/authzen-configuration"
_HEADERS: Final = (("cache-control", "public, max-age=3600"), ("access-control-allow-origin", "*"))


def configuration_path(issuer: str) -> str:
    """Return the path of the document: the well-known part stands before the issuer's own path."""
    return WELL_KNOWN + urlsplit(issuer).path.rstrip("/")


class Configuration:
    """What anybody may read, without a record.  There is no search: its endpoints are left out."""

    def __init__(self, issuer: str) -> None:
        self._body = msgspec.json.encode(
            {
                "policy_decision_point": issuer,
                "access_evaluation_endpoint": f"{issuer}/access/v1/evaluation",
                "access_evaluations_endpoint": f"{issuer}/access/v1/evaluations",
            }
        )

    async def show(self, _inbound: Inbound) -> Reply:
        """Return the document."""
        return Reply(200, self._body, "application/json", _HEADERS)
