# SPDX-License-Identifier: Apache-2.0
"""What an operator does: claim the house by a link, log in with a key, and administer.

holder = await claim_house(make_key_file(path, entropy), link, "Ada")
async with Operator(holder) as operator:
    agents = await operator.request("GET", "/v1/agents")
"""

from types import TracebackType
from typing import ClassVar, Final, Self

import msgspec

from smartagent.kernel import Kind, SmartAgentError
from smartagent.sdk.agent import Means, system_means
from smartagent.sdk.exchange import Answer, good, read
from smartagent.sdk.keyfile import Holder
from smartagent.sdk.proofs import claim, dpop_proof, operator_proof

_JSON: Final = {"content-type": "application/json"}
_MARK: Final = "/claim#"
_RENEW_SECONDS: Final = 60


class MalformedLink(SmartAgentError):
    """The text is not a claim link."""

    code: ClassVar[str] = "malformed-link"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The claim link is malformed."


class _Claimed(msgspec.Struct, frozen=True):
    id: str


class _Challenge(msgspec.Struct, frozen=True):
    nonce: str


class _Opened(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int


def parse_link(link: str) -> tuple[str, str]:
    """Return the issuer and the code of a claim link.

    Raises:
        MalformedLink: It is none.
    """
    issuer, mark, code = link.strip().partition(_MARK)
    if not mark or not code or not issuer.startswith(("https://", "http://")):
        raise MalformedLink(f"expected https://...{_MARK}...")
    return issuer, code


async def claim_house(holder: Holder, link: str, name: str, *, means: Means | None = None) -> Holder:
    """Become an operator by a claim link, and return the holder with the new id: save it, the link works once.

    Args:
        holder: A key that no authority knows yet; it never leaves this process.
        link: As it was printed.
        name: How people shall see the operator.
        means: For tests.

    Raises:
        MalformedLink: The link is none.
        AuthorityRefused: The link or the key was not taken.
        AuthorityUnreachable: There was no answer.
    """
    issuer, code = parse_link(link)
    own = means or system_means()
    body = msgspec.json.encode(claim(holder.key, issuer, code, name))
    try:
        claimed = read(await own.exchange("POST", f"{issuer}/v1/claims", _JSON, body), _Claimed)
    finally:
        if means is None:
            await own.exchange.close()
    return Holder(holder.key, issuer, claimed.id)


class Operator:
    """An operator.  Logs in when that is needed; every request carries a fresh proof of the key."""

    def __init__(self, holder: Holder, *, means: Means | None = None) -> None:
        self._holder = holder
        self._issuer = holder.issuer
        self._means = means or system_means()
        self._token = ""
        self._renew_at = 0.0

    @property
    def id(self) -> str:
        """The operator's id at the authority."""
        return self._holder.principal

    async def login(self) -> None:
        """Get a token, bound to the key, with a signed nonce.

        Raises:
            AuthorityRefused: The authority does not know the key.
            AuthorityUnreachable: There was no answer.
        """
        asked_at = self._means.clock.monotonic()
        asked = {"operator": self.id, "purpose": "operator-session"}
        nonce = read(await self._post("/v1/challenges", asked), _Challenge).nonce
        proof = operator_proof(self._holder.key, self._issuer, self.id, nonce)
        opened = read(await self._post("/v1/operator-sessions", proof), _Opened)
        self._token = opened.access_token
        self._renew_at = asked_at + opened.expires_in - _RENEW_SECONDS

    async def request(self, method: str, target: str, body: object = None) -> bytes:
        """Do one thing with the API, and return the body of the answer.

        Args:
            method: Upper case.
            target: The path, with a query where there is one.
            body: Encoded as JSON; None sends none.

        Raises:
            AuthorityRefused: The authority said no.
            AuthorityUnreachable: There was no answer.
        """
        raw = msgspec.json.encode(body) if body is not None else b""
        return good(await self.send(method, target, raw, "application/json"))

    async def send(self, method: str, target: str, body: bytes = b"", media_type: str = "") -> Answer:
        """Do one thing with the API, with a body of any kind, and return the answer whatever its status.

        Raises:
            AuthorityRefused: The login was refused.
            AuthorityUnreachable: There was no answer.
        """
        if not self._token or self._means.clock.monotonic() >= self._renew_at:
            await self.login()
        url = self._issuer + target
        proof = dpop_proof(
            self._holder.key,
            (method, url),
            self._token,
            now=self._means.clock.now(),
            entropy=self._means.entropy,
        )
        headers = {"authorization": f"DPoP {self._token}", "dpop": proof}
        if body:
            headers["content-type"] = media_type
        return await self._means.exchange(method, url, headers, body)

    async def close(self) -> None:
        """Let go of connections."""
        await self._means.exchange.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _post(self, path: str, body: object) -> Answer:
        return await self._means.exchange("POST", self._issuer + path, _JSON, msgspec.json.encode(body))
