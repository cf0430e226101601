# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for one purpose: leaves for the hosts that the gateway speaks for, hours long.

The authority's key is derived, so every node of a house has the same one and nothing is stored.  Its certificate is
a trust anchor: who trusts it compares name and key, and not the signature on it.

Spec: RFC 5280 sections 4.1 and 4.2; CA/Browser Forum Baseline Requirements for what browsers' libraries expect.
"""

import contextlib
import datetime as dt
import ipaddress
import re
import warnings
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from smartagent.crypto.digest import sha256
from smartagent.kernel import Entropy, Secret

LEAF_SECONDS: Final = 86_400
_BACK_SECONDS: Final = 3600
_SERIAL_BYTES: Final = 16
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# Fixed, so that every node shows the same certificate.
_CA_FROM: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_CA_UNTIL: Final = dt.datetime(2046, 1, 1, tzinfo=dt.UTC)
# FIPS 186-5: the order of P-256's base point.
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class LeafKey:
    """A key that all leaves of one process share; it never leaves its memory."""

    def __init__(self) -> None:
        self.key: Final = ec.generate_private_key(ec.SECP256R1())

    def pem(self) -> Secret[bytes]:
        """Return the private key for a TLS library."""
        form = serialization.PrivateFormat.PKCS8
        return Secret(self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


class CertificateAuthority:
    """Signs leaves.

    Args:
        seed: 32 bytes that nobody else has.
        name: What its certificate is called.
        only: The names that it may speak for, with all below them; none: any (RFC 5280 section 4.2.1.10).
    """

    def __init__(self, seed: Secret[bytes], name: str, only: Sequence[str] = ()) -> None:
        scalar = int.from_bytes(seed.reveal()) % (_ORDER - 1) + 1
        self._key = ec.derive_private_key(scalar, ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._only = tuple(only)
        self._certificate = self._self_signed(only)

    @property
    def pem(self) -> bytes:
        """Its certificate, as programs want it."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def speaks_for(self, host: str) -> bool:
        """Tell whether clients take its word for `host`, a name in lower case."""
        return not self._only or any(host == name or host.endswith(f".{name}") for name in self._only)

    def leaf(self, host: str, key: LeafKey, now: float, entropy: Entropy) -> bytes:
        """Return a certificate for `host` and the authority's behind it, in PEM.

        Args:
            host: A name or an address, in lower case.
            key: Whose certificate it is.
            now: Unix seconds.
            entropy: Gives the serial number.
        """
        begin = dt.datetime.fromtimestamp(int(now) - _BACK_SECONDS, dt.UTC)
        alternative = x509.SubjectAlternativeName([_general(host)])
        public = key.key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._subject)
            .public_key(public)
            .serial_number(int.from_bytes(entropy(_SERIAL_BYTES)) | 1)
            .not_valid_before(begin)
            .not_valid_after(begin + dt.timedelta(seconds=LEAF_SECONDS))
            # Without a subject the names must be critical.
            .add_extension(alternative, critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM) + self.pem

    def _self_signed(self, only: Sequence[str]) -> x509.Certificate:
        public = self._key.public_key()
        point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self._subject)
            .issuer_name(self._subject)
            .public_key(public)
            .serial_number(int.from_bytes(sha256(point)[:_SERIAL_BYTES]) | 1)
            .not_valid_before(_CA_FROM)
            .not_valid_after(_CA_UNTIL)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if only:
            names = x509.NameConstraints([x509.DNSName(name) for name in only], None)
            builder = builder.add_extension(names, critical=True)
        return builder.sign(self._key, hashes.SHA256())


def java_truststore(bundle: bytes, password: bytes) -> bytes:
    """Return certificates as a PKCS #12 store that Java takes for trust anchors (RFC 7292, and Oracle's attribute).

    Args:
        bundle: Certificates in PEM; those that cannot be read are left out.
        password: For its integrity; Java does not read a store without one.
    """
    named = [
        pkcs12.PKCS12Certificate(certificate, f"ca-{number}".encode())
        for number, certificate in enumerate(_readable(bundle))
    ]
    return pkcs12.serialize_java_truststore(named, serialization.BestAvailableEncryption(password))


def _readable(bundle: bytes) -> list[x509.Certificate]:
    # One by one: a machine's bundle may hold an old root that breaks a rule, and the others still count.
    found = []
    with warnings.catch_warnings(action="ignore"):
        for pem in _PEM.findall(bundle):
            with contextlib.suppress(ValueError):
                found.append(x509.load_pem_x509_certificate(pem))
    return found


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name)
