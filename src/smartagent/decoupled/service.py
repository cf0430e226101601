# SPDX-License-Identifier: Apache-2.0
"""The room as one thing: its endpoints, its grants, its pages and its API, built together."""

from collections.abc import Mapping

from smartagent.decoupled import backchannel, device
from smartagent.decoupled.asking import Asking
from smartagent.decoupled.backchannel import Backchannel
from smartagent.decoupled.deciding import Deciding
from smartagent.decoupled.device import DeviceAuthorizations
from smartagent.decoupled.inbox import Inbox
from smartagent.decoupled.means import Means
from smartagent.decoupled.pages import Pages
from smartagent.decoupled.redeeming import Redeeming
from smartagent.oauth import Grant


class Decoupled:
    """Asking somebody who is elsewhere."""

    def __init__(self, means: Means) -> None:
        asking, deciding = Asking(means), Deciding(means)
        self.device = DeviceAuthorizations(means, asking)
        self.backchannel = Backchannel(means, asking)
        self.inbox = Inbox(deciding)
        self.pages = Pages(means, deciding)
        self._redeeming = Redeeming(means, asking)

    def grants(self) -> Mapping[str, Grant]:
        """Return what the token endpoint does by this room."""
        return {
            device.GRANT_TYPE: self._redeeming.device_code,
            backchannel.GRANT_TYPE: self._redeeming.ciba,
        }
