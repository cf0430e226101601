# SPDX-License-Identifier: Apache-2.0
"""What Google Cloud and Azure have in common: a cloud that trusts our RS256 tokens gives tokens of its own for them.

No secret of ours is at the cloud, and none of the cloud's is here.  The cloud reads our public keys at the issuer's
address, so that must be reachable from there.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

import msgspec

from smartagent.drivers import DriverFailed, DriverUnreachable, WebAnswer
from smartagent.kernel import Clock, IdPrefix, Ids
from smartagent.leases.errors import ProviderFailed, ProviderUnreachable
from smartagent.leases.model import Order

T = TypeVar("T")

ASSERTION_SECONDS: Final = 300
LOCAL: Final = "http://127.0.0.1:"
_OK: Final = 200
_TOO_MANY: Final = 429
_SERVERS_TROUBLE: Final = 500
_MOST_CODE: Final = 64


class Sender(Protocol):
    """Calls an HTTP API; see `drivers.Web`."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> WebAnswer:
        """Send one request, and return the answer whatever its status."""
        ...


class House(msgspec.Struct, frozen=True):
    """Who we are to a cloud: the issuer's URL, and what signs with RS256."""

    issuer: str
    sign: Callable[[bytes], str]
    clock: Clock
    ids: Ids


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str
    iat: int
    nbf: int
    exp: int
    jti: str
    agent: str
    role: str
    session: str
    lease: str


class _Refusal(msgspec.Struct, frozen=True):
    error: object = ""


def assertion(house: House, order: Order, subject: str, audience: str) -> str:
    """Say to a cloud which agent it is, minutes long."""
    now = int(order.now)
    claims = _Claims(
        iss=house.issuer,
        sub=subject,
        aud=audience,
        iat=now,
        nbf=now,
        exp=now + ASSERTION_SECONDS,
        jti=house.ids.new(IdPrefix.ACCESS_TOKEN),
        agent=order.agent,
        role=order.role,
        session=order.session,
        lease=order.lease_id,
    )
    return house.sign(msgspec.json.encode(claims))


async def asked(web: Sender, url: str, headers: Mapping[str, str], body: bytes, shape: type[T]) -> T:
    """Post to a cloud, and read what it says.

    Raises:
        ProviderFailed: It said no; the reason is its code or status, never its own words.
        ProviderUnreachable: It did not answer, or is in trouble.
    """
    try:
        answer = await web.send("POST", url, headers, body)
    except DriverFailed as error:
        raise ProviderFailed(error.reason) from None
    except DriverUnreachable as error:
        raise ProviderUnreachable(error.reason) from None
    if answer.status == _TOO_MANY or answer.status >= _SERVERS_TROUBLE:
        raise ProviderUnreachable(f"status-{answer.status}")
    if answer.status != _OK:
        raise ProviderFailed(f"status-{answer.status}{_code(answer.body)}")
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProviderFailed("answer-not-understood") from None


def is_address(url: str) -> bool:
    """Say whether an endpoint may be called: https, or an emulator on this machine."""
    return url.startswith(("https://", LOCAL)) and "?" not in url and "#" not in url


def _code(body: bytes) -> str:
    """Return an OAuth error code, or Google's status, when it looks like one."""
    try:
        error = msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if isinstance(error, dict):
        error = error.get("status", "")
    text = str(error)
    return f"-{text}" if text.replace("_", "").isalnum() and len(text) <= _MOST_CODE else ""
