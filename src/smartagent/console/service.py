# SPDX-License-Identifier: Apache-2.0
"""The room as one thing: its pages, its ways in, and what is live."""

from collections.abc import Awaitable, Callable, Mapping

from smartagent.console.assets import PREFIX, Assets
from smartagent.console.frame import Frame
from smartagent.console.live import Live
from smartagent.console.means import Means
from smartagent.console.pages.account import Account
from smartagent.console.pages.agent import AgentPages
from smartagent.console.pages.agents import Agents
from smartagent.console.pages.approvals import Approvals
from smartagent.console.pages.audit import Audit
from smartagent.console.pages.channels import Channels
from smartagent.console.pages.editor import Editor
from smartagent.console.pages.overview import Overview
from smartagent.console.pages.rules import Rules
from smartagent.console.pages.secrets import SecretPages
from smartagent.console.passkeys import Passkeys
from smartagent.console.rendering import Rendering
from smartagent.console.signing import Signing
from smartagent.console.words import abbreviated, tone_of
from smartagent.edge import Inbound, Outcome, Reply, Route
from smartagent.kernel import Caller


class Console:
    """The console of one node."""

    def __init__(self, means: Means, passkeys: Passkeys) -> None:
        self.passkeys = passkeys
        self.frame = Frame(
            means, Rendering(Assets(), means.clock, {"tone": tone_of, "abbreviated": abbreviated}), passkeys
        )
        self.signing = Signing(means, self.frame, passkeys)
        self.live = Live(means)
        self._pages = (
            Overview(means, self.frame),
            Approvals(self.frame),
            Agents(self.frame, means.issuer),
            AgentPages(self.frame),
            Rules(self.frame),
            Editor(means, self.frame),
            SecretPages(self.frame),
            Channels(self.frame),
            Audit(means, self.frame),
            Account(self.frame, passkeys),
        )
        self._violations = 0

    @property
    def violations(self) -> int:
        """How often browsers said that a page broke its policy, since this node started."""
        return self._violations

    def page_routes(self) -> tuple[Route, ...]:
        """Return the routes of all pages."""
        return tuple(route for page in self._pages for route in page.routes())

    def files(self) -> Mapping[str, Callable[[Inbound], Awaitable[Reply]]]:
        """Return the plain pages: style, scripts and icon."""
        return {PREFIX: self.frame.assets.show}

    async def count_violation(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """Count that a browser says that a page broke its policy; what it says of it is not kept."""
        self._violations += 1
        return Outcome(Reply(204))
