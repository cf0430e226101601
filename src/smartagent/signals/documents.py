# SPDX-License-Identifier: Apache-2.0
"""The transmitter's configuration: where a receiver finds what it needs.

Spec: SSF 1.0 section 7; CAEP Interoperability Profile 1.0 section 2.3.
"""

from typing import Final

from smartagent.edge import PublicDocument, well_known_path
from smartagent.signals.model import DeliveryMethod
from smartagent.tokens import JWKS_PATH

WELL_KNOWN: Final = "/.well-known/ssf-configuration"


def configuration(issuer: str) -> PublicDocument:
    """Return the document."""
    return PublicDocument(
        well_known_path(WELL_KNOWN, issuer),
        {
            "spec_version": "1_0",
            "issuer": issuer,
            "jwks_uri": issuer + JWKS_PATH,
            "delivery_methods_supported": [method.value for method in DeliveryMethod],
            "configuration_endpoint": f"{issuer}/v1/ssf/streams",
            "status_endpoint": f"{issuer}/v1/ssf/status",
            "add_subject_endpoint": f"{issuer}/v1/ssf/subjects/add",
            "remove_subject_endpoint": f"{issuer}/v1/ssf/subjects/remove",
            "verification_endpoint": f"{issuer}/v1/ssf/verify",
            "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}],
            "default_subjects": "ALL",
        },
    )
