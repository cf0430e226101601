# SPDX-License-Identifier: Apache-2.0
"""How calls to an upstream are made: worked out of its entry and its secret, for all calls until either changes."""

import base64
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from smartagent.crypto import sha256
from smartagent.gateway.errors import CredentialUnusable
from smartagent.gateway.hmacs import hmac_signer
from smartagent.gateway.ports import Upstream
from smartagent.gateway.signing import Signer
from smartagent.gateway.sigv4 import aws_signer
from smartagent.gateway.variants import Variants
from smartagent.kernel import Secret
from smartagent.vault import MalformedSecret, MalformedUpstream, Place, PlaceKind, check_fits, parse_place

_REMEMBERED: Final = 4096
_HOP: Final = (
    "connection keep-alive proxy-connection te trailer transfer-encoding upgrade http2-settings expect "
    "host content-length"
)
_FORWARDED: Final = (
    "forwarded via x-real-ip x-client-ip true-client-ip cf-connecting-ip x-original-url x-rewrite-url"
)
_OVERRIDES: Final = "x-http-method x-http-method-override x-method-override x-original-method"
_CREDENTIALS: Final = (
    "authorization dpop cookie x-api-key api-key apikey x-auth-token x-access-token x-auth-key access-token "
    "txn-token smartagent-approval auth-token private-token x-goog-api-key x-amz-security-token x-token x-authorization ocp-apim-subscription-key"
)
DROPPED: Final = frozenset(f"{_HOP} {_FORWARDED} {_OVERRIDES} {_CREDENTIALS}".split())
_WHEN_SCRUBBING: Final = frozenset(
    ("accept-encoding", "grpc-accept-encoding", "range", "if-range", "want-digest", "want-content-digest")
)
_BASE_URL: Final = re.compile(
    r"https?://[A-Za-z0-9.\-_:\[\]]+(?:/[!$%&'()*+,\-./0-9:;=@A-Z_a-z~]*)?", re.IGNORECASE
)


class Origin(msgspec.Struct, frozen=True):
    """Where connections go.  Those of an entry that may be private are never lent to one that may not."""

    host: str
    port: int
    tls: bool
    allow_private: bool
    http2: bool = False
    """It is spoken to in HTTP/2."""
    identity: str = ""
    """Whom connections are from, where it proves itself by a certificate: the digest of its chain and key."""


class Plan(msgspec.Struct, frozen=True):
    """How calls to an upstream are made, with its secret as it is now."""

    entry: Upstream
    secrets: tuple[Secret[bytes], ...]
    origin: Origin
    host: str
    base_path: str
    dropped: frozenset[str]
    """The fields of the agent's that go no further; names in lower case."""
    variants: Variants | None = None
    """What no answer may show."""
    place: str = ""
    """The name of the header or query parameter that is ours to set; empty when there is none."""
    in_query: bool = False
    credential: Secret[bytes] = Secret(b"")
    """The header's value, the parameter's as it goes on the wire, or the body's member."""
    member: tuple[str, ...] = ()
    """Where in a JSON body the credential goes."""
    signer: Signer | None = None
    """Signs each request, where the credential is a key that never leaves."""
    certificate: Secret[bytes] | None = None
    """Proves whom connections are from: chain and key, in PEM."""


def plan_for(entry: Upstream, secrets: tuple[Secret[bytes], ...]) -> Plan:
    """Work out how calls to `entry` are made.

    Raises:
        CredentialUnusable: The base URL, the place or the secret cannot be used as they are.
    """
    origin, host, base_path = _where(entry)
    plain = Plan(entry, secrets, origin, host, base_path, DROPPED)
    if not secrets:
        return plain
    place, secret = _checked(entry, secrets[0])
    if place.kind is PlaceKind.CLIENT_CERTIFICATE:
        # Its key is no part of what is sent, so no answer can hold it.
        known = msgspec.structs.replace(origin, identity=sha256(secret.reveal()).hex())
        return msgspec.structs.replace(plain, origin=known, certificate=secret)
    dropped = DROPPED | _WHEN_SCRUBBING if entry.scrub else DROPPED
    signer = _signer(place, secret)
    if signer is not None:
        shown = Variants(shown_in(entry, secrets))
        return msgspec.structs.replace(plain, dropped=dropped | signer.dropped, variants=shown, signer=signer)
    name, credential = _placed(place, secret)
    return msgspec.structs.replace(
        plain,
        dropped=dropped,
        variants=Variants(secrets),
        place=name,
        in_query=place.kind is PlaceKind.QUERY,
        credential=credential,
        member=tuple(place.name.split("/")[1:]) if place.kind is PlaceKind.JSON else (),
    )


