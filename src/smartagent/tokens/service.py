# SPDX-License-Identifier: Apache-2.0
"""Tokens as one thing: its memory, its verbs and its proofs, built together."""

from collections.abc import Mapping

from smartagent.edge import Proof
from smartagent.identity import Authenticator
from smartagent.storage import Feed
from smartagent.tokens.documents import Documents
from smartagent.tokens.dpop import DpopProofs
from smartagent.tokens.issue import Issuer
from smartagent.tokens.keyrings import KeyRings
from smartagent.tokens.keys import Keys
from smartagent.tokens.means import Means
from smartagent.tokens.revoke import Revocations
from smartagent.tokens.sessions import Sessions
from smartagent.tokens.store import KEYS_TOPIC, REVOCATIONS_TOPIC
from smartagent.tokens.verify import AccessTokens


class Tokens:
    """What is issued, what holds, and what was revoked."""

    def __init__(self, means: Means) -> None:
        self.rings = KeyRings(means)
        self.ring = self.rings.main
        self.revocations = Revocations(means)
        self.proofs = DpopProofs(means)
        self.issuer = Issuer(means, self.rings)
        self.access = AccessTokens(means, self.rings, self.revocations)
        self.documents = Documents(self.rings)
        self.keys = Keys(means, self.rings)
        self.sessions = Sessions(means, self.issuer, self.access)

    def follow(self, feed: Feed) -> None:
        """Keep keys and revocations fresh by the store's feed.  Call it before the store starts."""
        feed.register(KEYS_TOPIC, self.rings.reload)
        feed.register(REVOCATIONS_TOPIC, self.revocations.reload)

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that this room understands."""
        return {Proof.ACCESS_TOKEN: self.access.by_access_token}
