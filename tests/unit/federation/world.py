# SPDX-License-Identifier: Apache-2.0
"""A house that trusts outside issuers, over the small house in memory."""

from smartagent.crypto import SigningKey, attest_message, b64u
from smartagent.federation import Federation, Purpose, federation_routes
from smartagent.federation import Means as FederationMeans
from smartagent.identity import Identity, identity_routes
from smartagent.identity import Means as IdentityMeans
from smartagent.kernel import Secret
from smartagent.tokens import tokens_routes
from tests.unit.federation.fakes import FakeWeb
from tests.unit.identity.world import ISSUER, World

RULE = {"claims": {"team": "billing"}, "role": "order-reader"}


class FederatedWorld(World):
    """One node; its web is a fake."""

    def __init__(self, clock=None, store=None, name="one", web=None):
        super().__init__(clock, store, name)
        self.web = web or FakeWeb()
        means = FederationMeans(
            clock=self.clock,
            database=self.store,
            fetch=self.web,
            issuer=ISSUER,
            known_role=self.roles.__contains__,
        )
        self.federation = Federation(means)
        self.federation.follow(self.store)
        self.identity = Identity(
            IdentityMeans(
                clock=self.clock,
                entropy=self.entropy,
                ids=self.ids,
                database=self.store,
                issuer=ISSUER,
                nonce_key=Secret(b"n" * 32),
                known_role=self.roles.__contains__,
                verify_workload=self._verify_workload,
            )
        )
        self.identity.follow(self.store)
        self._routes = ()
        self.open(identity_routes(self.identity), self.identity.authenticators())
        self.open(tokens_routes(self.tokens), self.tokens.authenticators())
        self.open(federation_routes(self.federation, means))

    def another_node(self, name):
        return FederatedWorld(self.clock, self.store, name, self.web)

    async def _verify_workload(self, token, now):
        return await self.federation.verify(token, purpose=Purpose.WORKLOAD, now=now)

    async def trust(self, operator, name="idp", **entry):
        body = {"issuer": "https://idp.example", "rules": [RULE]} | entry
        status, view = await operator.call("PUT", f"/v1/trusted-issuers/{name}", body)
        assert status in {200, 201}, view
        return view

    async def verify(self, token, purpose=Purpose.WORKLOAD):
        return await self.federation.verify(token, purpose=purpose, now=self.clock.now())

    def attestation(self, token, key=None, **changes):
        """The body that shows `token`, signed by a new key."""
        key = key or SigningKey.generate(self.entropy)
        public = key.public.raw
        signature = key.sign(attest_message(ISSUER, token, public))
        return {"attestation": token, "public_key": b64u(public), "signature": b64u(signature)} | changes

    async def attest(self, token, key=None, **changes):
        return await self.call("POST", "/v1/agents/attest", self.attestation(token, key, **changes))
