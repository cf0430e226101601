# SPDX-License-Identifier: Apache-2.0
"""Writing a secret: a new version, sealed, in a form that fits wherever the secret is used."""

import msgspec

from smartagent.kernel import Change, Clock, Entropy, IdPrefix, Ids, Secret, Write
from smartagent.keyset import Keyset
from smartagent.vault.errors import SecretNotFound, VaultChanged
from smartagent.vault.fitting import check_fits
from smartagent.vault.model import SealedVersion, SecretEntry, sealed_as
from smartagent.vault.service import Vault
from smartagent.vault.store import KEPT_VERSIONS, put_secret, secret_changed


class Written(msgspec.Struct, frozen=True):
    """A version that stands in the vault as soon as `writes` are committed."""

    entry: SecretEntry
    writes: tuple[Write, ...]
    changes: tuple[Change, ...]


class Writer:
    """Writes secrets.

    Args:
        vault: This node's memory of the entries.
        sealing: Seals what the store keeps.
        clock: For the time of a change.
        entropy: For ids.
    """

    def __init__(self, vault: Vault, sealing: Keyset, clock: Clock, entropy: Entropy) -> None:
        self._vault = vault
        self._sealing = sealing
        self._clock = clock
        self._ids = Ids(clock, entropy)

    def put(self, name: str, value: Secret[bytes], by: str, seen: int | None = None) -> Written:
        """Make the next version of the secret `name`, or the first.

        Args:
            name: As it was parsed.
            value: What to keep.
            by: Who writes it.
            seen: The version that it must follow; 0: there must be none; None: whatever there is.

        Raises:
            MalformedSecret: It does not fit where an upstream puts it.
            VaultChanged: It follows another version.
        """
        for user in self._vault.users_of(name):
            check_fits(value, user.place)
        return self._written(name, seen, by, value=value)

    def link(self, name: str, source: str, by: str, seen: int | None = None) -> Written:
        """Say that another store keeps the secret `name`: its next version is read there when it is needed.

        Args:
            name: As it was parsed.
            source: Where it is, as it was parsed.
            by: Who says so.
            seen: The version that it must follow, as in `put`.

        Raises:
            VaultChanged: It follows another version.
        """
        return self._written(name, seen, by, source=source)

    def _written(
        self, name: str, seen: int | None, by: str, *, value: Secret[bytes] | None = None, source: str = ""
    ) -> Written:
        try:
            known = self._vault.secret(name)
            secret_id, version, kept = known.id, known.version + 1, known.versions[: KEPT_VERSIONS - 1]
        except SecretNotFound:
            secret_id, version, kept = self._ids.new(IdPrefix.SECRET), 1, ()
        if seen is not None and seen != version - 1:
            raise VaultChanged(name)
        sealed = b"" if value is None else self._sealing.seal(value, sealed_as(secret_id, version))
        new = SealedVersion(version, sealed, int(self._clock.now()), by, source)
        entry = SecretEntry(secret_id, name, (new, *kept))
        return Written(entry, put_secret(name, secret_id, new), (secret_changed(name),))
