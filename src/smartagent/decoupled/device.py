# SPDX-License-Identifier: Apache-2.0
"""The device authorization endpoint: a device without a browser gets a code to show.

Spec: RFC 8628 sections 3.1 and 3.2; RFC 9449 section 5 for the proof that binds the code to a key.
"""

from typing import Final

import msgspec

from smartagent.clients import ClientKind
from smartagent.decoupled.asking import Asking
from smartagent.decoupled.codes import DEVICE_CODE_PREFIX, Code, mac_of, make_code, make_user_code
from smartagent.decoupled.guessing import REQUESTS, Guesses
from smartagent.decoupled.means import Means
from smartagent.decoupled.model import Channel, ConsentRequest, State
from smartagent.decoupled.rules import DEVICE_LIFE_SECONDS, INTERVAL_SECONDS, KEPT_SECONDS, shown_code
from smartagent.decoupled.store import add_request
from smartagent.edge import Inbound, Outcome, Reply
from smartagent.kernel import Caller, IdPrefix
from smartagent.oauth import ClientRequest, UnauthorizedClient, one_target
from smartagent.tokens import NO_STORE, Proven

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
ENDPOINT: Final = "/oauth/device_authorization"
PAGE: Final = "/oauth/device"


class DeviceAnswer(msgspec.Struct, frozen=True):
    """The answer of `POST /oauth/device_authorization` (RFC 8628 section 3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class DeviceAuthorizations:
    """Gives codes to devices."""

    def __init__(self, means: Means, asking: Asking) -> None:
        self._means = means
        self._asking = asking
        self._begun = Guesses(means.clock, REQUESTS)

    async def authorize(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Begin a request, and answer with the code to show and the code to poll with.

        Raises:
            UnauthorizedClient: The client is not registered for this grant.
            InvalidScope: It asks for more than it may.
            InvalidTarget: It asks for a resource that it may not have.
            InvalidDpopProof: The proof of possession does not hold; `UseDpopNonce` when it lacks a nonce.
            GuessedTooOften: It has begun too many from there.
        """
        asked = await self._means.requests.of(inbound)
        client = asked.client
        if client.kind is not ClientKind.AGENT and GRANT_TYPE not in client.grant_types:
            raise UnauthorizedClient("the client is not registered for this grant")
        self._begun.take(f"{client.id} {inbound.client_ip}")
        resource = one_target(asked.form)
        target = self._asking.check(client, asked.agent, asked.form.get("scope", ""), resource)
        proven = self._means.tokens.proofs.at_endpoint(inbound, self._means.issuer + ENDPOINT)
        code = make_code(DEVICE_CODE_PREFIX, self._means.entropy)
        user_code = make_user_code(self._means.entropy)
        request = self._request(asked, inbound, (code, user_code), target.scope, proven)
        headers: tuple[tuple[str, str], ...] = NO_STORE
        if proven is not None:
            headers = (*NO_STORE, ("dpop-nonce", self._means.tokens.proofs.nonce()))
        return Outcome(
            Reply(200, self._answer(code, user_code), headers=headers),
            subject=request.id,
            detail={"aud": target.audience, "scope": target.scope, "exp": request.expires_at},
            writes=add_request(request, forget_before=request.created_at - KEPT_SECONDS),
            claims=() if proven is None else (proven.claim,),
        )

    def _request(
        self,
        asked: ClientRequest,
        inbound: Inbound,
        codes: tuple[Code, str],
        scope: str,
        proven: Proven | None,
    ) -> ConsentRequest:
        now = int(self._means.clock.now())
        code, user_code = codes
        return ConsentRequest(
            id=self._means.ids.new(IdPrefix.GRANT),
            channel=Channel.DEVICE,
            state=State.PENDING,
            client_id=asked.client.id,
            client_name=asked.client.name,
            code_hash=code.code_hash,
            user_code_mac=mac_of(self._means.code_key, user_code),
            person="",
            scope=scope,
            resource=one_target(asked.form),
            binding_message="",
            jkt=proven.jkt if proven is not None else "",
            client_ip=inbound.client_ip,
            created_at=now,
            expires_at=now + DEVICE_LIFE_SECONDS,
            interval_seconds=INTERVAL_SECONDS,
        )

    def _answer(self, code: Code, user_code: str) -> DeviceAnswer:
        page, shown = self._means.issuer + PAGE, shown_code(user_code)
        return DeviceAnswer(
            code.code, shown, page, f"{page}?user_code={shown}", DEVICE_LIFE_SECONDS, INTERVAL_SECONDS
        )
