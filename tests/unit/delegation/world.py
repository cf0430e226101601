# SPDX-License-Identifier: Apache-2.0
"""A house in which people and agents act for one another: agents, a person, outside issuers, a trust domain."""

import itertools
import json

from smartagent.crypto import SigningKey, parse_compact, sign_compact
from smartagent.delegation import Delegations, OutboundAudience, Settings, delegation_routes
from smartagent.delegation import Means as DelegationMeans
from smartagent.delegation.details import HAND_OVER_DETAIL
from smartagent.delegation.model import ACCESS_TOKEN, EXCHANGE_GRANT, JWT_BEARER_GRANT
from smartagent.federation import Federation, federation_routes
from smartagent.federation import Means as FederationMeans
from smartagent.kernel import Algorithm, Caller
from smartagent.policy import Grants
from smartagent.tokens import CALL_DETAIL, Act, Wanted
from tests.unit.identity.world import GATEWAY, ISSUER, START, AgentActor, World

API = "https://api.example"
OTHER_API = "https://other.example"
TRUST_DOMAIN = "https://domain.example"
CHAT = "https://chat.example"
CORP = "https://idp.corp.example"
NOW = int(START)
ROLES = {
    "order-reader": Grants((API,), 900, ("orders:read", "orders:write")),
    "helper": Grants((API, OTHER_API), 600, ("orders:read", "stock:read")),
    "clerk": Grants((API,), 1200, ("orders:read", "orders:write", "stock:read")),
}


async def no_web(url, *_args, **_more):
    raise AssertionError(f"nothing may be fetched here, and {url} was")


class DelegatingWorld(World):
    """One node whose token endpoint exchanges."""

    def __init__(self, clock=None, store=None, name="one", settings=None):
        super().__init__(clock, store, name)
        self.roles |= ROLES
        means = FederationMeans(
            clock=self.clock,
            database=self.store,
            fetch=no_web,
            issuer=ISSUER,
            known_role=self.roles.__contains__,
        )
        self.federation = Federation(means)
        self.federation.follow(self.store)
        self.open(federation_routes(self.federation, means))
        self.settings = settings or Settings(
            trust_domain=TRUST_DOMAIN,
            outbound=(
                OutboundAudience(
                    CHAT, ("chat.read", "chat.write"), (f"{CHAT}/api",), {"clt_chat": "c-17"}, "EdDSA"
                ),
            ),
        )
        self.delegations = Delegations(
            DelegationMeans(
                clock=self.clock,
                ids=self.ids,
                database=self.store,
                directory=self.identity.directory,
                tokens=self.tokens,
                resources=self.clients,
                outside=self.federation,
                issuer=ISSUER,
                gateway=GATEWAY,
                settings=self.settings,
            )
        )
        self.delegations.follow(self.store)
        self.open(delegation_routes(self.delegations))
        self.grants |= self.delegations.grants()
        self.minted = itertools.count(1)

    def another_node(self, name):
        return DelegatingWorld(self.clock, self.store, name, self.settings)

    async def exchange(self, actor, subject_token, headers=None, **more):
        """Send an exchange as `actor`; parameters that are None are left out."""
        form = {
            "grant_type": EXCHANGE_GRANT,
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN,
            **more,
        }
        form = {name: value for name, value in form.items() if value is not None}
        return await self.form(actor.form(**form), headers)

    async def exchanged(self, actor, subject_token, headers=None, **more):
        """Exchange, which must succeed; return the answer."""
        status, answer = await self.exchange(actor, subject_token, headers, **more)
        assert status == 200, answer
        return answer

    async def redeem(self, actor, assertion, headers=None, **more):
        form = {**actor.form(), "grant_type": JWT_BEARER_GRANT, "assertion": assertion, **more}
        form = {name: value for name, value in form.items() if value is not None}
        return await self.form(form, headers)

    async def delegate(self, operator, delegator, agent, **more):
        """Record a delegation as an operator; return its id."""
        # Ids sort by the millisecond that they were made in.
        self.clock.at += 0.002
        body = {"from": delegator, "to": agent, **more}
        status, view = await operator.call("POST", "/v1/delegations", body)
        assert status == 201, view
        return view["id"]

    def persons_token(self, person, client, *, scope="orders:read orders:write", audience=GATEWAY, **more):
        """Make the token that a person's sign-in at `client` comes to."""
        wanted = Wanted(
            subject=person, client_id=client, audience=audience, scope=scope, life_seconds=600, **more
        )
        return self.tokens.issuer.mint(wanted).token

    def chained(self, subject, actors, **more):
        """Make a token of `subject` with which `actors` act, the current one first."""
        act = None
        for actor in reversed(actors):
            act = Act(actor, act)
        wanted = Wanted(
            subject=subject,
            client_id=actors[0],
            audience=GATEWAY,
            scope="orders:read",
            life_seconds=600,
            role="order-reader",
            act=act,
            **more,
        )
        return self.tokens.issuer.mint(wanted).token

    def holds(self, token) -> Caller:
        """Return who holds `token`, which must hold."""
        return self.tokens.access.verified(token).caller

    async def trust(self, operator, key, purposes=("person", "id-jag"), issuer=CORP):
        """Trust an outside issuer that signs with `key`."""
        body = {
            "issuer": issuer,
            "purposes": list(purposes),
            "algorithms": ["EdDSA"],
            "jwks": {"keys": [{**key.public.jwk(), "kid": "corp-1"}]},
        }
        status, view = await operator.call("PUT", "/v1/trusted-issuers/corp", body)
        assert status == 201, view


