# SPDX-License-Identifier: Apache-2.0
"""The console's own style sheet, scripts and icon, each under a name that has its digest.

A file's name changes with what is in it, so a browser may keep it for ever.
"""

from importlib import resources
from typing import Final, NamedTuple

from smartagent.crypto import sha256
from smartagent.edge import Inbound, Reply, RouteNotFound

PREFIX: Final = "/console/static/"
_DIGEST_LETTERS: Final = 12
_KEPT: Final = (("cache-control", "public, max-age=31536000, immutable"),)
_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class _File(NamedTuple):
    body: bytes
    media_type: str


class Assets:
    """Knows the files that the pages link to."""

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}
        self._files: dict[str, _File] = {}
        for entry in resources.files("smartagent.console").joinpath("static").iterdir():
            stem, _, ending = entry.name.rpartition(".")
            body = entry.read_bytes()
            path = f"{PREFIX}{stem}.{sha256(body).hex()[:_DIGEST_LETTERS]}.{ending}"
            self._paths[entry.name] = path
            self._files[path] = _File(body, _TYPES[ending])

    def path(self, name: str) -> str:
        """Return where a file of ours is served."""
        return self._paths[name]

    async def show(self, inbound: Inbound) -> Reply:
        """Return a file: a plain page, outside the pipeline.

        Raises:
            RouteNotFound: There is none of this name, or no longer.
        """
        found = self._files.get(inbound.path)
        if found is None:
            raise RouteNotFound("it may be of another release; load the page again")
        return Reply(200, found.body, found.media_type, _KEPT)
