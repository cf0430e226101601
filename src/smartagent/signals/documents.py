# SPDX-License-Identifier: Apache-2.0
"""The transmitter's configuration: where a receiver finds what it needs.

Spec: SSF 1.0 section 7; CAEP Interoperability Profile 1.0 section 2.3.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from smartagent.edge import Inbound, Reply
from smartagent.signals.model import DeliveryMethod
from smartagent.tokens import JWKS_PATH

WELL_KNOWN: Final = "/.well-known/ssf-configuration"
_HEADERS: Final = (("cache-control", "public, max-age=3600"), ("access-control-allow-origin", "*"))


def configuration_path(issuer: str) -> str:
    """Return the path of the document: the well-known part stands before the issuer's own path."""
    return WELL_KNOWN + urlsplit(issuer).path.rstrip("/")


class Configuration:
    """What anybody may read, without a record."""

    def __init__(self, issuer: str) -> None:
        self._body = msgspec.json.encode(
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
            }
        )

    async def show(self, _inbound: Inbound) -> Reply:
        """Return the document."""
        return Reply(200, self._body, "application/json", _HEADERS)
