# SPDX-License-Identifier: Apache-2.0
"""Certificates that a client proves itself with: what is one, and what the TLS library takes."""

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from smartagent.crypto import MalformedKey, check_client_certificate, load_chain
from smartagent.kernel import Secret

BEGAN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PLAIN = serialization.NoEncryption()
EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65_537, 2048)
ED = ed25519.Ed25519PrivateKey.generate()


def certificate(key, name="agent"):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(BEGAN)
        .not_valid_after(BEGAN + dt.timedelta(days=36_500))
        .sign(key, None if key is ED else hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def private(key, form=PKCS8, sealing=PLAIN):
    return key.private_bytes(serialization.Encoding.PEM, form, sealing)


@pytest.mark.parametrize(
    "pem",
    [
        certificate(EC) + private(EC),
        private(EC) + certificate(EC),
        private(EC, TRADITIONAL) + certificate(EC),
        certificate(RSA) + private(RSA, TRADITIONAL),
        certificate(RSA) + certificate(EC, "issuer") + private(RSA),
        certificate(ED) + private(ED),
        b"Bag Attributes\n" + certificate(EC) + b"\n\n" + private(EC),
    ],
)
def test_a_certificate_with_its_key_is_taken_by_us_and_by_the_tls_library(pem):
    check_client_certificate(Secret(pem))
    load_chain(ssl.create_default_context(), Secret(pem))


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "private key"),
        (b"not PEM at all", "private key"),
        (certificate(EC), "private key"),
        (certificate(EC) + private(EC) + private(RSA), "private key"),
        (certificate(EC) + private(EC, PKCS8, serialization.BestAvailableEncryption(b"x")), "passphrase"),
        (
            certificate(RSA) + private(RSA, TRADITIONAL, serialization.BestAvailableEncryption(b"x")),
            "passphrase",
        ),
        (private(EC), "no certificate"),
        (certificate(RSA) + private(EC), "not that of the first"),
        (certificate(EC, "issuer") + certificate(RSA) + private(RSA), "not that of the first"),
        (certificate(EC).replace(b"M", b"N", 1) + private(EC), "certificate"),
        (certificate(EC) + private(EC).replace(b"MIG", b"AAA", 1), "cannot be read"),
    ],
)
def test_anything_else_is_refused_with_the_reason_and_nothing_of_it(pem, why):
    with pytest.raises(MalformedKey, match=why) as caught:
        check_client_certificate(Secret(pem))
    assert "-----" not in str(caught.value)


@pytest.mark.parametrize("pem", [b"", certificate(EC), private(EC), certificate(RSA) + private(EC)])
def test_what_the_tls_library_does_not_take_is_an_error_of_ours(pem):
    with pytest.raises(MalformedKey):
        load_chain(ssl.create_default_context(), Secret(pem))
