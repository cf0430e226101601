# SPDX-License-Identifier: Apache-2.0
"""How names here and in Vault's API go together."""

from typing import Final

from smartagent.vaultapi.errors import LeaseUnknown

REVOKE_ANY_SCOPE: Final = "revocations.create"
"""What a token needs to revoke by any accessor; every token may revoke itself."""
_MOUNTS: Final = ("database/creds/", "secret/data/")


def vault_lease_id(mount: str, name: str, lease_id: str) -> str:
    """Write a lease's id as Vault does: with the path that it was made at before it."""
    return f"{mount}{name}/{lease_id}"


def own_lease_id(raw: str) -> str:
    """Return the id of the lease that `raw` names; the bare id is good, too.

    Raises:
        LeaseUnknown: It names none.
    """
    for mount in _MOUNTS:
        if raw.startswith(mount):
            name, slash, lease_id = raw.removeprefix(mount).rpartition("/")
            if name and slash and lease_id.startswith("lse_"):
                return lease_id
    if raw.startswith("lse_"):
        return raw
    raise LeaseUnknown("")
