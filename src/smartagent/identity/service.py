# SPDX-License-Identifier: Apache-2.0
"""Identity as one thing: its memory, its verbs and its proofs, built together."""

from collections.abc import Awaitable, Callable, Mapping

from smartagent.edge import Inbound, Proof
from smartagent.identity.attest import Attesting
from smartagent.identity.authenticate import Authenticators
from smartagent.identity.challenge import Challenges
from smartagent.identity.claiming import Claiming
from smartagent.identity.directory import Directory
from smartagent.identity.enrol import Enrolling
from smartagent.identity.inventory import Inventory
from smartagent.identity.means import Means
from smartagent.identity.operators.desk import OperatorDesk
from smartagent.identity.rekey import Rekeying
from smartagent.identity.store import AGENTS_TOPIC, OPERATORS_TOPIC
from smartagent.kernel import Caller, Ledger, Secret
from smartagent.storage import Feed

Authenticator = Callable[[Inbound], Awaitable[Caller]]


class Identity:
    """Who is known, and how they prove it."""

    def __init__(self, means: Means) -> None:
        self.directory = Directory(means.database)
        self.challenges = Challenges(means, self.directory)
        self.enrolling = Enrolling(means, self.directory)
        self.attesting = Attesting(means)
        self.rekeying = Rekeying(means)
        self.claiming = Claiming(means)
        self.inventory = Inventory(means, self.directory)
        self.operators = OperatorDesk(self.directory)
        self._proofs = Authenticators(means, self.directory)

    def follow(self, feed: Feed) -> None:
        """Keep the directory fresh by the store's feed.  Call it before the store starts."""
        feed.register(AGENTS_TOPIC, self.directory.reload_agents)
        feed.register(OPERATORS_TOPIC, self.directory.reload_operators)

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that this room understands."""
        return {
            Proof.NONCE_SIGNATURE: self._proofs.by_nonce_signature,
            Proof.OPERATOR_SIGNATURE: self._proofs.by_operator_signature,
            Proof.NEXT_KEY: self._proofs.by_next_key,
            Proof.ENROLMENT: self._proofs.by_enrolment,
            Proof.CLAIM_LINK: self._proofs.by_claim_link,
            Proof.WORKLOAD: self.attesting.by_attestation,
        }

    async def first_claim(self, ledger: Ledger) -> Secret[str] | None:
        """Return a claim link when nobody has claimed the house yet.  The store must have started.

        Raises:
            StoreUnavailable: It could not be made durable.
        """
        if self.directory.has_operators:
            return None
        return await self.claiming.first_claim(ledger)
