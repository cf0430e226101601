# SPDX-License-Identifier: Apache-2.0
"""What an operator does: claim the house by a link, log in with a key, and administer.

holder = await claim_house(make_key_file(path, entropy), link, "Ada")
async with Operator(holder) as operator:
    agents = await operator.request("GET", "/v1/agents")
"""

from typing import ClassVar, Final

import msgspec

from smartagent.kernel import Kind, SmartAgentError
from smartagent.sdk.client import JSON, Client, Means, register
from smartagent.sdk.exchange import Answer, good, read
from smartagent.sdk.keyfile import Holder
from smartagent.sdk.proofs import claim, dpop_proof, operator_proof

_MARK: Final = "/claim#"
_RENEW_SECONDS: Final = 60


class MalformedLink(SmartAgentError):
    """The text is not a claim link."""

    code: ClassVar[str] = "malformed-link"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The claim link is malformed."


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
    return await register(holder, issuer, "/v1/claims", claim(holder.key, issuer, code, name), means)


class Operator(Client):
    """An operator.  Logs in when that is needed; every request carries a fresh proof of the key."""

    def __init__(self, holder: Holder, *, means: Means | None = None) -> None:
        super().__init__(holder, means)
        self._token = ""
        self._renew_at = 0.0

    async def login(self) -> None:
        """Get a token, bound to the key, with a signed nonce.

        Raises:
            AuthorityRefused: The authority does not know the key.
            AuthorityUnreachable: There was no answer.
        """
        asked_at = self._means.clock.monotonic()
        nonce = await self._nonce("operator", "operator-session")
        proof = operator_proof(self._holder.key, self._issuer, self.id, nonce)
        answer = await self._post("/v1/operator-sessions", JSON, msgspec.json.encode(proof))
        opened = read(answer, _Opened)
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
