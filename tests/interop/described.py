# SPDX-License-Identifier: Apache-2.0
"""A client whose id is the URL of its own description, served on loopback under TLS."""

import datetime as dt
import ssl

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smartagent.crypto import SystemClock
from tests.e2e.site import free_port

DAY = dt.timedelta(days=1)


class DescribedClient:
    """Serves one description, and counts who asks for it."""

    def __init__(self, certificate, redirect_uri):
        self.port = free_port()
        self.url = f"https://localhost:{self.port}/client.json"
        self.asked = 0
        self._redirect_uri = redirect_uri
        self._tls = _context(certificate)

    async def start(self):
        app = web.Application()
        app.router.add_get("/client.json", self._describe)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "localhost", self.port, ssl_context=self._tls).start()
        return self

    async def close(self):
        await self._runner.cleanup()

    async def _describe(self, _request):
        self.asked += 1
        return web.json_response(
            {
                "client_id": self.url,
                "client_name": "A described client",
                "redirect_uris": [self._redirect_uri],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            }
        )


def _context(path):
    """Make a certificate for `localhost` that vouches for itself, and write it to `path`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.fromtimestamp(SystemClock().now(), dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, *form)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = path.with_suffix(".key")
    secret.write_bytes(private)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path, secret)
    return context
