# SPDX-License-Identifier: Apache-2.0
"""The authority for real, with what foreign clients need there: clients, agents, a resource and a person."""

import asyncio
import json
import shutil
from pathlib import Path

import aiohttp
import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from smartagent.crypto import EcSigningKey, RsaSigningKey, SigningKey, b64u, system_entropy
from smartagent.sdk import Holder, enrol
from tests.e2e.site import Shop, Site, furnish
from tests.interop.described import DescribedClient
from tests.interop.person import Person

NODE = Path(__file__).parent / "node"
REDIRECT = "http://127.0.0.1:8912/callback"
RESOURCE = "https://orders.example/api"
SCOPES = ("orders:read", "orders:write")
PATIENCE_SECONDS = 60


class Authority:
    """One node, claimed, with a role, an upstream and a registered resource."""

    def __init__(self, folder):
        self._folder = folder
        self._people = []

    async def start(self):
        self.shop = await Shop().start()
        self.described = await DescribedClient(self._folder / "client.pem", REDIRECT).start()
        # Clients' descriptions stand on loopback here, under a certificate that only this house trusts.
        trusting = {
            "SMARTAGENT_ALLOW_LOOPBACK_FETCH": "true",
            "SSL_CERT_FILE": str(self._folder / "client.pem"),
            "SMARTAGENT_MCP_PROGRAMS": shutil.which("node") or "",
        }
        self.site = await Site(self._folder / "house", environment=trusting).start()
        self.issuer, self.gateway = self.site.issuer, self.site.audience
        self.operator = await self.site.operator()
        await furnish(self.operator, self.shop)
        await self.resource(RESOURCE, SCOPES)
        return self

    async def close(self):
        for person in self._people:
            await person.close()
        await self.operator.close()
        await self.site.kill()
        await self.shop.close()
        await self.described.close()

    def person(self):
        self._people.append(Person(self.operator, self.issuer))
        return self._people[-1]

    async def agent(self, role="reader"):
        """Enrol an agent, and return its id and its key."""
        answer = await self.api("POST", "/v1/enrolments", {"role": role})
        key = SigningKey.generate(system_entropy)
        holder = await enrol(Holder(key), self.issuer, answer["enrolment_token"], "bot")
        return holder.principal, key

    async def client(self, **metadata):
        """Register a client as an operator does, and return its id."""
        given = {
            "client_name": "A client",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        }
        return (await self.api("POST", "/v1/clients", given | metadata))["id"]

    async def resource(self, identifier, scopes, **more):
        """Register what takes tokens."""
        body = {"identifier": identifier, "name": "Orders", "scopes": list(scopes), **more}
        return await self.api("PUT", "/v1/resources", body)

    async def api(self, method, path, body=None):
        raw = await self.operator.request(method, path, body)
        return msgspec.json.decode(raw) if raw else None

    async def jwks(self):
        return await self.get("/.well-known/jwks.json")

    async def get(self, path):
        async with aiohttp.ClientSession() as session, session.get(self.issuer + path) as answer:
            assert answer.status == 200, path
            return await answer.json(content_type=None)

    async def form(self, path, fields, headers=None):
        """Post a form as a client does."""
        url = self.issuer + path
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=fields, headers=headers) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def node(self, scenario, person=None, **question):
        """Let npm's client do a scenario; `person` opens the pages that it names."""
        process = await asyncio.create_subprocess_exec(
            "node",
            "client.mjs",
            scenario,
            cwd=NODE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1_000_000,
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._spoken(process, person, {"issuer": self.issuer, **question})
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def _spoken(self, process, person, question):
        process.stdin.write(json.dumps(question).encode() + b"\n")
        while line := await process.stdout.readline():
            said = json.loads(line)
            if "done" in said:
                return said["done"]
            fill = {"user_code": said["userCode"]} if "userCode" in said else None
            callback = await person(said["visit"], fill=fill)
            process.stdin.write(json.dumps({"callback": callback or self.issuer}).encode() + b"\n")
        raise AssertionError((await process.stderr.read()).decode())


def private_jwk(key):
    """Return a private key as a JWK, for libraries that take one."""
    kid = {"kid": key.public.thumbprint}
    if isinstance(key, RsaSigningKey):
        return jwt.algorithms.RSAAlgorithm.to_jwk(_private(key), as_dict=True) | kid
    return key.public.jwk() | {"d": b64u(key.private().reveal())} | kid


def public_jwk(key):
    return {**key.public.jwk(), "kid": key.public.thumbprint, "use": "sig"}


def pem(key):
    """Return a private key as PEM (PKCS #8), for libraries that take one."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return _private(key).private_bytes(encoding, form, serialization.NoEncryption()).decode()


def _private(key):
    raw = key.private().reveal()
    if isinstance(key, SigningKey):
        return Ed25519PrivateKey.from_private_bytes(raw)
    if isinstance(key, EcSigningKey):
        return ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1())
    return serialization.load_der_private_key(raw, None)


def signing_keys():
    """Return a fresh key of each algorithm."""
    return {
        "Ed25519": SigningKey.generate(system_entropy),
        "ES256": EcSigningKey.generate(system_entropy),
        "RS256": RsaSigningKey.generate(),
    }


def unverified(token):
    return jwt.decode(token, options={"verify_signature": False})
