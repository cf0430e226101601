# SPDX-License-Identifier: Apache-2.0
"""Signing in to the console, out of it, and claiming the house with a passkey.

The first operator opens the claim link in a browser.  There a key is made that signs the claim, as on the
command line, and a passkey, with which they come back; the operator, the passkey and the session are one commit.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import structs

from smartagent.consent import SignInFailed, Way
from smartagent.console.frame import Frame
from smartagent.console.means import Means
from smartagent.console.passkeys import Passkeys
from smartagent.console.store import add_passkey
from smartagent.crypto import b64u
from smartagent.edge import (
    AuthenticationFailed,
    Inbound,
    Outcome,
    Reply,
    enter,
    parse_form,
    parse_json,
    status_of,
)
from smartagent.kernel import Caller, SmartAgentError

CONSOLE_PATH: Final = "/console"
SIGN_IN_PATH: Final = "/console/sign-in"
CLAIMS_PATH: Final = "/v1/claims"
_HANDLE_BYTES: Final = 16


class PasskeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /console/sign-in/passkey`: what the browser's passkey answered."""

    answer: dict[str, object]


class ClaimAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /console/claim`: a claim as `POST /v1/claims` takes it, and a new passkey."""

    code: str
    public_key: str
    name: str
    signature: str
    answer: dict[str, object]

    def __repr__(self) -> str:
        return f"ClaimAnswer({self.name}, ********)"


class Signing:
    """Begins and ends sessions at the console."""

    def __init__(self, means: Means, frame: Frame, passkeys: Passkeys) -> None:
        self._means = means
        self._frame = frame
        self._passkeys = passkeys

    async def show(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """Show the page to sign in at."""
        return Outcome(self._frame.sign_in())

    async def by_code(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Begin a session for whoever the code is of, and lead back to where they were.

        Raises:
            SignInFailed: The code is not good.
            AuthenticationFailed: The form is from elsewhere.
        """
        code = parse_form(inbound.body).get("code", "")
        return await self._means.people.by_code(inbound, code, _back(inbound))

    async def by_passkey(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Begin a session for whoever the passkey is of.

        Raises:
            PasskeyRefused: The passkey does not prove who is there.
            AuthenticationFailed: Another site asked, or the operator is gone.
        """
        self._means.people.check_origin(inbound)
        used = await self._passkeys.used(parse_json(inbound.body, PasskeyAnswer).answer)
        if self._means.directory.operator(used.person) is None:
            raise AuthenticationFailed("the operator is gone")
        begun = self._means.people.begin(used.person, Way.PASSKEY)
        return Outcome(
            Reply(204, headers=(begun.header, ("cache-control", "no-store"))),
            subject=used.person,
            session=begun.session.id,
            claims=(used.claim,),
            writes=(begun.write, used.write),
        )

    async def sign_out(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End the browser's session."""
        outcome = await self._means.people.sign_out(caller, inbound)
        headers = tuple(
            ("location", SIGN_IN_PATH) if name == "location" else (name, value)
            for name, value in outcome.reply.headers
        )
        return structs.replace(outcome, reply=structs.replace(outcome.reply, headers=headers), farewell=True)

    async def show_claim(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """Show the page of a claim link; the link's code stays in the browser until the claim is sent."""
        handle = b64u(self._means.entropy(_HANDLE_BYTES))
        values = {
            "possible": self._passkeys.possible,
            "creation": self._passkeys.creation(handle, "SmartAgent operator"),
            "issuer": self._means.issuer,
        }
        return Outcome(self._frame.bare("claim.html", values))

    async def claim(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Make an operator of a claim link, a key and a passkey, and sign them in.

        Raises:
            SmartAgentError: The claim is not good, or the passkey cannot be taken.
        """
        self._means.people.check_origin(inbound)
        asked = parse_json(inbound.body, ClaimAnswer)
        claim = {name: getattr(asked, name) for name in ("code", "public_key", "name", "signature")}
        inner = structs.replace(inbound, path=CLAIMS_PATH, body=msgspec.json.encode(claim))
        route = self._means.api.match("POST", CLAIMS_PATH).route
        newcomer = (await enter(inner, route, self._means.house)).caller
        claimed = await route.act(newcomer, inner)
        passkey, challenge = self._passkeys.taken(claimed.subject, "First passkey", asked.answer)
        begun = self._means.people.begin(claimed.subject, Way.PASSKEY)
        return structs.replace(
            claimed,
            reply=Reply(201, claimed.reply.body, headers=(begun.header, ("cache-control", "no-store"))),
            event="operator.claimed",
            session=begun.session.id,
            claims=(*newcomer.claims, *claimed.claims, challenge),
            writes=(*claimed.writes, add_passkey(passkey), begun.write),
        )

    def refusal(self, error: SmartAgentError, request_id: str) -> Reply:
        """Return the page to sign in at again, which says that the code was not good; or the page of the error."""
        if isinstance(error, SignInFailed):
            return self._frame.sign_in(status=status_of(error), failed=f"{error.title} {error}")
        return self._frame.refusal(error, request_id)


def _back(inbound: Inbound) -> str:
    """Return the page of ours that somebody came from; the referrer says so much and no more."""
    path = urlsplit(inbound.headers.get("referer", "")).path
    ours = path == CONSOLE_PATH or path.startswith(f"{CONSOLE_PATH}/")
    plain = all(letter.isalnum() or letter in "/-_." for letter in path)
    return path if ours and plain and path.isascii() and path != SIGN_IN_PATH else CONSOLE_PATH
