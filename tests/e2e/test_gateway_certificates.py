# SPDX-License-Identifier: Apache-2.0
"""Upstreams that want a client certificate get it from the gateway; its key never leaves."""

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smartagent.crypto import SystemClock, system_entropy
from smartagent.gateway import GatewaySettings, Interception
from smartagent.kernel import Secret
from tests.e2e.test_forward_proxy import AUTHORITY, Tunneled
from tests.e2e.test_gateway_bulk import certificate
from tests.unit.gateway.origin import on_both_loops, reply, world

pytestmark = pytest.mark.e2e


class Issuer:
    """Signs clients' certificates."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pem = self.certified("issuer", self.key, ca=True)

    def certified(self, name, key, *, ca=False):
        began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(began + dt.timedelta(days=36_500))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM)

    def client(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        form = serialization.PrivateFormat.PKCS8
        private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        return Secret(self.certified(name, key) + private)


ISSUER = Issuer()


async def who(request, reader, writer):
    """Answer with the name that the client's certificate says."""
    names = dict(pair[0] for pair in writer.get_extra_info("peercert")["subject"])
    writer.write(reply(names["commonName"].encode()))


def demanding(tmp_path):
    """Return the upstream's own certificate, and TLS that lets in only whom the issuer knows."""
    path, served = certificate(tmp_path, x509.DNSName("localhost"))
    served.verify_mode = ssl.CERT_REQUIRED
    served.load_verify_locations(cadata=ISSUER.pem.decode())
    return path, served


def place(tmp_path, **more):
    path, served = demanding(tmp_path)
    settings = GatewaySettings(sweep_seconds=0.02, ca_file=str(path))
    return world(who, settings, tls=served, place="client-certificate", **more)


@on_both_loops
async def test_the_upstream_is_shown_the_certificate_and_nothing_is_put_into_the_request(tmp_path):
    async with place(tmp_path) as here:
        here.doors.secrets["crm-key"] = (ISSUER.client("reports"),)
        agent = await here.agent()
        for _ in range(2):
            assert (await agent.call(fields="Cookie: a=b\r\nX-Api-Key: k\r\n")).body == b"reports"
        assert here.origin.connections == 1
        assert {"authorization", "cookie", "x-api-key"} & set(here.origin.requests[0].headers) == set()


@on_both_loops
async def test_a_certificate_that_was_replaced_is_not_shown_again(tmp_path):
    async with place(tmp_path) as here:
        agent = await here.agent()
        for name in ("old", "new", "newest"):
            here.doors.secrets["crm-key"] = (ISSUER.client(name),)
            assert (await agent.call()).body == name.encode()
        assert here.origin.connections == 3


@on_both_loops
async def test_it_is_shown_through_a_tunnel_too(tmp_path):
    interception = Interception(AUTHORITY, SystemClock(), system_entropy)
    async with place(tmp_path, interception=interception) as here:
        here.doors.secrets["crm-key"] = (ISSUER.client("reports"),)
        rig = Tunneled(here, tmp_path)
        agent = await rig.tunnel()
        rig.ask(agent)
        assert (await agent.answer()).body == b"reports"


@on_both_loops
async def test_a_certificate_that_the_upstream_does_not_know_opens_nothing(tmp_path):
    async with place(tmp_path) as here:
        here.doors.secrets["crm-key"] = (Issuer().client("stranger"),)
        agent = await here.agent()
        assert (await agent.call()).status == 502
        assert here.origin.requests == []


@pytest.mark.parametrize("pem", [b"not PEM", ISSUER.pem])
@on_both_loops
async def test_a_secret_that_is_no_certificate_with_its_key_is_an_error_that_shows_nothing_of_it(
    tmp_path, pem
):
    async with place(tmp_path) as here:
        here.doors.secrets["crm-key"] = (Secret(pem),)
        agent = await here.agent()
        answer = await agent.call()
        assert answer.status == 502
        assert b"private key" in answer.body
        assert pem[:20] not in answer.raw
        assert here.origin.connections == 0
