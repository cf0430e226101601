# SPDX-License-Identifier: Apache-2.0
"""What a TLS client proves itself with: a certificate, perhaps with its chain, and the private key that it names.

Spec: RFC 7468 sections 5 and 10, RFC 8446 section 4.4.2.
"""

import os
import re
import ssl
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from smartagent.crypto.errors import MalformedKey
from smartagent.kernel import Secret

_KEY: Final = re.compile(rb"-----BEGIN ((?:EC |RSA )?PRIVATE KEY)-----[^-]+-----END \1-----")


def check_client_certificate(pem: Secret[bytes]) -> None:
    """Make sure that `pem` holds certificates, the client's own first, and the private key of that one.

    Raises:
        MalformedKey: It does not; says what is missing, and nothing of it.
    """
    raw = pem.reveal()
    keys = list(_KEY.finditer(raw))
    if len(keys) != 1:
        raise MalformedKey("there is not one private key in PEM, without a passphrase")
    try:
        certificate = x509.load_pem_x509_certificates(raw)[0]
    except ValueError:
        raise MalformedKey("there is no certificate in PEM") from None
    try:
        key = serialization.load_pem_private_key(keys[0][0], password=None)
        fits = _spki(key.public_key()) == _spki(certificate.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise MalformedKey("the private key or the certificate's cannot be read") from None
    if not fits:
        raise MalformedKey("the private key is not that of the first certificate")


def load_chain(context: ssl.SSLContext, pem: Secret[bytes]) -> None:
    """Let `context` prove itself with a certificate chain and its private key.

    Raises:
        MalformedKey: The TLS library does not take it.
    """
    # The library reads files only.  This one is memory that no other process can name.
    handle = os.memfd_create("chain", os.MFD_CLOEXEC)
    try:
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(pem.reveal())
        # Without a password it would ask at the terminal for that of a sealed key.
        context.load_cert_chain(f"/proc/self/fd/{handle}", password=b"")
    except ssl.SSLError:
        raise MalformedKey("the TLS library does not take this certificate and key") from None
    finally:
        os.close(handle)


def _spki(key: PublicKeyTypes) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, form)
