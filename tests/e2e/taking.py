# SPDX-License-Identifier: Apache-2.0
"""Every place of the running house that takes a token, and a good token for each.

Whoever stands here has what no attacker has: the house's own signing keys.
"""

import json
import sqlite3

from smartagent.crypto import SystemClock, b64u, signer_of, system_entropy, unseal
from smartagent.kernel import Algorithm, IdPrefix, Ids, Secret
from tests.conformance.forging import Original
from tests.e2e.site import token_form

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CIBA = "urn:openid:params:grant-type:ciba"


class Ground:
    """A running house, an agent, a client, and the keys that sign the house's tokens."""

    async def start(self, site, operator):
        self.site, self.operator = site, operator
        self.clock = SystemClock()
        self.ids = Ids(self.clock, system_entropy)
        _, self.holder = await site.agent(operator)
        self.agent, self.key = self.holder.principal, self.holder.key
        self.keys = self._signing_keys()
        self.published = {kid: key.public for kid, key in self.keys.values()}
        await self.another_client()
        return self

    async def another_client(self):
        """Register a client that asks people in the background, and signs with the agent's key."""
        metadata = {
            "client_name": "Asker",
            "grant_types": [CIBA],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [self.key.public.jwk()]},
        }
        raw = await self.operator.request("POST", "/v1/clients", metadata)
        self.client = json.loads(raw)["id"]

    def _signing_keys(self):
        root = Secret(bytes.fromhex((self.site.folder / "root.key").read_text()))
        with sqlite3.connect(f"file:{self.site.folder / 'smartagent.db'}?mode=ro", uri=True) as store:
            ((number, kept),) = store.execute("SELECT number, sealed FROM sealing_keys").fetchall()
            rows = store.execute(
                "SELECT kid, algorithm, sealed_seed FROM signing_keys WHERE state = 'active'"
            ).fetchall()
        store.close()
        wrapping = unseal(kept, root, f"sealing-key/{number}")
        return {
            algorithm: (kid, signer_of(Algorithm(algorithm), unseal(sealed, wrapping, f"token-key/{kid}")))
            for kid, algorithm, sealed in rows
        }

    def now(self):
        return int(self.clock.now())

    def house_token(self, typ="at+jwt", algorithm="EdDSA", **changes):
        """Return an access token for the agent itself, as the house signs it."""
        kid, key = self.keys[algorithm]
        claims = {
            "iss": self.site.issuer,
            "sub": self.agent,
            "aud": self.site.audience,
            "exp": self.now() + 600,
            "iat": self.now(),
            "jti": self.ids.new(IdPrefix.ACCESS_TOKEN),
            "client_id": self.agent,
            "scope": "read",
            "role": "reader",
            "sid": self.ids.new(IdPrefix.SESSION),
            "audit_url": "",
        } | changes
        return Original({"alg": algorithm, "kid": kid, "typ": typ}, claims, key)

    def id_token(self):
        return self.house_token(
            "JWT", aud=self.client, azp=self.client, sub=self.operator.id, auth_time=self.now()
        )

    def assertion(self, client=None):
        """Return a client assertion by the agent's key, also the client's."""
        claims = {
            "iss": client or self.agent,
            "sub": client or self.agent,
            "aud": self.site.issuer,
            "exp": self.now() + 60,
            "iat": self.now(),
            "jti": b64u(system_entropy(16)),
        }
        return Original({"alg": "EdDSA", "typ": "client-authentication+jwt"}, claims, self.key)

    def as_client(self):
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(self.client).sign(),
        }

    def as_agent(self, **more):
        return token_form(self.holder, self.site.issuer) | more


