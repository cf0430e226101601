# SPDX-License-Identifier: Apache-2.0
"""A house in which people are asked from elsewhere, and those who ask."""

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import urlencode

import msgspec

from smartagent.clients import AuthMethod, Client, ClientKind
from smartagent.consent import Consent, consent_routes
from smartagent.consent import Means as ConsentMeans
from smartagent.crypto import SigningKey, sign_compact, unb64u
from smartagent.decoupled import Decoupled, Means, decoupled_routes
from smartagent.edge import Reply
from smartagent.kernel import Secret
from smartagent.oauth import Abilities, IdTokens, ServerMetadata
from tests.unit.decoupled.approvals import FakeApprovals
from tests.unit.identity.world import GATEWAY, ISSUER, AgentActor, OperatorActor, World

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CIBA_GRANT = "urn:openid:params:grant-type:ciba"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Elsewhere:
    """One node; `another` is a second one over the same store."""

    def __init__(self, world: World) -> None:
        self.world = world
        id_tokens = IdTokens(world.oauth_means)
        self.consent = Consent(
            ConsentMeans(
                clock=world.clock,
                entropy=world.entropy,
                ids=world.ids,
                database=world.store,
                directory=world.identity.directory,
                tokens=world.tokens,
                clients=world.clients,
                requests=world.client_requests,
                id_tokens=id_tokens,
                issuer=ISSUER,
                form_key=Secret(b"f" * 32),
            )
        )
        self.approvals = FakeApprovals()
        self.room = Decoupled(
            Means(
                clock=world.clock,
                entropy=world.entropy,
                ids=world.ids,
                database=world.store,
                directory=world.identity.directory,
                issuer=ISSUER,
                gateway=GATEWAY,
                code_key=Secret(b"c" * 32),
                tokens=world.tokens,
                requests=world.client_requests,
                clients=world.clients,
                id_tokens=id_tokens,
                people=self.consent.people,
                frame=self.consent.people.frame,
                approvals=self.approvals,
            )
        )
        world.grants |= self.room.grants()
        world.open(consent_routes(self.consent), self.consent.authenticators())
        world.open(decoupled_routes(self.room))

    @classmethod
    async def start(cls) -> "Elsewhere":
        house = cls(World())
        await house.world.start()
        return house

    async def another(self) -> "Elsewhere":
        node = Elsewhere(self.world.another_node("two"))
        node.world.clients = self.world.clients
        node.world.roles.update(self.world.roles)
        await node.world.start()
        return node

    @property
    def last(self):
        return self.world.store.records[-1]

    def later(self, seconds: float) -> None:
        self.world.clock.at += seconds

    def register(self, client_id: str, **more: object) -> Client:
        made = {
            "kind": ClientKind.REGISTERED,
            "name": "Printer",
            "grant_types": (DEVICE_GRANT, CIBA_GRANT),
            **more,
        }
        client = Client(id=client_id, **made)
        self.world.clients.known[client_id] = client
        return client

    async def sign_in(self, operator: OperatorActor) -> str:
        """Sign in to a browser, as people do, and return its cookie."""
        status, made = await operator.call("POST", "/v1/sign-in-codes")
        assert status == 201, made
        reply = await self.page("POST", "/oauth/sign-in", "", {"code": made["code"]})
        assert reply.status == 303, read(reply).text
        (cookie,) = [value for name, value in reply.headers if name == "set-cookie"]
        return cookie.partition(";")[0]

    async def form(
        self, path: str, fields: Mapping[str, str] | bytes, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict]:
        raw = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        return await self.world.call("POST", path, raw, {**FORM, **(headers or {})})

    async def page(
        self,
        method: str,
        target: str,
        cookie: str = "",
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        client_ip: str = "10.0.0.1",
    ) -> Reply:
        if fields is not None and cookie:
            fields = {"csrf": self.consent.people.frame.token_for(cookie.partition("=")[2]), **fields}
        body = urlencode(fields).encode() if fields is not None else None
        sent = {"cookie": cookie, **({**FORM, "origin": ISSUER} if fields is not None else {})}
        inbound = self.world.inbound(method, target, body, {**sent, **(headers or {})})
        inbound.client_ip = client_ip
        return await self.world.send(inbound)


