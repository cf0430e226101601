# SPDX-License-Identifier: Apache-2.0
"""What an agent does: enrol once, get tokens, call upstreams through the gateway.

async with Agent(load_key_file(path), gateway="https://gw.example") as agent:
    answer = await agent.call("orders", "GET", "/orders/7")
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from smartagent.crypto import SigningKey, sha256
from smartagent.sdk.approvals import Approval, until_decided
from smartagent.sdk.client import JSON, Client, Means, register
from smartagent.sdk.exchange import UNAUTHORIZED, Answer, AuthorityRefused, good, read
from smartagent.sdk.keyfile import Holder, other_keys
from smartagent.sdk.proofs import (
    ASSERTION_TYPE,
    attestation_proof,
    client_assertion,
    enrolment,
    next_key_proof,
    session_proof,
)

T = TypeVar("T")

_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
_RENEW_AT_MOST_SECONDS: Final = 60
_RENEW_PART: Final = 5


class Session(msgspec.Struct, frozen=True):
    """A session that was opened with a signed nonce."""

    access_token: str
    expires_in: int
    scope: str
    session_id: str
    jti: str
    audit_url: str


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int


class _Kept(msgspec.Struct, frozen=True):
    token: str
    renew_at: float


async def enrol(
    holder: Holder, issuer: str, enrolment_token: str, name: str = "", *, means: Means | None = None
) -> Holder:
    """Enrol the holder's key, and return the holder with its new id: save it, the token works once.

    Args:
        holder: A key that no authority knows yet; it never leaves this process.
        issuer: The authority's URL without a trailing slash.
        enrolment_token: As the operator gave it.
        name: How people shall see the agent; empty takes the token's.
        means: For tests.

    Raises:
        AuthorityRefused: The token or the key was not taken.
        AuthorityUnreachable: There was no answer.
    """
    return await register(
        holder, issuer, "/v1/agents", enrolment(holder.key, issuer, enrolment_token, name), means
    )


async def attest(
    holder: Holder, issuer: str, attestation: str, name: str = "", *, means: Means | None = None
) -> Holder:
    """Enrol the holder's key by a token that the platform gave this workload, and return the holder with its id.

    Save it: the token works once.

    Args:
        holder: A key that no authority knows yet; it never leaves this process.
        issuer: The authority's URL without a trailing slash; the token must be meant for it.
        attestation: The platform's token: a service account's, a workflow's.
        name: How people shall see the agent; empty takes the workload's.
        means: For tests.

    Raises:
        AuthorityRefused: The token or the key was not taken.
        AuthorityUnreachable: There was no answer.
    """
    body = attestation_proof(holder.key, issuer, attestation, name)
    return await register(holder, issuer, "/v1/agents/attest", body, means)


class Agent(Client):
    """An enrolled agent.  Tokens are kept in memory and renewed before they expire.

    `prompt` is the prompt file that the agent runs with: its digest is stated wherever a token is asked for.
    """

    def __init__(
        self, holder: Holder, *, gateway: str = "", means: Means | None = None, prompt: bytes | None = None
    ) -> None:
        super().__init__(holder, means)
        self._prompt = "" if prompt is None else sha256(prompt).hex()
        self._gateway = gateway.rstrip("/")
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._renewing = asyncio.Lock()

    async def open_session(self, scope: str = "", audience: str = "", continuing: str = "") -> Session:
        """Open a session with a signed nonce, or let one go on.

        Args:
            scope: Scopes with blanks between them; empty means all of the role's.
            audience: Who the token is for; empty means the gateway.
            continuing: The token of a session that shall go on, while it is good: then the new token is of the
                same session.

        Raises:
            AuthorityRefused: The agent may not act, or asks for what its role does not have.
            AuthorityUnreachable: There was no answer.
        """

        async def opened() -> Session:
            nonce = await self._nonce("agent", "session")
            proof = session_proof(self._holder.key, self._issuer, self.id, nonce)
            body = {**proof, "scope": scope, "audience": audience}
            if continuing:
                body["continue"] = continuing
            if self._prompt:
                body["prompt"] = self._prompt
            return read(await self._post("/v1/sessions", JSON, msgspec.json.encode(body)), Session)

        return await self._with_its_key(opened)

    async def replace_key(self, following: SigningKey) -> None:
        """Have the authority take the key that follows; from then on this agent signs with it.

        Tokens that were got before stay good until their own end.

        Raises:
            AuthorityRefused: The agent may not act, or the key is known already.
            AuthorityUnreachable: There was no answer; the key may be in force all the same.
        """
        nonce = await self._nonce("agent", "key")
        body = next_key_proof(self._holder.key, following, self._issuer, self.id, nonce)
        good(await self._post(f"/v1/agents/{self.id}/key", JSON, msgspec.json.encode(body)))
        self._holder = Holder(following, self._issuer, self.id, self._holder.path)

    async def token(self, scope: str = "", audience: str = "") -> str:
        """Return an access token with a while to live: a kept one, or a new one.

        Args:
            scope: Scopes with blanks between them; empty means all of the role's.
            audience: Who the token is for; empty means the gateway.

        Raises:
            AuthorityRefused: The agent may not act, or asks for what its role does not have.
            AuthorityUnreachable: There was no answer.
        """
        kept = self._fresh(scope, audience)
        if kept is not None:
            return kept
        # However many calls find the token old, one of them renews it.
        async with self._renewing:
            renewed = self._fresh(scope, audience)
            if renewed is not None:
                return renewed
            return await self._with_its_key(lambda: self._renew(scope, audience))

    async def call(
        self,
        upstream: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Call an upstream through the gateway, and return its answer, whatever its status.

        Args:
            upstream: The upstream's name at the authority.
            method: Upper case.
            path: Begins with a slash; may have a query.
            headers: Further ones; authorization is the gateway's.
            body: What to send.

        Raises:
            AuthorityRefused: No token was given.
            AuthorityUnreachable: There was no answer.
        """
        token = await self.token()
        sent = {**(headers or {}), "authorization": f"Bearer {token}"}
        return await self._means.exchange(method, f"{self._gateway}/{upstream}{path}", sent, body)

    async def approved(
        self, approval: str, *, patience_seconds: float = 600, pause_seconds: float = 2
    ) -> bool:
        """Wait until people have decided about a call; tell whether it may be made.

        Then make the very same call again, with the same token: an approval holds in its session.

        Args:
            approval: As `approval_of` read it from the gateway's answer.
            patience_seconds: How long to wait at most.
            pause_seconds: Between two looks.

        Raises:
            AuthorityRefused: The approval is not this agent's, or the agent may not act.
            AuthorityUnreachable: There was no answer.
        """

        async def look() -> Approval:
            token = await self.token()
            url = f"{self._issuer}/v1/approvals/{approval}"
            return read(
                await self._means.exchange("GET", url, {"authorization": f"Bearer {token}"}, b""), Approval
            )

        return await until_decided(look, self._means.clock, patience_seconds, pause_seconds)

    async def _with_its_key(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do `act`; when the key is refused and its file has another one by now, do it with that."""
        try:
            return await act()
        except AuthorityRefused as refused:
            if refused.status != UNAUTHORIZED:
                raise
            before = self._holder
            for holder in other_keys(before):
                self._holder = holder
                try:
                    return await act()
                except AuthorityRefused:
                    self._holder = before
            raise

    def _fresh(self, scope: str, audience: str) -> str | None:
        kept = self._kept.get((scope, audience))
        return kept.token if kept is not None and self._means.clock.monotonic() < kept.renew_at else None

    async def _renew(self, scope: str, audience: str) -> str:
        means = self._means
        # From before the request: what the answer took is time that the token has already lived.
        asked_at = means.clock.monotonic()
        assertion = client_assertion(
            self._holder.key, self._issuer, self.id, now=means.clock.now(), entropy=means.entropy
        )
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            "scope": scope,
            "resource": audience,
            "prompt_digest": self._prompt,
        }
        form = urlencode({name: value for name, value in fields.items() if value}).encode()
        granted = read(await self._post("/oauth/token", _FORM, form), _Granted)
        early = min(_RENEW_AT_MOST_SECONDS, granted.expires_in / _RENEW_PART)
        self._kept[scope, audience] = _Kept(granted.access_token, asked_at + granted.expires_in - early)
        return granted.access_token
