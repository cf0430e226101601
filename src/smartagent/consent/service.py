# SPDX-License-Identifier: Apache-2.0
"""The room as one thing: people, requests, decisions and grants, built together."""

from collections.abc import Awaitable, Callable, Mapping

from smartagent.consent.asking import Asking
from smartagent.consent.deciding import Deciding
from smartagent.consent.desk import Desk
from smartagent.consent.frame import STYLE_PATH
from smartagent.consent.means import Means
from smartagent.consent.people import People
from smartagent.consent.redeeming import Redeeming
from smartagent.consent.sessions import Sessions
from smartagent.edge import Inbound, Proof, Reply
from smartagent.identity import Authenticator
from smartagent.oauth import Grant


class Consent:
    """Asking people in their browser, and what comes of it."""

    def __init__(self, means: Means) -> None:
        self.people = People(means)
        self.asking = Asking(means, self.people)
        self.deciding = Deciding(means, self.people, self.asking)
        self.redeeming = Redeeming(means)
        self.desk = Desk(means)
        self.sessions = Sessions(means)

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that this room understands."""
        return {Proof.SIGNED_IN: self.people.by_signed_in}

    def grants(self) -> Mapping[str, Grant]:
        """Return the room's grants, for the token endpoint."""
        return {"authorization_code": self.redeeming.code, "refresh_token": self.redeeming.refresh}

    def pages(self) -> Mapping[str, Callable[[Inbound], Awaitable[Reply]]]:
        """Return the plain pages."""
        return {STYLE_PATH: self.people.frame.style}