def _checked(entry: Upstream, secret: Secret[bytes]) -> tuple[Place, Secret[bytes]]:
    # It was checked when it was written; since then, another store may have given another value.
    try:
        place = parse_place(entry.place)
        if place.kind is not PlaceKind.JWT:
            check_fits(secret, entry.place)
    except (MalformedSecret, MalformedUpstream) as error:
        raise CredentialUnusable(str(error)) from None
    if place.kind is PlaceKind.CLIENT_CERTIFICATE and not entry.base_url.startswith("https:"):
        raise CredentialUnusable("a client certificate goes to https only")
    return place, secret


def _signer(place: Place, secret: Secret[bytes]) -> Signer | None:
    match place.kind:
        case PlaceKind.AWS_SIGV4:
            return aws_signer(place.name, secret)
        case PlaceKind.HMAC:
            return hmac_signer(place.name, secret)
        case _:
            return None


def shown_in(entry: Upstream, secrets: tuple[Secret[bytes], ...]) -> tuple[Secret[bytes], ...]:
    """Return what may not be shown: of keys that sign, the keys, whatever stands around them in the vault."""
    return tuple(part for secret in secrets for part in _parts(entry.place, secret))


def _parts(raw: str, secret: Secret[bytes]) -> tuple[Secret[bytes], ...]:
    try:
        check_fits(secret, raw)
        signer = _signer(parse_place(raw), secret) if raw else None
    except (MalformedSecret, MalformedUpstream):
        # One that was replaced may have been of another kind.
        return (secret,)
    return (secret,) if signer is None else signer.secrets


def _placed(place: Place, secret: Secret[bytes]) -> tuple[str, Secret[bytes]]:
    value = secret.reveal()
    match place.kind:
        case PlaceKind.QUERY:
            return place.name, Secret(quote(value, safe="").encode())
        case PlaceKind.BASIC:
            return "authorization", Secret(b"Basic " + base64.b64encode(value))
        case PlaceKind.HEADER:
            return place.name.lower(), secret
        case PlaceKind.COOKIE:
            return "cookie", Secret(f"{place.name}=".encode() + value)
        case PlaceKind.JSON:
            return "", secret
        case _:
            return "authorization", Secret(b"Bearer " + value)


def _where(entry: Upstream) -> tuple[Origin, str, str]:
    if _BASE_URL.fullmatch(entry.base_url) is None:
        raise CredentialUnusable("the upstream's base URL is not usable")
    try:
        parts = urlsplit(entry.base_url)
        stated = parts.port
    except ValueError:
        raise CredentialUnusable("the upstream's base URL is not usable") from None
    if not parts.hostname:
        raise CredentialUnusable("the upstream's base URL names no host")
    tls = parts.scheme == "https"
    usual = 443 if tls else 80
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if stated not in {None, usual}:
        host = f"{host}:{stated}"
    return Origin(parts.hostname, stated or usual, tls, entry.allow_private), host, parts.path.rstrip("/")


def audience_of(entry: Upstream) -> str:
    """Return for whom the house makes a token where that is the upstream's credential; empty where it is not."""
    if not entry.place.startswith(PlaceKind.JWT.value):
        return ""
    return entry.place.partition(":")[2] or entry.base_url


class Plans:
    """Plans in memory, the oldest forgotten first.

    Args:
        made: Hears of each entry and its secrets when a plan is made of them.
    """

    def __init__(self, made: Callable[[Upstream, tuple[Secret[bytes], ...]], None]) -> None:
        self._made = made
        self._plans: OrderedDict[str, Plan] = OrderedDict()

    def get(self, name: str, entry: Upstream, secrets: tuple[Secret[bytes], ...]) -> Plan:
        """Return the plan of that name for this entry and these secrets.

        Raises:
            CredentialUnusable: The base URL, the place or the secret cannot be used as they are.
        """
        plan = self._plans.get(name)
        # Entries and secrets are replaced, not changed: the same objects mean the same plan.
        if plan is not None and plan.entry is entry and plan.secrets == secrets:
            return plan
        plan = self._plans[name] = plan_for(entry, secrets)
        self._plans.move_to_end(name)
        self._made(entry, secrets)
        if len(self._plans) > _REMEMBERED:
            self._plans.popitem(last=False)
        return plan

    def forget(self, name: str) -> None:
        """Forget what a name meant."""
        self._plans.pop(name, None)
