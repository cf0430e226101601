# SPDX-License-Identifier: Apache-2.0
"""A house in which people consent in a browser, and clients that redeem what they are given."""

from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from smartagent.clients import Client, ClientKind, Resource
from smartagent.crypto import SigningKey, b64u, sign_compact
from tests.unit.decoupled.house import FORM, Elsewhere
from tests.unit.identity.world import ISSUER, OperatorActor, World

VERIFIER = "a-verifier-of-forty-three-characters-or-more-4711"
CHALLENGE = b64u(sha256(VERIFIER.encode()).digest())
REDIRECT = "https://app.example/callback"
API = "https://orders.example/api"
CLIENT = "clt_" + "0" * 26


class House(Elsewhere):
    """One node with the grants of consent; `ada` sits in front of a browser."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.ada: OperatorActor | None = None
        world.grants |= self.consent.grants()
        world.open_oauth(self.consent.redeeming)
        world.clients.protected[API] = Resource(API, "Orders", ("orders:read", "orders:write"))

    async def operator(self) -> OperatorActor:
        """Claim the house; the same person each time."""
        if self.ada is None:
            self.ada = await self.world.operator()
        return self.ada

    async def another(self) -> "House":
        node = House(self.world.another_node("two"))
        node.world.clients.known, node.world.clients.protected = (
            self.world.clients.known,
            self.world.clients.protected,
        )
        await node.world.start()
        return node

    def client(self, client_id: str = CLIENT, **more: object) -> Client:
        made = {
            "kind": ClientKind.REGISTERED,
            "name": "Order desk",
            "redirect_uris": (REDIRECT,),
            "grant_types": ("authorization_code", "refresh_token"),
            **more,
        }
        self.world.clients.known[client_id] = Client(id=client_id, **made)
        return self.world.clients.known[client_id]

    def asked(self, **changes: str | None) -> dict[str, str]:
        fields = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": REDIRECT,
            "scope": "orders:read",
            "resource": API,
            "state": "s1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}

    async def authorize(self, cookie: str = "", **changes: str | None):
        return await self.page("GET", f"/oauth/authorize?{urlencode(self.asked(**changes))}", cookie)

    async def decided(self, cookie: str, decision: str = "allow", **changes: str | None):
        """Bring a request to its page, and decide it; return the reply."""
        handle = handle_of(await self.authorize(cookie, **changes))
        fields = {"request": handle, "decision": decision}
        return await self.page("POST", "/oauth/consent", cookie, fields)

    async def code(self, cookie: str, **changes: str | None) -> str:
        return answer_of(await self.decided(cookie, **changes))["code"]

    async def redeem(
        self, code: str, headers: dict[str, str] | None = None, /, **changes: str | None
    ) -> tuple[int, dict]:
        fields = {
            "grant_type": "authorization_code",
            "client_id": CLIENT,
            "code": code,
            "code_verifier": VERIFIER,
            "redirect_uri": REDIRECT,
            **changes,
        }
        return await self.form("/oauth/token", {n: v for n, v in fields.items() if v is not None}, headers)

    async def refresh(
        self, token: str, headers: dict[str, str] | None = None, **more: str
    ) -> tuple[int, dict]:
        fields = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": token, **more}
        return await self.form("/oauth/token", fields, headers)

    async def tokens(self, cookie: str, headers: dict[str, str] | None = None, **changes: str | None) -> dict:
        status, view = await self.redeem(await self.code(cookie, **changes), headers)
        assert status == 200, view
        return view

    def holds(self, token: str) -> bool:
        """Say whether an access token of ours holds now."""
        try:
            self.world.tokens.access.verified(token)
        except Exception:  # noqa: BLE001 -- why is looked at elsewhere
            return False
        return True

    def proof(self, key: SigningKey, path: str = "/oauth/token") -> dict[str, str]:
        """Return the header with a proof of possession."""
        claims = {
            "jti": b64u(self.world.entropy(8)),
            "htm": "POST",
            "htu": ISSUER + path,
            "iat": int(self.world.clock.now()),
            "nonce": self.world.tokens.proofs.nonce(),
        }
        header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.public.jwk()}
        return {"dpop": sign_compact(header, msgspec.json.encode(claims), key)}


def location_of(reply) -> str:
    (found,) = [value for name, value in reply.headers if name == "location"]
    return found


def handle_of(reply) -> str:
    assert reply.status == 303, reply.body
    return parse_qs(urlsplit(location_of(reply)).query)["request"][0]


def answer_of(reply) -> dict[str, str]:
    """Return what a redirect tells the client."""
    assert reply.status == 303, reply.body
    assert location_of(reply).startswith(REDIRECT), location_of(reply)
    return {name: values[0] for name, values in parse_qs(urlsplit(location_of(reply)).query).items()}


__all__ = [
    "API",
    "CHALLENGE",
    "CLIENT",
    "FORM",
    "REDIRECT",
    "VERIFIER",
    "House",
    "answer_of",
    "handle_of",
    "location_of",
]