class Asker:
    """A client that polls: an agent, or a public client by its id."""

    def __init__(self, house: Elsewhere, who: AgentActor | str) -> None:
        self.house = house
        self.who = who

    def proven(self, **fields: str) -> dict[str, str]:
        if isinstance(self.who, str):
            return {"client_id": self.who, **fields}
        form = self.who.form(**fields)
        if "grant_type" not in fields:
            del form["grant_type"]
        return form

    async def device(self, headers: Mapping[str, str] | None = None, **fields: str) -> tuple[int, dict]:
        return await self.house.form("/oauth/device_authorization", self.proven(**fields), headers)

    async def backchannel(self, headers: Mapping[str, str] | None = None, **fields: str) -> tuple[int, dict]:
        return await self.house.form("/oauth/backchannel", self.proven(**fields), headers)

    async def poll_device(
        self, code: str, house: Elsewhere | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict]:
        form = self.proven(grant_type=DEVICE_GRANT, device_code=code)
        return await (house or self.house).form("/oauth/token", form, headers)

    async def poll_ciba(
        self, auth_req_id: str, house: Elsewhere | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict]:
        form = self.proven(grant_type=CIBA_GRANT, auth_req_id=auth_req_id)
        return await (house or self.house).form("/oauth/token", form, headers)


def signing_client(house: Elsewhere, client_id: str, **more: object) -> AgentActor:
    """Register a client that is no agent and signs its assertions."""
    actor = AgentActor(house.world, SigningKey.generate(house.world.entropy))
    actor.id = client_id
    house.register(client_id, auth_method=AuthMethod.PRIVATE_KEY_JWT, **more)
    house.world.clients.keys_of[client_id] = [("", actor.key.public)]
    return actor


def dpop(house: Elsewhere, key: SigningKey, path: str, jti: str) -> dict[str, str]:
    claims = {
        "jti": jti,
        "htm": "POST",
        "htu": ISSUER + path,
        "iat": int(house.world.clock.now()),
        "nonce": house.world.tokens.proofs.nonce(),
    }
    header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.public.jwk()}
    return {"dpop": sign_compact(header, json.dumps(claims).encode(), key)}


def claims_of(token: str) -> dict:
    return json.loads(unb64u(token.split(".")[1]))


async def second_operator(house: Elsewhere, ada: OperatorActor, name: str) -> OperatorActor:
    """Invite another operator."""
    status, view = await ada.call("POST", "/v1/claim-links")
    assert status == 201, view
    code = str(view["url"] if "url" in view else view["link"]).partition("#")[2]
    actor = OperatorActor(house.world, SigningKey.generate(house.world.entropy))
    status, claimed = await house.world.call("POST", "/v1/claims", actor.claim(code, name))
    assert status == 201, claimed
    actor.id = claimed["id"]
    return actor


class Reading(HTMLParser):
    """What a browser makes of a page: its elements and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def metadata(house: Elsewhere) -> dict:
    """Return what the authorization server says that it can do."""
    paths = frozenset(route.path for route in decoupled_routes(house.room))
    grants = tuple(house.room.grants())
    document = ServerMetadata(Abilities(ISSUER, GATEWAY, paths, grants)).document()
    return json.loads(
        document.body if isinstance(document.body, bytes) else msgspec.json.encode(document.body)
    )


def read(reply: Reply) -> Reading:
    assert isinstance(reply.body, bytes)
    return Reading(reply.body.decode())


__all__ = [
    "CIBA_GRANT",
    "DEVICE_GRANT",
    "Asker",
    "Elsewhere",
    "claims_of",
    "dpop",
    "metadata",
    "read",
    "second_operator",
    "signing_client",
]
