# SPDX-License-Identifier: Apache-2.0
"""The gateway's authority: the same on every node, leaves for one host and one day, verified as clients do."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from smartagent.crypto import CertificateAuthority, LeafKey, system_entropy
from smartagent.kernel import Secret

SEED = Secret(bytes(range(32)))
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
KEY = LeafKey()


def chain(authority, host, at=NOW):
    return x509.load_pem_x509_certificates(authority.leaf(host, KEY, at.timestamp(), system_entropy))


def verified(authority, certificates, host, at=NOW):
    trusted = Store([x509.load_pem_x509_certificate(authority.pem)])
    builder = PolicyBuilder().store(trusted).time(at)
    builder.build_server_verifier(x509.DNSName(host)).verify(certificates[0], certificates[1:])


def test_a_leaf_is_good_for_its_host_and_a_day():
    authority = CertificateAuthority(SEED, "gateway")
    leaf = chain(authority, "api.example")
    verified(authority, leaf, "api.example")
    for host, at in (
        ("other.example", NOW),
        ("api.example", NOW + dt.timedelta(days=1)),
        ("api.example", NOW - dt.timedelta(hours=2)),
    ):
        with pytest.raises(VerificationError):
            verified(authority, leaf, host, at)
    assert leaf[0].not_valid_after_utc - leaf[0].not_valid_before_utc <= dt.timedelta(days=1)


def test_two_nodes_with_one_seed_trust_each_others_leaves_and_no_others():
    one, two = CertificateAuthority(SEED, "gateway"), CertificateAuthority(SEED, "gateway")
    verified(one, chain(two, "api.example")[:1], "api.example")
    stranger = CertificateAuthority(Secret(bytes(32)), "gateway")
    with pytest.raises(VerificationError):
        verified(one, chain(stranger, "api.example")[:1], "api.example")


def test_no_two_leaves_have_one_serial_number():
    authority = CertificateAuthority(SEED, "gateway")
    assert len({chain(authority, "api.example")[0].serial_number for _ in range(50)}) == 50


def test_an_authority_for_some_names_signs_in_vain_for_others():
    authority = CertificateAuthority(SEED, "gateway", only=("example",))
    assert [
        authority.speaks_for(host) for host in ("example", "api.example", "notexample", "example.org")
    ] == [
        True,
        True,
        False,
        False,
    ]
    assert CertificateAuthority(SEED, "gateway").speaks_for("anything")
    verified(authority, chain(authority, "api.example"), "api.example")
    with pytest.raises(VerificationError):
        verified(authority, chain(authority, "api.test"), "api.test")


def test_an_authority_signs_no_other_authority():
    authority = CertificateAuthority(SEED, "gateway")
    leaf, ca = chain(authority, "api.example")
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
