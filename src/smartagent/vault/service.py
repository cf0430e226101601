# SPDX-License-Identifier: Apache-2.0
"""The vault as this node holds it: entries in memory, values sealed until they are needed."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from smartagent.kernel import Secret, SmartAgentError
from smartagent.keyset import Keyset
from smartagent.storage import Database
from smartagent.vault.elsewhere import Elsewhere
from smartagent.vault.errors import SecretElsewhere, SecretNotFound, UpstreamNotFound, VersionGone
from smartagent.vault.model import SecretEntry, StoredUpstream, Upstream, place_of, sealed_as
from smartagent.vault.store import read_secrets, read_upstreams

_log = logging.getLogger(__name__)

_OPENED: Final = 2
"""The current version, and the one that an upstream may still echo."""


class Vault:
    """Gives the gateway upstreams and opened secrets.

    An opened secret stays in memory as a `Secret` until its entry changes, so what `obtain`
    returns is the same object until then.

    Args:
        database: Where the entries are.
        sealing: Opens what the store keeps.
        elsewhere: Reads what other stores keep.
    """

    def __init__(self, database: Database, sealing: Keyset, elsewhere: Elsewhere) -> None:
        self._database = database
        self._sealing = sealing
        self._elsewhere = elsewhere
        self._secrets: dict[str, SecretEntry] = {}
        self._upstreams: dict[str, StoredUpstream] = {}
        self._places: dict[tuple[str, int, bool], tuple[Upstream, ...]] | None = None
        self._opened: dict[str, tuple[Secret[bytes], ...]] = {}
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after upstreams or secrets changed in memory."""
        self._listeners.append(listener)

    async def reload_secrets(self, names: Sequence[str]) -> None:
        """Read the secrets `names` again; with no names, all of them."""
        if not names:
            self._secrets = {entry.name: entry for entry in await read_secrets(self._database)}
            self._opened.clear()
        self._elsewhere.forget()
        for name in dict.fromkeys(names):
            found = await read_secrets(self._database, name)
            self._secrets.pop(name, None)
            self._opened.pop(name, None)
            if found:
                self._secrets[name] = found[0]
        self._tell()

    async def reload_upstreams(self, names: Sequence[str]) -> None:
        """Read the upstreams `names` again; with no names, all of them."""
        self._places = None
        if not names:
            found = await read_upstreams(self._database)
            self._upstreams = {stored.upstream.name: stored for stored in found}
        for name in dict.fromkeys(names):
            found = await read_upstreams(self._database, name)
            self._upstreams.pop(name, None)
            if found:
                self._upstreams[name] = found[0]
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def upstream(self, name: str) -> Upstream | None:
        """Return the entry `name`, the same object until it changes; None when there is none."""
        stored = self._upstreams.get(name)
        return None if stored is None else stored.upstream

    def stored_upstream(self, name: str) -> StoredUpstream:
        """Return the entry `name` with its version.

        Raises:
            UpstreamNotFound: There is none.
        """
        try:
            return self._upstreams[name]
        except KeyError:
            raise UpstreamNotFound(name[:64]) from None

    def upstreams_at(self, host: str, port: int, *, tls: bool) -> tuple[Upstream, ...]:
        """Return the upstreams at an address; `host` in lower case."""
        if self._places is None:
            self._places = {}
            for stored in self.upstreams():
                place = place_of(stored.upstream)
                self._places[place] = (*self._places.get(place, ()), stored.upstream)
        return self._places.get((host, port, tls), ())

    def upstreams(self) -> list[StoredUpstream]:
        """Return all entries by name."""
        return [self._upstreams[name] for name in sorted(self._upstreams)]

    def secret(self, name: str) -> SecretEntry:
        """Return the secret `name`, sealed.

        Raises:
            SecretNotFound: There is none.
        """
        try:
            return self._secrets[name]
        except KeyError:
            raise SecretNotFound(name[:64]) from None

    def secrets(self) -> list[SecretEntry]:
        """Return all secrets by name, sealed."""
        return [self._secrets[name] for name in sorted(self._secrets)]

    def open_version(self, name: str, version: int) -> Secret[bytes] | str:
        """Open one version of the secret `name`; return where it is when another store keeps it.

        Raises:
            SecretNotFound: There is none.
            VersionGone: It is not kept any more, or was destroyed.
            CannotUnseal: It was sealed with another key, or as something else.
        """
        entry = self.secret(name)
        for each in entry.versions:
            if each.version == version and not each.destroyed:
                return each.source or self._sealing.open(each.sealed, sealed_as(entry.id, version))
        raise VersionGone(f"{name} has no version {version} with a value")

    def users_of(self, secret: str) -> tuple[Upstream, ...]:
        """Return the upstreams that use `secret`."""
        return tuple(stored.upstream for stored in self.upstreams() if stored.upstream.secret == secret)

    async def obtain(self, name: str) -> tuple[Secret[bytes], ...]:
        """Open the secret `name`: the current value first, then the one it replaced.

        The older one is for scrubbing only: an upstream may still echo it.

        Args:
            name: A secret's name; empty for an upstream that needs none.

        Raises:
            SecretNotFound: There is none.
            CannotUnseal: It was sealed with another key, or as something else.
            SecretUnreachable: Another store keeps it, and does not answer.
            SecretRefused: Another store keeps it, and does not give it.
        """
        opened = self._opened.get(name)
        if opened is not None:
            return opened
        if not name:
            return ()
        entry = self.secret(name)
        source = entry.versions[0].source
        if source:
            return await self._elsewhere.obtain(source, self._own)
        self._opened[name] = self._open(entry)
        return self._opened[name]

    def kept_secrets(self) -> list[tuple[Upstream, tuple[Secret[bytes], ...]]]:
        """Open what upstreams use, as `obtain` does; left out is what another store keeps, or cannot be opened."""
        found = []
        for stored in self.upstreams():
            name = stored.upstream.secret
            entry = self._secrets.get(name)
            if entry is None or entry.versions[0].source:
                continue
            try:
                self._opened[name] = self._opened.get(name) or self._open(entry)
            except SmartAgentError:
                _log.error("the secret %s cannot be opened, so nobody looks for it in what agents send", name)
                continue
            found.append((stored.upstream, self._opened[name]))
        return found

    async def look(self, source: str) -> tuple[Secret[bytes], ...]:
        """Read a value where another store is said to keep it.

        Raises:
            SecretUnreachable: The store does not answer.
            SecretRefused: It does not give it.
            SmartAgentError: What is presented there cannot be had.
        """
        return await self._elsewhere.obtain(source, self._own)

    async def _own(self, name: str) -> Secret[bytes]:
        """Open a secret that is presented to another store, and so must be kept here."""
        if self.secret(name).versions[0].source:
            raise SecretElsewhere(name)
        return (await self.obtain(name))[0]

    def _open(self, entry: SecretEntry) -> tuple[Secret[bytes], ...]:
        return tuple(
            self._sealing.open(version.sealed, sealed_as(entry.id, version.version))
            for version in entry.versions[:_OPENED]
            if version.sealed
        )
