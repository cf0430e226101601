# SPDX-License-Identifier: Apache-2.0
"""Where a small house takes a token: a good one for each place, and a request that carries any."""

from urllib.parse import urlencode

from smartagent.crypto import b64u, sha256
from smartagent.edge import AuthenticationFailed
from smartagent.kernel import IdPrefix
from tests.conformance.forging import Original
from tests.unit.identity.world import GATEWAY, ISSUER, START

NOW = int(START)


class Place:
    """Where the house takes a token: a good one for it, and a request that carries any."""

    def __init__(self, good, send):
        self.good = good
        self.send = send


def house_token(world, bot):
    ring = world.tokens.ring
    claims = {
        "iss": ISSUER,
        "sub": bot.id,
        "aud": GATEWAY,
        "exp": NOW + 900,
        "iat": NOW,
        "jti": world.ids.new(IdPrefix.ACCESS_TOKEN),
        "client_id": bot.id,
        "scope": "orders:read",
        "role": "order-reader",
        "sid": world.ids.new(IdPrefix.SESSION),
        "audit_url": "",
    }
    return Original({"alg": "EdDSA", "kid": ring.active.kid, "typ": "at+jwt"}, claims, ring.active.key)


def bearer(world, ada, bot):
    async def send(token):
        reply = await world.send(
            world.inbound("GET", "/v1/agents", None, {"authorization": f"Bearer {token}"})
        )
        return reply.status, reply

    return Place(house_token(world, bot), send)


def gateway_bearer(world, ada, bot):
    async def send(token):
        inbound = world.inbound("GET", "/shop/x", None, {"authorization": f"Bearer {token}"})
        try:
            await world.tokens.access.by_gateway_token(inbound)
        except AuthenticationFailed as error:
            return 401, str(error)
        return 200, ""

    return Place(house_token(world, bot), send)


def client_assertion(world, ada, bot):
    claims = {"iss": bot.id, "sub": bot.id, "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "once"}
    header = {"alg": "EdDSA", "typ": "client-authentication+jwt", "kid": bot.key.public.thumbprint}

    async def send(token):
        reply = await world.send(form(world, bot.form(token)))
        return reply.status, reply

    return Place(Original(header, claims, bot.key), send)


def proof_at_the_token_endpoint(world, ada, bot):
    claims = {
        "jti": "once",
        "htm": "POST",
        "htu": f"{ISSUER}/oauth/token",
        "iat": NOW,
        "nonce": world.tokens.proofs.nonce(),
    }
    header = {"alg": "EdDSA", "typ": "dpop+jwt", "jwk": bot.key.public.jwk()}

    async def send(token):
        reply = await world.send(form(world, bot.form(), {"dpop": token}))
        return reply.status, reply

    return Place(Original(header, claims, bot.key), send)


def proof_at_the_house(world, ada, bot):
    token = ada.headers("GET", "/v1/agents")["authorization"]
    digest = b64u(sha256(token.removeprefix("DPoP ").encode()))
    claims = {"jti": "once", "htm": "GET", "htu": f"{ISSUER}/v1/agents", "iat": NOW, "ath": digest}
    header = {"alg": "EdDSA", "typ": "dpop+jwt", "jwk": ada.key.public.jwk()}

    async def send(proof):
        headers = {"authorization": token, "dpop": proof}
        reply = await world.send(world.inbound("GET", "/v1/agents", None, headers))
        return reply.status, reply

    return Place(Original(header, claims, ada.key), send)


def form(world, fields, headers=None):
    media_type = {"content-type": "application/x-www-form-urlencoded"}
    return world.inbound("POST", "/oauth/token", urlencode(fields).encode(), media_type | (headers or {}))