class Place:
    """Where a token is taken.

    `good` is one that is taken there, `kinds` and `algorithms` what of the house's may be, and `send` presents any.
    `tries` is how often one client may be wrong, 0 for any number.
    """

    kinds = frozenset({"at+jwt"})
    algorithms = frozenset({"EdDSA"})
    in_header = False
    tries = 0
    refusals = frozenset({400, 401})

    def __init__(self, ground):
        self.ground = ground
        self.good = self.make()

    def make(self):
        return self.ground.house_token()

    def took(self, status, body):
        return status == 200

    async def post(self, session, path, fields, headers=None):
        url = self.ground.site.url + path
        async with session.post(url, data=fields, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers

    async def get(self, session, url, headers):
        async with session.get(url, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers


class BearerAtTheHouse(Place):
    in_header = True

    def took(self, status, body):
        return status == 403

    async def send(self, session, token):
        url = f"{self.ground.site.url}/v1/agents"
        return await self.get(session, url, {"authorization": f"Bearer {token}"})


class BearerAtTheGateway(Place):
    in_header = True

    async def send(self, session, token):
        url = f"{self.ground.site.gateway}/shop/x"
        return await self.get(session, url, {"authorization": f"Bearer {token}"})


class ClientAssertion(Place):
    kinds = frozenset({"client-authentication+jwt", "JWT", ""})

    def make(self):
        return self.ground.assertion()

    async def send(self, session, token):
        fields = self.ground.as_agent(client_assertion=token)
        return await self.post(session, "/oauth/token", fields)


class DpopProof(Place):
    kinds = frozenset({"dpop+jwt"})
    in_header = True

    def make(self):
        ground = self.ground
        claims = {
            "jti": b64u(system_entropy(16)),
            "htm": "POST",
            "htu": f"{ground.site.issuer}/oauth/token",
            "iat": ground.now(),
            "nonce": ground.nonce,
        }
        return Original(
            {"alg": "EdDSA", "typ": "dpop+jwt", "jwk": ground.key.public.jwk()}, claims, ground.key
        )

    async def send(self, session, token):
        return await self.post(session, "/oauth/token", self.ground.as_agent(), {"dpop": token})


class SubjectToken(Place):
    token_type = ACCESS_TOKEN

    async def send(self, session, token):
        fields = self.ground.as_agent(
            grant_type=TOKEN_EXCHANGE, subject_token=token, subject_token_type=self.token_type
        )
        return await self.post(session, "/oauth/token", fields)


class ActorToken(Place):
    async def send(self, session, token):
        own = self.ground.house_token().sign()
        fields = self.ground.as_agent(
            grant_type=TOKEN_EXCHANGE,
            subject_token=own,
            subject_token_type=ACCESS_TOKEN,
            actor_token=token,
            actor_token_type=ACCESS_TOKEN,
        )
        return await self.post(session, "/oauth/token", fields)


class Introspected(Place):
    refusals = frozenset({200})

    def took(self, status, body):
        return json.loads(body)["active"] is True

    async def send(self, session, token):
        own = {"authorization": f"Bearer {self.ground.house_token().sign()}"}
        return await self.post(session, "/oauth/introspect", {"token": token}, own)


class IdTokenHint(Place):
    kinds = frozenset({"JWT"})
    algorithms = frozenset({"EdDSA", "ES256", "RS256"})
    # A client that is wrong more often must wait.
    tries = 9

    def make(self):
        return self.ground.id_token()

    async def send(self, session, token):
        fields = self.ground.as_client() | {"scope": "openid", "id_token_hint": token}
        return await self.post(session, "/oauth/backchannel", fields)


class OutsideSubject(SubjectToken):
    """No issuer is trusted to say who people are, the house itself least of all."""

    kinds = frozenset()
    token_type = ID_TOKEN

    def make(self):
        return self.ground.id_token()


class Assertion(Place):
    """Nor to vouch for a client's user: our own ID-JAGs are for others."""

    kinds = frozenset()

    def make(self):
        return self.ground.house_token("oauth-id-jag+jwt", aud=self.ground.site.issuer)

    async def send(self, session, token):
        fields = self.ground.as_agent(grant_type=JWT_BEARER, assertion=token)
        return await self.post(session, "/oauth/token", fields)
