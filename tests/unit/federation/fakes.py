# SPDX-License-Identifier: Apache-2.0
"""The world outside: a web with a memory, and issuers with keys."""

import asyncio
import itertools
import json

from smartagent.crypto import (
    EcSigningKey,
    RsaSigningKey,
    SigningKey,
    b64u,
    sign_compact,
    signer_of,
)
from smartagent.federation import Fetched, FetchFailed
from smartagent.kernel import Algorithm, Secret
from tests.unit.identity.world import ISSUER, START, FakeEntropy

OUTSIDE = "https://idp.example"
KEYS_URL = "https://idp.example/keys"
CONFIGURATION = OUTSIDE + "/.well-known/openid-configuration"
# Making one takes a while; all tests share it.
RSA = RsaSigningKey.generate()
ACCOUNT = {
    "namespace": "agents",
    "serviceaccount": {"name": "billing", "uid": "3f1c"},
    "pod": {"name": "billing-7c9", "uid": "9a2b"},
}


class FakeWeb:
    """Answers from memory, and remembers who was asked; what is held back waits for `release`."""

    def __init__(self):
        self.pages = {}
        self.asked = []
        self.failing = False
        self._gate = asyncio.Event()
        self._gate.set()

    def publish(self, url, document, max_age=None):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.pages[url] = Fetched(body, max_age)

    def hold(self):
        self._gate.clear()

    def release(self):
        self._gate.set()

    async def get(self, url, *, accept="application/json", max_bytes=65_536):
        self.asked.append(url)
        await self._gate.wait()
        if self.failing or url not in self.pages:
            raise FetchFailed("nothing there")
        if len(self.pages[url].body) > max_bytes:
            raise FetchFailed("too long")
        return self.pages[url]


class OutsideIssuer:
    """Somebody who issues tokens, with keys by name."""

    def __init__(self, web, issuer=OUTSIDE, jwks_uri=KEYS_URL):
        self.web = web
        self.issuer = issuer
        self.jwks_uri = jwks_uri
        self.keys = {"rsa-1": RSA}
        self._jti = itertools.count(1)
        self.publish()

    def publish(self, max_age=300, extra=()):
        self.web.publish(
            f"{self.issuer.rstrip('/')}/.well-known/openid-configuration",
            {"issuer": self.issuer, "jwks_uri": self.jwks_uri},
        )
        self.web.publish(self.jwks_uri, {"keys": [*extra, *self.jwks()]}, max_age)

    def jwks(self):
        return [{"kid": kid, "use": "sig", **key.public.jwk()} for kid, key in self.keys.items()]

    def token(self, now=START, *, kid="rsa-1", key=None, header=None, **changes):
        """A token that holds, with `changes`; None takes a claim or header parameter away."""
        claims = {
            "iss": self.issuer,
            "sub": "workload-7",
            "aud": ISSUER,
            "iat": int(now),
            "exp": int(now) + 600,
            "jti": f"jti-{next(self._jti)}",
            "team": "billing",
        }
        signer = key or self.keys[kid]
        jose = {"alg": alg_of(signer), "kid": kid, "typ": "JWT"} | (header or {})
        return sign_compact(_without_none(jose), json.dumps(_without_none(claims | changes)).encode(), signer)

    def kubernetes_token(self, now=START, *, namespace="agents", account="billing", **changes):
        inner = {**ACCOUNT, "namespace": namespace, "serviceaccount": {"name": account, "uid": "3f1c"}}
        claims = {
            "sub": f"system:serviceaccount:{namespace}:{account}",
            "kubernetes.io": inner,
            "aud": [ISSUER],
        }
        return self.token(now, header={"typ": None}, **(claims | changes))

    def github_token(self, now=START, **changes):
        claims = {
            "sub": "repo:acme/shop:environment:production",
            "repository": "acme/shop",
            "repository_owner": "acme",
            "repository_id": "74",
            "ref": "refs/heads/main",
            "environment": "production",
            "job_workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
            "run_id": "42",
            "event_name": "push",
        }
        return self.token(now, **(claims | changes))


def alg_of(signer):
    return {RsaSigningKey: "RS256", EcSigningKey: "ES256", SigningKey: "EdDSA"}[type(signer)]


def ed_key(name="ed"):
    return SigningKey.generate(FakeEntropy(name))


def ec_key(name="ec"):
    return signer_of(Algorithm.ES256, Secret(FakeEntropy(name)(32)))


def unsigned(header, claims):
    """A token whose signature is empty."""
    return f"{b64u(json.dumps(header).encode())}.{b64u(json.dumps(claims).encode())}."


def _without_none(members):
    return {name: value for name, value in members.items() if value is not None}
