# SPDX-License-Identifier: Apache-2.0
"""OpenSSH user certificates and key revocation lists.

Spec: OpenSSH's PROTOCOL.certkeys and PROTOCOL.krl.  An empty list of principals would mean anybody: it is refused.
"""

import struct
from collections.abc import Sequence
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_pem_private_key,
    load_ssh_private_key,
)

from smartagent.crypto.encoding import unb64
from smartagent.crypto.errors import MalformedKey
from smartagent.kernel import Entropy, Secret

_MAGIC: Final = b"SSHKRL\n\x00"
_FORMAT_VERSION: Final = 1
_CERTIFICATES: Final = 1
_SERIAL_LIST: Final = 0x20
_KEY_BYTES: Final = 32

_CaKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class CertificateOrder(msgspec.Struct, frozen=True):
    """What a certificate says.  Instants are Unix seconds."""

    serial: int
    key_id: str
    principals: Sequence[str]
    valid_after: int
    valid_before: int
    force_command: str = ""
    source_addresses: Sequence[str] = ()
    extensions: Sequence[str] = ()


class SshLogin(msgspec.Struct, frozen=True):
    """A fresh key, in OpenSSH's format, and its certificate."""

    private_key: Secret[str]
    public_key: str
    certificate: str


class SshCa:
    """A CA of users.

    Args:
        private_key: In OpenSSH's format or PEM, not encrypted: Ed25519, ECDSA or RSA.

    Raises:
        MalformedKey: It is something else.
    """

    def __init__(self, private_key: Secret[bytes]) -> None:
        self._key = _load(private_key)

    @property
    def public_key(self) -> str:
        """The public key, as it stands in `TrustedUserCAKeys`."""
        return self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")

    def issue(self, order: CertificateOrder, entropy: Entropy) -> SshLogin:
        """Make a fresh key with a certificate.

        Raises:
            MalformedKey: The order names nobody.
        """
        if not order.principals:
            raise MalformedKey("a certificate without principals would be everybody's")
        own = ed25519.Ed25519PrivateKey.from_private_bytes(entropy(_KEY_BYTES))
        builder = (
            SSHCertificateBuilder()
            .public_key(own.public_key())
            .serial(order.serial)
            .type(SSHCertificateType.USER)
            .key_id(order.key_id.encode())
            .valid_principals([principal.encode() for principal in order.principals])
            .valid_after(order.valid_after)
            .valid_before(order.valid_before)
        )
        if order.force_command:
            builder = builder.add_critical_option(b"force-command", order.force_command.encode())
        if order.source_addresses:
            builder = builder.add_critical_option(
                b"source-address", ",".join(order.source_addresses).encode()
            )
        for extension in sorted(order.extensions):
            builder = builder.add_extension(extension.encode(), b"")
        certificate = builder.sign(self._key)
        private = own.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        public = own.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return SshLogin(
            Secret(private.decode("ascii")),
            public.decode("ascii"),
            certificate.public_bytes().decode("ascii"),
        )

    def revocation_list(self, serials: Sequence[int], *, version: int, at: int) -> bytes:
        """Return the key revocation list that names `serials` of this CA.

        Args:
            serials: Of the certificates that are revoked.
            version: Greater than any list's before.
            at: When it is made, in Unix seconds.
        """
        listed = b"".join(struct.pack(">Q", serial) for serial in sorted(set(serials)))
        inner = _string(unb64(self.public_key.split(" ")[1])) + _string(b"")
        if listed:
            inner += bytes([_SERIAL_LIST]) + _string(listed)
        head = _MAGIC + struct.pack(">IQQQ", _FORMAT_VERSION, version, at, 0) + _string(b"") + _string(b"")
        return head + bytes([_CERTIFICATES]) + _string(inner)


def _load(private_key: Secret[bytes]) -> _CaKey:
    raw = private_key.reveal()
    try:
        key = load_ssh_private_key(raw, None) if b"OPENSSH" in raw[:64] else load_pem_private_key(raw, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise MalformedKey("not an unencrypted private key in OpenSSH's format or PEM") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise MalformedKey("a CA's key is Ed25519, ECDSA or RSA")
    return key


def _string(raw: bytes) -> bytes:
    return struct.pack(">I", len(raw)) + raw
