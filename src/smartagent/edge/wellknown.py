# SPDX-License-Identifier: Apache-2.0
"""Documents that anybody may read, at a place that is known from the issuer alone.

Spec: RFC 8615; RFC 8414 section 3.1.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from smartagent.edge.message import Inbound, Reply

_HEADERS: Final = (("cache-control", "public, max-age=3600"), ("access-control-allow-origin", "*"))


def well_known_path(well_known: str, issuer: str) -> str:
    """Return the path of a document: the well-known part stands before the issuer's own path."""
    return well_known + urlsplit(issuer).path.rstrip("/")


class PublicDocument:
    """A document that never changes while the authority runs, and whose readers leave no record.

    Args:
        path: Where it is served.
        document: What it says.
    """

    def __init__(self, path: str, document: Mapping[str, object]) -> None:
        self.path = path
        self._body = msgspec.json.encode(document)

    async def show(self, _inbound: Inbound) -> Reply:
        """Return the document."""
        return Reply(200, self._body, "application/json", _HEADERS)
