# SPDX-License-Identifier: Apache-2.0
"""A whole small house in memory: a store on SQLite's `:memory:`, a clock that is set, and people with keys."""

import itertools
import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import msgspec

from smartagent.clients import Client, Resource
from smartagent.crypto import (
    PublicKey,
    SigningKey,
    VerifyingKey,
    b64u,
    claim_message,
    enrol_message,
    operator_message,
    session_message,
    sha256,
    sign_compact,
)
from smartagent.edge import AuthenticationFailed, Inbound, Proof, Reply, Route, Router, handle
from smartagent.edge.pipeline import NOBODY
from smartagent.identity import Authenticator, Identity, identity_routes
from smartagent.identity import Means as IdentityMeans
from smartagent.identity.model import Purpose
from smartagent.kernel import Caller, Change, Committed, Ids, Secret, Verdict, Work, Write
from smartagent.keyset import Keyset
from smartagent.oauth import ClientRequests, Grant, OAuth, RefreshTokens, oauth_routes
from smartagent.oauth import Means as OAuthMeans
from smartagent.policy import Grants, decide_api
from smartagent.tokens import Elevated, Tokens, tokens_routes
from smartagent.tokens import Means as TokensMeans
from tests.unit.identity.memory import START, FakeClock, FakeEntropy, MemoryStore

ISSUER = "https://auth.example"
GATEWAY = "https://gw.example"
OAUTH_PATHS = {"/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo"}
ROLE = Grants(("https://api.example",), 900, ("orders:read", "orders:write"))


class FakeClients:
    """Clients and resources that a test puts here."""

    def __init__(self) -> None:
        self.known: dict[str, Client] = {}
        self.keys_of: dict[str, list[tuple[str, VerifyingKey]]] = {}
        self.protected: dict[str, Resource] = {}

    async def find(self, client_id: str) -> Client | None:
        return self.known.get(client_id)

    async def key(self, client: Client, kid: str, alg: str) -> VerifyingKey | None:
        named = [key for name, key in self.keys_of.get(client.id, []) if kid in {"", name}]
        return named[0] if len(named) == 1 and alg in named[0].algorithms else None

    def resource(self, identifier: str) -> Resource | None:
        return self.protected.get(identifier)

    def resources(self) -> Sequence[Resource]:
        return list(self.protected.values())


