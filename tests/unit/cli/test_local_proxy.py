# SPDX-License-Identifier: Apache-2.0
"""What a program behind the local proxy is told, and whom the proxy takes without a password."""

import socket

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from smartagent.cli.run.peers import is_own, user_of
from smartagent.cli.run.proxy import _asks_a_proxy
from smartagent.cli.run.trust import Addresses, variables, write_trust
from smartagent.crypto import CertificateAuthority, java_truststore
from smartagent.kernel import Secret

AUTHORITY = CertificateAuthority(Secret(bytes(32)), "the house's gateway")
WHERE = Addresses("http://run:pw@127.0.0.1:1000", 2000, "/somewhere/proxy.sock")
TABLE = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:03E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0",
    "   1: 0100007F:03E8 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4",
    "   2: 0100007F:9C40 0100007F:03E8 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0 20 4",
    "   3: 0000000000000000FFFF00000100007F:9C41 0000000000000000FFFF00000100007F:03E8 01 0:0 00:0 0 1002 0 4",
]


def test_the_kernels_table_says_whose_the_clients_end_is():
    assert user_of(TABLE, 40_000, 1000) == 1001
    assert user_of(TABLE, 40_001, 1000) == 1002
    assert user_of(TABLE, 40_002, 1000) is None


def test_this_users_own_connections_are_known():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        taken, _ = server.accept()
        with taken:
            assert is_own(taken)
    one, other = socket.socketpair()
    with one, other:
        assert is_own(one)


def test_java_gets_a_store_a_port_and_the_hosts_that_are_left_alone(tmp_path):
    write_trust(tmp_path, AUTHORITY.pem)
    environ = {"NO_PROXY": ".corp.example, ::1,10.0.0.0/8", "JAVA_TOOL_OPTIONS": "-Xmx1g"}
    told = variables(WHERE, tmp_path, environ)["JAVA_TOOL_OPTIONS"].split(" ")
    assert told[0] == "-Xmx1g"
    assert "-Dhttps.proxyHost=127.0.0.1" in told
    assert "-Dhttps.proxyPort=2000" in told
    assert "-Dhttp.nonProxyHosts=corp.example|*.corp.example|[::1]" in told
    assert f"-Djavax.net.ssl.trustStore={tmp_path}/ca.p12" in told
    assert "pw" not in " ".join(told), "Java prints its options when it starts"


def test_the_store_holds_what_the_bundle_holds_and_skips_what_nobody_can_read(tmp_path):
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    raw = java_truststore(broken + AUTHORITY.pem, b"changeit")
    kept = pkcs12.load_pkcs12(raw, b"changeit").additional_certs
    assert [each.certificate for each in kept] == [x509.load_pem_x509_certificate(AUTHORITY.pem)]


def test_everybody_else_gets_the_address_with_its_password_and_one_bundle(tmp_path):
    write_trust(tmp_path, AUTHORITY.pem)
    told = variables(WHERE, tmp_path, {})
    assert told["HTTPS_PROXY"] == told["http_proxy"] == "http://run:pw@127.0.0.1:1000"
    assert told["SSL_CERT_FILE"] == told["NODE_EXTRA_CA_CERTS"] == str(tmp_path / "ca.pem")
    assert told["NO_PROXY"] == told["no_proxy"] == "localhost,127.0.0.1,::1"
    assert (tmp_path / "ca.pem").read_bytes().endswith(AUTHORITY.pem)


def test_what_a_browsers_page_could_send_to_the_port_is_not_asked_of_a_proxy():
    assert _asks_a_proxy(b"CONNECT api.example:443 HTTP/1.1")
    assert _asks_a_proxy(b"GET HTTP://api.example/ HTTP/1.1")
    for line in (b"GET / HTTP/1.1", b"POST /v1/secrets HTTP/1.1", b"GET", b"", b"OPTIONS * HTTP/1.1"):
        assert not _asks_a_proxy(line)
