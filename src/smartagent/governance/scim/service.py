# SPDX-License-Identifier: Apache-2.0
"""SCIM as one thing."""

from collections.abc import Mapping

from smartagent.edge import Proof
from smartagent.governance.leaving import Leaving
from smartagent.governance.means import Means
from smartagent.governance.owners import Owners
from smartagent.governance.scim.about import About
from smartagent.governance.scim.groups import Groups
from smartagent.governance.scim.sources import Sources
from smartagent.governance.scim.users import Users
from smartagent.identity import Authenticator


class Scim:
    """How directories tell of people."""

    def __init__(self, means: Means, owners: Owners, leaving: Leaving) -> None:
        self.about = About(means.issuer)
        self.sources = Sources(means, owners)
        self.users = Users(means, leaving)
        self.groups = Groups(means)

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks a directory's proof."""
        return {Proof.SCIM_TOKEN: self.sources.by_token}