class World:
    """One node of a house; `another_node` makes more over the same store."""

    def __init__(
        self, clock: FakeClock | None = None, store: MemoryStore | None = None, name: str = "one"
    ) -> None:
        self.clock = clock or FakeClock()
        self.store = store or MemoryStore(self.clock)
        self.entropy = FakeEntropy(name)
        self.ids = Ids(self.clock, self.entropy)
        self.roles: dict[str, Grants] = {"order-reader": ROLE}
        self.identity = Identity(
            IdentityMeans(
                clock=self.clock,
                entropy=self.entropy,
                ids=self.ids,
                database=self.store,
                issuer=ISSUER,
                nonce_key=Secret(b"n" * 32),
                known_role=self.roles.__contains__,
                is_person=self._is_person,
                end=self._end,
            )
        )
        self.clients = FakeClients()
        self.tokens = Tokens(
            TokensMeans(
                clock=self.clock,
                entropy=self.entropy,
                ids=self.ids,
                database=self.store,
                directory=self.identity.directory,
                grants=self.roles.get,
                issuer=ISSUER,
                gateway=GATEWAY,
                sealing=Keyset(None, Secret(b"r" * 32), self.entropy),
                nonce_key=Secret(b"d" * 32),
                takes_bound_only=self._takes_bound_only,
                elevated=self._elevated,
            )
        )
        self.oauth_means = self._oauth_means()
        self.client_requests = ClientRequests(self.oauth_means)
        self.identity.follow(self.store)
        self.tokens.follow(self.store)
        self._routes: tuple[Route, ...] = ()
        self._proofs: dict[Proof, Authenticator] = {}
        self.open(identity_routes(self.identity), self.identity.authenticators())
        self.open(tokens_routes(self.tokens), self.tokens.authenticators())
        self.grants: dict[str, Grant] = {}
        self._requests = itertools.count(1)

    async def _is_person(self, owner: str) -> bool:
        return False

    def _elevated(self, agent_id: str) -> Elevated | None:
        return None

    def _end(self, agent_id: str, now: float) -> tuple[tuple[Write, ...], tuple[Change, ...]]:
        return (), ()

    def _takes_bound_only(self, audience: str) -> bool:
        resource = self.clients.resource(audience)
        return resource is not None and resource.dpop_required

    def _oauth_means(self) -> OAuthMeans:
        return OAuthMeans(
            clock=self.clock,
            entropy=self.entropy,
            ids=self.ids,
            directory=self.identity.directory,
            clients=self.clients,
            tokens=self.tokens,
            issuer=ISSUER,
            gateway=GATEWAY,
        )

    def open(self, routes: tuple[Route, ...], proofs: Mapping[Proof, Authenticator] = {}) -> None:
        """Let a room's routes be called, and its proofs be checked."""
        self._routes += routes
        self._proofs |= proofs
        self.router = Router(self._routes)

    def open_oauth(self, refresh_tokens: RefreshTokens | None = None) -> None:
        """Let the authorization server be called, with the grants that stand in `grants` by now."""
        oauth = OAuth(self.oauth_means, self.client_requests, self.grants, refresh_tokens)
        self.endpoint = oauth.endpoint
        # What was open before goes: the token endpoint stands once.
        self._routes = tuple(route for route in self._routes if route.path not in OAUTH_PATHS)
        self.open(oauth_routes(oauth), oauth.authenticators())

    async def start(self) -> "World":
        if not any(route.path == "/oauth/token" for route in self._routes):
            self.open_oauth()
        await self.store.start()
        await self.tokens.ring.tend(self.store)
        return self

    def another_node(self, name: str) -> "World":
        return World(self.clock, self.store, name)

    # What `edge.House` asks for.

    def now(self) -> float:
        return self.clock.now()

    async def authenticate(self, inbound: Inbound, proof: Proof) -> Caller:
        if proof is Proof.NONE:
            return NOBODY
        return await self._proofs[proof](inbound)

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:
        return decide_api(caller, permission)

    async def commit(self, work: Work, caller: Caller, holder: Caller | None = None) -> Committed:
        committed = await self.store.commit(work)
        if self.tokens.revocations.is_revoked(caller):
            raise AuthenticationFailed("revoked meanwhile")
        if holder is not None and self.tokens.revocations.is_revoked(holder):
            raise AuthenticationFailed("the holder was revoked meanwhile")
        return committed

    # What people do.

    async def send(self, inbound: Inbound) -> Reply:
        match = self.router.match(inbound.method, inbound.path)
        inbound.params = match.params
        return await handle(inbound, match.route, self)

    def inbound(
        self, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Inbound:
        parts = urlsplit(target)
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        media_type = {"content-type": "application/json"} if raw else {}
        return Inbound(
            request_id=f"req_{next(self._requests)}",
            method=method,
            path=parts.path,
            query=parts.query,
            headers={**media_type, **(headers or {})},
            body=raw,
            client_ip="10.0.0.1",
        )

    async def call(
        self, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict]:
        reply = await self.send(self.inbound(method, target, body, headers))
        return reply.status, shown(reply)

    async def form(
        self, fields: Mapping[str, str] | bytes, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict]:
        raw = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        media_type = {"content-type": "application/x-www-form-urlencoded"}
        return await self.call("POST", "/oauth/token", raw, {**media_type, **(headers or {})})

    async def operator(self, name: str = "Ada") -> "OperatorActor":
        """Claim the house, or come by a first link again."""
        link = await self.identity.claiming.first_claim(self.store)
        code = link.reveal().partition("#")[2]
        actor = OperatorActor(self, SigningKey.generate(self.entropy))
        status, view = await self.call("POST", "/v1/claims", actor.claim(code, name))
        assert status == 201, view
        actor.id = view["id"]
        return actor

    async def agent(self, operator: "OperatorActor", role: str = "order-reader") -> "AgentActor":
        token = await operator.enrolment(role)
        actor = AgentActor(self, SigningKey.generate(self.entropy))
        status, view = await self.call("POST", "/v1/agents", actor.enrolment(token))
        assert status == 201, view
        actor.id = view["id"]
        return actor


class OperatorActor:
    """A person with a key."""

    def __init__(self, world: World, key: SigningKey) -> None:
        self.world = world
        self.key = key
        self.id = ""
        self._token = ""
        self._jti = itertools.count(1)

    def claim(self, code: str, name: str = "Ada") -> dict[str, str]:
        public = self.key.public.raw
        signature = self.key.sign(claim_message(ISSUER, code, public))
        return {"code": code, "public_key": b64u(public), "name": name, "signature": b64u(signature)}

    async def login(self) -> dict:
        nonce = await challenge(self.world, operator=self.id)
        signature = b64u(self.key.sign(operator_message(ISSUER, self.id, nonce)))
        body = {"operator": self.id, "nonce": nonce, "signature": signature}
        status, view = await self.world.call("POST", "/v1/operator-sessions", body)
        assert status == 201, view
        self._token = view["access_token"]
        return view

    def headers(self, method: str, path: str, **changes: object) -> dict[str, str]:
        token = self._token
        claims = {
            "jti": f"proof-{next(self._jti)}",
            "htm": method,
            "htu": ISSUER + path,
            "iat": int(self.world.clock.now()),
            "ath": b64u(sha256(token.encode())),
        }
        header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": self.key.public.jwk()}
        key = changes.pop("signed_by", self.key)
        header |= changes.pop("header", {})
        proof = sign_compact(header, json.dumps(claims | changes).encode(), key)
        return {"authorization": f"DPoP {token}", "dpop": proof}

    async def call(self, method: str, target: str, body: object = None) -> tuple[int, dict]:
        if not self._token:
            await self.login()
        headers = self.headers(method, urlsplit(target).path)
        return await self.world.call(method, target, body, headers)

    async def enrolment(self, role: str = "order-reader", **more: object) -> str:
        status, view = await self.call("POST", "/v1/enrolments", {"role": role, **more})
        assert status == 201, view
        return view["enrolment_token"]


class AgentActor:
    """An agent with a key."""

    def __init__(self, world: World, key: SigningKey) -> None:
        self.world = world
        self.key = key
        self.id = ""
        self._jti = itertools.count(1)

    def enrolment(self, token: str, **changes: str) -> dict[str, str]:
        public = self.key.public.raw
        signature = self.key.sign(enrol_message(ISSUER, token, public))
        body = {
            "enrolment_token": token,
            "public_key": b64u(public),
            "name": "bot",
            "signature": b64u(signature),
        }
        return body | changes

    async def session_body(self, **more: str) -> dict[str, str]:
        nonce = await challenge(self.world, agent=self.id)
        signature = b64u(self.key.sign(session_message(ISSUER, self.id, nonce)))
        return {"agent": self.id, "nonce": nonce, "signature": signature, **more}

    async def session(self, **more: str) -> dict:
        status, view = await self.world.call("POST", "/v1/sessions", await self.session_body(**more))
        assert status == 201, view
        return view

    def assertion(
        self, *, signed_by: SigningKey | None = None, header: dict | None = None, **changes: object
    ) -> str:
        now = int(self.world.clock.now())
        claims = {
            "iss": self.id,
            "sub": self.id,
            "aud": ISSUER,
            "exp": now + 60,
            "iat": now,
            "jti": f"assertion-{next(self._jti)}",
        }
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        jose = {"alg": "EdDSA", "typ": "JWT"} | (header or {})
        return sign_compact(jose, json.dumps(claims).encode(), signed_by or self.key)

    def form(self, assertion: str | None = None, **more: str) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion if assertion is not None else self.assertion(),
            **more,
        }


async def challenge(world: World, agent: str = "", operator: str = "") -> str:
    purpose = Purpose.SESSION if agent else Purpose.OPERATOR_SESSION
    body = {"purpose": purpose.value, **({"agent": agent} if agent else {"operator": operator})}
    status, view = await world.call("POST", "/v1/challenges", body)
    assert status == 201, view
    return view["nonce"]


def shown(reply: Reply) -> dict:
    raw = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
    return json.loads(raw) if raw else {}


def key_of(raw: bytes) -> PublicKey:
    return PublicKey.parse(raw)


__all__ = [
    "GATEWAY",
    "ISSUER",
    "ROLE",
    "START",
    "AgentActor",
    "FakeClock",
    "FakeEntropy",
    "OperatorActor",
    "World",
]
