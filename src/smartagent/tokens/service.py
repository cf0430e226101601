# SPDX-License-Identifier: Apache-2.0
"""Tokens as one thing: its memory, its verbs and its proofs, built together."""

from collections.abc import Mapping

from smartagent.edge import Proof
from smartagent.identity import Authenticator
from smartagent.storage import Feed
from smartagent.tokens.documents import Documents
from smartagent.tokens.grant import Grants
from smartagent.tokens.issue import Issuer
from smartagent.tokens.keyring import KeyRing
from smartagent.tokens.keys import Keys
from smartagent.tokens.means import Means
from smartagent.tokens.oauth import ClientAssertions
from smartagent.tokens.revoke import Revocations
from smartagent.tokens.store import KEYS_TOPIC, REVOCATIONS_TOPIC
from smartagent.tokens.verify import AccessTokens


class Tokens:
    """What is issued, what holds, and what was revoked."""

    def __init__(self, means: Means) -> None:
        self.ring = KeyRing(means)
        self.revocations = Revocations(means)
        self.access = AccessTokens(means, self.ring, self.revocations)
        self.documents = Documents(means, self.ring)
        self.keys = Keys(means, self.ring)
        self._assertions = ClientAssertions(means)
        self.grants = Grants(means, Issuer(means, self.ring), self._assertions)

    def follow(self, feed: Feed) -> None:
        """Keep keys and revocations fresh by the store's feed.  Call it before the store starts."""
        feed.register(KEYS_TOPIC, self.ring.reload)
        feed.register(REVOCATIONS_TOPIC, self.revocations.reload)

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that this room understands."""
        return {
            Proof.ACCESS_TOKEN: self.access.by_access_token,
            Proof.CLIENT_ASSERTION: self._assertions.by_client_assertion,
        }
