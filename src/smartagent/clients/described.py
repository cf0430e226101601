# SPDX-License-Identifier: Apache-2.0
"""Clients that are known by a URL: it is their id, and leads to what they say of themselves.

    unknown --fetched, and it says its own URL--> kept --its time is over--> unknown

Nothing that failed is kept.  Many who ask at once are answered by one fetch.

Spec: draft-ietf-oauth-client-id-metadata-document-02 sections 3, 4 and 6.
"""

import asyncio
import re
from collections import OrderedDict
from typing import Final
from urllib.parse import urlsplit

from smartagent.clients.errors import ClientsError, ClientUnusable
from smartagent.clients.means import Means
from smartagent.clients.metadata import parse_metadata
from smartagent.clients.model import Client, ClientKind
from smartagent.crypto import MalformedJson, strict_json
from smartagent.federation import FederationError, Fetched

MAX_BYTES: Final = 5120
MIN_AGE_SECONDS: Final = 60
MAX_AGE_SECONDS: Final = 86_400
DEFAULT_AGE_SECONDS: Final = 3600
_KEPT: Final = 1024
_MAX_URL_CHARS: Final = 512
_DOTS: Final = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_URL: Final = re.compile(r"https?://[a-z0-9.\-:\[\]]+/[\x21\x24-\x7e]*", re.IGNORECASE)
_SECRETS: Final = ("client_secret", "client_secret_expires_at")


class Described:
    """Fetches descriptions, and keeps those that are good.  For use within one event loop."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._kept: OrderedDict[str, tuple[Client, float]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Client]] = {}

    def is_one(self, client_id: str) -> bool:
        """Say whether `client_id` is the id of such a client, whatever it leads to."""
        return client_id.startswith(("https://", "http://"))

    async def find(self, client_id: str) -> Client:
        """Return the client whose description is at `client_id`.

        Raises:
            ClientUnusable: The URL is not one that may be an id, the description cannot be had, or is not one.
        """
        kept = self._kept.get(client_id)
        if kept is not None and kept[1] > self._means.clock.monotonic():
            return kept[0]
        self._check(client_id)
        task = self._asking.get(client_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._fetched(client_id))
            self._asking[client_id] = task
            task.add_done_callback(lambda _: self._asking.pop(client_id, None))
        # Who leaves must not take the fetch away from the others.
        return await asyncio.shield(task)

    def _check(self, client_id: str) -> None:
        if not self._means.metadata_documents:
            raise ClientUnusable("clients are not known by their URLs here")
        if len(client_id) > _MAX_URL_CHARS or not _URL.fullmatch(client_id):
            raise ClientUnusable("the id is not a plain https URL with a path")
        parts = urlsplit(client_id)
        if parts.scheme != "https" and not self._means.allow_http:
            raise ClientUnusable("the id is not an https URL")
        if parts.username is not None or "@" in parts.netloc or _DOTS.search(parts.path):
            raise ClientUnusable("the id has a login or dot segments in it")
        if self._means.metadata_hosts and parts.hostname not in self._means.metadata_hosts:
            raise ClientUnusable("clients of this host are not taken here")

    async def _fetched(self, client_id: str) -> Client:
        try:
            fetched = await self._means.fetch.get(client_id, max_bytes=MAX_BYTES)
        except FederationError as error:
            raise ClientUnusable(f"its description: {error}") from None
        client = self._described(client_id, fetched)
        age = min(max(_age(fetched), MIN_AGE_SECONDS), MAX_AGE_SECONDS)
        self._kept[client_id] = (client, self._means.clock.monotonic() + age)
        self._kept.move_to_end(client_id)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return client

    def _described(self, client_id: str, fetched: Fetched) -> Client:
        try:
            said = strict_json(fetched.body, MAX_BYTES)
        except MalformedJson:
            raise ClientUnusable("its description is not JSON") from None
        if not isinstance(said, dict) or said.get("client_id") != client_id:
            raise ClientUnusable("its description does not say this very URL as its client_id")
        if any(name in said for name in _SECRETS):
            raise ClientUnusable("its description holds a secret")
        blank = Client(id=client_id, kind=ClientKind.METADATA, created_at=int(self._means.clock.now()))
        try:
            client = parse_metadata(said, blank)
        except ClientsError as error:
            raise ClientUnusable(f"its description: {error}") from None
        host = urlsplit(client_id).hostname
        for shown in (client.client_uri, client.logo_uri):
            # What is shown beside the client's host must be that host's.
            if shown and urlsplit(shown).hostname != host:
                raise ClientUnusable("its description shows another host's pages")
        return client


def _age(fetched: Fetched) -> int:
    return DEFAULT_AGE_SECONDS if fetched.max_age_seconds is None else fetched.max_age_seconds
