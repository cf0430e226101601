# SPDX-License-Identifier: Apache-2.0
"""OpenSSH: a fresh key with a user certificate for each lease.

A certificate is good for whoever holds it until it ends, at every host that trusts the CA, and no host asks us.  So
its life is minutes, and hosts that read the published revocation list refuse it earlier.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import structs

from smartagent.crypto import CertificateOrder, MalformedKey, SshCa, sha256
from smartagent.kernel import Entropy, Secret
from smartagent.leases.backends.reading import grant_of, told
from smartagent.leases.errors import CannotNarrow, MalformedCredential, MalformedProvider, ProviderFailed
from smartagent.leases.model import Credential, Ended, Made, Order, Provider
from smartagent.policy import Item, ResourceKind

KIND: Final = "ssh"
SKEW_SECONDS: Final = 60
MAX_TTL_SECONDS: Final = 3600
_PRINCIPAL: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_EXTENSIONS: Final = frozenset(
    [
        "permit-pty",
        "permit-port-forwarding",
        "permit-agent-forwarding",
        "permit-X11-forwarding",
        "permit-user-rc",
    ]
)
_MOST: Final = 32
_MAX_COMMAND: Final = 1024


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    principals: tuple[str, ...]
    force_command: str = ""
    source_addresses: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()


class SshBackend:
    """Signs certificates."""

    kind = KIND
    renewable = False
    narrows = ResourceKind.HOSTS
    fields = ("private_key", "public_key", "certificate")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def check_provider(self, provider: Provider) -> None:
        """Check an entry.

        Raises:
            MalformedProvider: It has settings, or does not name the CA's key.
        """
        if provider.settings:
            raise MalformedProvider("settings", "this kind has none")
        if set(provider.secrets) != {"ca_key"}:
            raise MalformedProvider(
                "secrets", "name the secret of the CA's private key as `ca_key`, and no other"
            )

    def check_credential(self, provider: Provider, credential: Credential) -> None:  # noqa: ARG002 -- a backend's shape
        """Check a grant.

        Raises:
            MalformedCredential: It names nobody, or what OpenSSH would read otherwise.
        """
        grant = grant_of(credential.grant, _Grant)
        if not 0 < len(grant.principals) <= _MOST or not all(map(_PRINCIPAL.fullmatch, grant.principals)):
            raise MalformedCredential(
                "grant.principals", f"1 to {_MOST} names: none at all would be everybody"
            )
        if len(grant.force_command) > _MAX_COMMAND or not (
            grant.force_command.isprintable() or not grant.force_command
        ):
            raise MalformedCredential("grant.force_command", f"one line of at most {_MAX_COMMAND} characters")
        if len(grant.source_addresses) > _MOST or not all(map(_is_network, grant.source_addresses)):
            raise MalformedCredential("grant.source_addresses", f"at most {_MOST} networks in CIDR form")
        if not _EXTENSIONS.issuperset(grant.extensions):
            raise MalformedCredential("grant.extensions", f"of {', '.join(sorted(_EXTENSIONS))}")
        if credential.max_ttl_seconds > MAX_TTL_SECONDS:
            raise MalformedCredential(
                "max_ttl_seconds", f"at most {MAX_TTL_SECONDS}: no host asks whether it is over"
            )

    def narrow(
        self,
        provider: Provider,  # noqa: ARG002 -- a backend's shape
        grant: Mapping[str, object],
        items: Sequence[Item],
    ) -> Mapping[str, object]:
        """Return the certificate for the principals that both name; what else it says stays.

        Raises:
            CannotNarrow: Nothing of it is left.
        """
        held = grant_of(grant, _Grant)
        named = {item.name for item in items if item.verb == "LOGIN"}
        left = tuple(each for each in held.principals if each in named)
        if not left:
            raise CannotNarrow("the credential is for none of these principals")
        return told(structs.replace(held, principals=left))

    def handle_of(self, lease_id: str) -> str:
        """Name the certificate: its serial number."""
        return str(serial_of(lease_id))

    async def issue(self, order: Order) -> Made:
        """Sign a certificate for a fresh key.

        Raises:
            ProviderFailed: The CA's key is none.
        """
        grant = grant_of(order.grant, _Grant)
        wanted = CertificateOrder(
            serial=int(order.handle),
            key_id=f"{order.lease_id} {order.agent}",
            principals=grant.principals,
            valid_after=int(order.now) - SKEW_SECONDS,
            valid_before=order.expires_at,
            force_command=grant.force_command,
            source_addresses=grant.source_addresses,
            extensions=grant.extensions,
        )
        try:
            login = SshCa(order.secrets["ca_key"]).issue(wanted, self._entropy)
        except MalformedKey:
            raise ProviderFailed("malformed-ca-key") from None
        fields = {
            "private_key": login.private_key,
            "public_key": Secret(login.public_key),
            "certificate": Secret(login.certificate),
        }
        return Made(fields, dies_at=order.expires_at, facts={"principals": ",".join(grant.principals)})

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """A certificate's end is signed."""
        return order.expires_at

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:  # noqa: ARG002 -- a backend's shape
        """Say until when hosts take it that do not read the revocation list; the list names it from now on."""
        return Ended(outlives_until=order.expires_at)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:  # noqa: ARG002 -- a backend's shape
        """Say nothing when the CA's key is one.

        Raises:
            ProviderFailed: It is none.
        """
        try:
            SshCa(secrets["ca_key"])
        except MalformedKey:
            raise ProviderFailed("malformed-ca-key") from None


def serial_of(lease_id: str) -> int:
    """Return the serial number of a lease's certificate: 63 bits, the same each time."""
    return int.from_bytes(sha256(lease_id.encode())[:8]) >> 1


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return "%" not in text
