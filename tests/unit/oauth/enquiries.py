# SPDX-License-Identifier: Apache-2.0
"""What is asked about tokens, on top of a small house: the routes, and people who ask."""

from collections.abc import Mapping
from urllib.parse import urlencode

from smartagent.clients import AuthMethod, Client, ClientKind, Resource
from smartagent.crypto import SigningKey
from smartagent.edge import Reply
from smartagent.oauth.ports import RefreshTokens
from smartagent.tokens import Act, Issued, Wanted
from tests.unit.identity.world import GATEWAY, AgentActor, World, shown

ORDERS = "https://orders.example"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class KeptRefreshTokens:
    """Refresh tokens with a memory: the token, its client, its grant."""

    def __init__(self, *known: tuple[str, str, str]) -> None:
        self.known = known
        self.asked: list[tuple[str, str]] = []

    async def family_of(self, token: str, client_id: str) -> str | None:
        self.asked.append((token, client_id))
        return next((grant for t, c, grant in self.known if (t, c) == (token, client_id)), None)


def open_enquiries(world: World, refresh_tokens: RefreshTokens | None = None) -> None:
    """Let introspection, revocation and userinfo be called."""
    world.open_oauth(refresh_tokens)


def mint(world: World, subject: str, **changes: object) -> Issued:
    """Make a token without asking anybody; for the gateway, unless `changes` say otherwise."""
    wanted = {
        "subject": subject,
        "client_id": subject,
        "audience": GATEWAY,
        "scope": "openid",
        "life_seconds": 900,
    }
    return world.tokens.issuer.mint(Wanted(**{**wanted, **changes}))


def acting(*actors: str) -> Act | None:
    """Return the `act` claim of `actors`, the current one first."""
    act = None
    for actor in reversed(actors):
        act = Act(actor, act)
    return act


def protect(world: World, *introspectors: str, identifier: str = ORDERS) -> Resource:
    """Register a resource."""
    resource = Resource(identifier=identifier, scopes=("orders:read",), introspectors=introspectors)
    world.clients.protected[identifier] = resource
    return resource


def signing_client(world: World, client_id: str = "clt_orders", **changes: object) -> AgentActor:
    """Register a client that signs, and return who signs for it."""
    actor = AgentActor(world, SigningKey.generate(world.entropy))
    actor.id = client_id
    world.clients.known[client_id] = Client(
        id=client_id,
        kind=ClientKind.REGISTERED,
        auth_method=AuthMethod.PRIVATE_KEY_JWT,
        **changes,
    )
    world.clients.keys_of[client_id] = [("key-1", actor.key.public)]
    return actor


def public_client(world: World, client_id: str = "clt_public") -> Client:
    """Register a client that has no key."""
    client = Client(id=client_id, kind=ClientKind.DYNAMIC)
    world.clients.known[client_id] = client
    return client


def signed(actor: AgentActor, **fields: str) -> dict[str, str]:
    """Return a form that `actor` authenticates."""
    kid = {} if actor.id.startswith("agt_") else {"header": {"kid": "key-1"}}
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": actor.assertion(**kid),
        **fields,
    }


async def post(
    world: World, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> Reply:
    """Send a form."""
    return await world.send(
        world.inbound("POST", path, urlencode(fields).encode(), {**FORM, **(headers or {})})
    )


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries `token`."""
    return {"authorization": f"Bearer {token}"}


def headers_of(reply: Reply) -> dict[str, list[str]]:
    """Return a reply's headers, each with all its values."""
    found: dict[str, list[str]] = {}
    for name, value in reply.headers:
        found.setdefault(name, []).append(value)
    return found


__all__ = [
    "FORM",
    "ORDERS",
    "KeptRefreshTokens",
    "acting",
    "bearer",
    "headers_of",
    "mint",
    "open_enquiries",
    "post",
    "protect",
    "public_client",
    "shown",
    "signed",
    "signing_client",
]
