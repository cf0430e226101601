# SPDX-License-Identifier: Apache-2.0
"""What every page has: who is there, where they are, what was just done; and the page of an error."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

from smartagent.consent import CSRF_FIELD, see_session
from smartagent.console.api import Api
from smartagent.console.errors import VerbRefused
from smartagent.console.means import Means
from smartagent.console.passkeys import Passkeys
from smartagent.console.rendering import Rendering
from smartagent.edge import (
    AuthenticationFailed,
    Inbound,
    MalformedRequest,
    Outcome,
    Reply,
    parse_form,
    status_of,
)
from smartagent.kernel import Caller, Permitted, SmartAgentError


class Place(NamedTuple):
    """A line of the navigation."""

    path: str
    name: str
    icon: str


NAVIGATION: Final = (
    Place("/console", "Overview", "home"),
    Place("/console/approvals", "Approvals", "approvals"),
    Place("/console/agents", "Agents", "agents"),
    Place("/console/roles", "Roles", "roles"),
    Place("/console/policies", "Policies", "policies"),
    Place("/console/secrets", "Secrets", "secrets"),
    Place("/console/channels", "Channels", "channels"),
    Place("/console/audit", "Audit", "audit"),
    Place("/console/operators", "Operators", "operators"),
)
TOLD: Final[Mapping[str, str]] = {
    "suspended": "Suspended. What it held stopped working on every node.",
    "resumed": "Resumed. It may ask for tokens again.",
    "retired": "Retired, for good.",
    "bulk-suspended": "The agents that you chose are suspended.",
    "stopped": "Everything of this agent was ended.",
    "passkey-removed": "The passkey is forgotten here. Remove it from your device, too.",
    "session-ended": "The session was ended.",
    "signed-in": "You are signed in.",
    "role-changed": "The operator's role was changed.",
    "approved": "Approved. The agent goes on.",
    "voted": "Your yes counts. It waits for somebody else yet.",
    "denied": "Denied. The call is not made.",
    "staged": "Staged as a draft. It decides nothing yet.",
    "stepped": "The step was taken.",
    "staged-dropped": "What was staged was dropped. What is in force stays.",
    "in-force": "It is in force.",
    "rolled-back": "What the old version said is in force again, as a new version.",
    "channel-written": "The channel was written. Send a test notice to see whether it works.",
    "channel-removed": "The channel was deleted.",
    "grant-ended": "The grant was ended. Each call is asked about again.",
}
"""What a page says after it did something; the address names it, so it cannot say anything else."""
_MOST_DIGITS: Final = 9
SIGN_IN_TEMPLATE: Final = "sign-in.html"


class Frame:
    """Makes pages, and answers of pages' forms."""

    def __init__(self, means: Means, rendering: Rendering, passkeys: Passkeys) -> None:
        self._means = means
        self._rendering = rendering
        self._passkeys = passkeys
        self.assets = rendering.assets

    def api(self, caller: Caller) -> Api:
        """Return the verbs of the house for the operator who asks."""
        return Api(self._means.api, self._means.house, self._means.ids, caller)

    def may(self, caller: Caller, permission: str, inbound: Inbound) -> bool:
        """Say whether the operator has a permission, to show them only what they can do."""
        return isinstance(self._means.house.authorise(caller, permission, inbound), Permitted)

    def names(self, ids: Iterable[str]) -> dict[str, str]:
        """Return what agents and operators are called, for those of `ids` that are known and have a name."""
        known = self._means.directory
        found = {id_: known.agent(id_) or known.operator(id_) for id_ in ids if id_}
        return {id_: each.name for id_, each in found.items() if each is not None and each.name}

    def page(
        self, caller: Caller, inbound: Inbound, template: str, /, status: int = 200, **values: object
    ) -> Outcome:
        """Show a page to an operator, and note that they are there.

        Args:
            caller: The operator.
            inbound: What was asked for.
            template: A file of `templates`.
            status: HTTP's.
            values: What the template shows beside the frame.
        """
        reply = self._rendering.page(
            template, {**self._known(caller, inbound), "status": status, **values}, status=status
        )
        # What the browser fetches by itself, to show what changed, is no sign of a person.
        alone = inbound.method == "GET" and inbound.headers.get("sec-fetch-dest", "document") == "empty"
        seen = see_session(caller.session, now=int(self._means.clock.now()))
        return Outcome(reply, writes=() if alone else (seen,))

    def see(self, path: str, done: str = "", *, subject: str = "") -> Outcome:
        """Lead to a page after a form did what it says; `done` is a key of `TOLD`."""
        target = f"{path}{'&' if '?' in path else '?'}done={done}" if done else path
        headers = (("location", target), ("cache-control", "no-store"))
        return Outcome(Reply(303, b"", "text/html", headers), subject=subject)

    def bare(self, template: str, values: Mapping[str, object], *, status: int = 200) -> Reply:
        """Show a page to somebody who has not signed in."""
        shown = {
            "operator": None,
            "csrf": "",
            "told": "",
            "path": "",
            "section": "",
            "navigation": (),
            "live": "",
            **values,
        }
        return self._rendering.page(template, shown, status=status)

    def refusal(self, error: SmartAgentError, request_id: str) -> Reply:
        """Return the page that says what went wrong; to who has not signed in, the page to sign in at."""
        if isinstance(error, AuthenticationFailed):
            return self.sign_in(status=status_of(error))
        status = error.status if isinstance(error, VerbRefused) else status_of(error)
        values = {"title": error.title, "text": str(error), "request_id": request_id, "status": status}
        return self.bare("error.html", values, status=status)

    def sign_in(self, *, status: int = 200, failed: str = "") -> Reply:
        """Return the page to sign in at."""
        values = {"possible": self._passkeys.possible, "request": self._passkeys.request(), "failed": failed}
        return self.bare(SIGN_IN_TEMPLATE, values, status=status)

    def _known(self, caller: Caller, inbound: Inbound) -> dict[str, object]:
        operator = self._means.directory.operator(caller.principal)
        told = parse_form(inbound.query.encode("utf-8", "replace")).get("done", "")
        return {
            "operator": operator,
            "operator_role": caller.role,
            "csrf": self._means.people.frame.form_token(inbound),
            "csrf_field": CSRF_FIELD,
            "told": TOLD.get(told, ""),
            "path": inbound.path,
            "section": inbound.path,
            "navigation": NAVIGATION,
            "live": "",
        }


def number_in(raw: str) -> int:
    """Read a number of a form.

    Raises:
        MalformedRequest: It is none, or larger than any that a form asks for.
    """
    if not (raw.isascii() and raw.isdecimal() and len(raw) <= _MOST_DIGITS):
        raise MalformedRequest("a number was expected")
    return int(raw)


def query(**fields: str) -> str:
    """Write the fields that are not empty as a query; "" when all are."""
    pairs = [f"{name}={quote(value, safe='')}" for name, value in fields.items() if value]
    return f"?{'&'.join(pairs)}" if pairs else ""
