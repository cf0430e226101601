# SPDX-License-Identifier: Apache-2.0
"""Where a policy enforcement point finds the endpoints.

Spec: Authorization API 1.0, section "Policy Decision Point Metadata".
"""

from typing import Final

from smartagent.edge import PublicDocument, well_known_path

WELL_KNOWN: Final = "/.well-known/authzen-configuration"


def configuration(issuer: str) -> PublicDocument:
    """Return the document.  There is no search: its endpoints are left out."""
    return PublicDocument(
        well_known_path(WELL_KNOWN, issuer),
        {
            "policy_decision_point": issuer,
            "access_evaluation_endpoint": f"{issuer}/access/v1/evaluation",
            "access_evaluations_endpoint": f"{issuer}/access/v1/evaluations",
        },
    )