class Corp:
    """An outside issuer."""

    def __init__(self, world):
        self.world = world
        self.key = SigningKey.generate(world.entropy)
        self.jtis = itertools.count(1)

    def id_token(self, typ="JWT", **changes):
        now = int(self.world.clock.now())
        claims = {"iss": CORP, "sub": "u-77", "aud": ISSUER, "iat": now, "exp": now + 600}
        return self.signed(typ, claims | changes)

    def assertion(self, client, typ="oauth-id-jag+jwt", **changes):
        now = int(self.world.clock.now())
        claims = {
            "iss": CORP,
            "sub": "u-77",
            "aud": ISSUER,
            "client_id": client,
            "jti": f"jag-{next(self.jtis)}",
            "iat": now,
            "exp": now + 300,
            "scope": "orders:read",
        }
        return self.signed(typ, claims | changes)

    def signed(self, typ, claims):
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "EdDSA", "kid": "corp-1", **({"typ": typ} if typ else {})}
        return sign_compact(header, json.dumps(claims).encode(), self.key)


class ClientActor(AgentActor):
    """A confidential client that is no agent."""

    def __init__(self, world, client):
        super().__init__(world, SigningKey.generate(world.entropy))
        self.id = client.id
        world.clients.known[client.id] = client
        world.clients.keys_of[client.id] = [("k1", self.key.public)]


def dpop(world, key, jti="proof-1"):
    """Return the headers with which a token request proves `key`."""
    claims = {
        "jti": jti,
        "htm": "POST",
        "htu": f"{ISSUER}/oauth/token",
        "iat": int(world.clock.now()),
        "nonce": world.tokens.proofs.nonce(),
    }
    header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.public.jwk()}
    return {"dpop": sign_compact(header, json.dumps(claims).encode(), key)}


def said(token):
    """Return the claims of a token."""
    return json.loads(parse_compact(token, algorithms=frozenset(Algorithm)).payload)


def header_of(token):
    """Return the header of a token."""
    return parse_compact(token, algorithms=frozenset(Algorithm)).header


def one_call(**changes):
    """Return authorization details for one call."""
    detail = {"type": CALL_DETAIL, "locations": [GATEWAY], "method": "POST", "path": "/shop/orders"}
    detail = {name: value for name, value in (detail | changes).items() if value is not None}
    return json.dumps([detail])


def hand_over(actor, **more):
    """Return authorization details for a token to hand over."""
    return json.dumps([{"type": HAND_OVER_DETAIL, "actor": actor, **more}])
