# SPDX-License-Identifier: Apache-2.0
"""An issuer with memory: its keys, its documents, its clock, and who asked for what."""

import asyncio
import json

from smartagent.crypto import JwsSigner, SigningKey, sign_compact, system_entropy
from smartagent.sdk import Fetched, KeysUnavailable, Verifier

ISSUER = "https://auth.example"
AUDIENCE = "https://orders.example"
METADATA_URL = f"{ISSUER}/.well-known/oauth-authorization-server"
JWKS_URL = f"{ISSUER}/.well-known/jwks.json"
START = 1_800_000_000


class FakeClock:
    def __init__(self):
        self.passed = 0.0

    def now(self):
        return START + self.passed

    def monotonic(self):
        return 1000.0 + self.passed

    def advance(self, seconds):
        self.passed += seconds


class FakeIssuer:
    """Makes tokens, publishes keys, and is the `fetch` of the verifiers under test."""

    def __init__(self, issuer=ISSUER):
        self.issuer = issuer
        self.clock = FakeClock()
        self.key = SigningKey.generate(system_entropy)
        self.kid = self.key.public.thumbprint
        self.entries = [self.entry(self.key)]
        self.cache_control = "public, max-age=3600"
        self.documents = {}
        self.down = False
        self.gate = None
        self.asked = []
        self.publish()

    def entry(self, key, **members):
        return {**key.public.jwk(), "kid": key.public.thumbprint, "use": "sig", **members}

    def publish(self):
        self.documents[METADATA_URL] = Fetched(
            200, json.dumps({"issuer": self.issuer, "jwks_uri": JWKS_URL}).encode()
        )
        self.documents[JWKS_URL] = Fetched(
            200, json.dumps({"keys": self.entries}).encode(), self.cache_control
        )

    async def __call__(self, url):
        self.asked.append(url)
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        if self.down:
            raise KeysUnavailable("down")
        return self.documents.get(url, Fetched(404, b""))

    @property
    def jwks_fetches(self):
        return self.asked.count(JWKS_URL)

    def rotate(self):
        self.key = SigningKey.generate(system_entropy)
        self.kid = self.key.public.thumbprint

    def claims(self, **changes):
        now = int(self.clock.now())
        claims = {
            "iss": self.issuer,
            "sub": "agt_1",
            "aud": AUDIENCE,
            "exp": now + 300,
            "iat": now,
            "jti": "aat_1",
            "client_id": "agt_1",
            "scope": "orders:read orders:write",
            "role": "support",
            "sid": "ses_1",
            "audit_url": f"{self.issuer}/v1/audit/aat_1",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, typ="at+jwt", **changes):
        return JwsSigner(self.key, self.kid, typ).sign(json.dumps(self.claims(**changes)).encode())

    def token_with_header(self, payload=None, **header):
        header = {"alg": "EdDSA", "kid": self.kid, "typ": "at+jwt", **header}
        raw = json.dumps(self.claims()).encode() if payload is None else payload
        return sign_compact(
            {name: value for name, value in header.items() if value is not None}, raw, self.key
        )

    def verifier(self, **options):
        return Verifier(self.issuer, AUDIENCE, clock=self.clock, fetch=self, **options)
