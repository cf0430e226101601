# SPDX-License-Identifier: Apache-2.0
"""Put the credential in its one place, and take out everything that could compete with it.

What the agent sent in that place goes, under every spelling a server could take for it; so does whatever
speaks about this hop, about who forwarded, or about other credentials.  The secret is revealed only
while the head's bytes are made.

Spec: RFC 9110 section 7.6.1 (this hop's fields), RFC 6750 section 2.1, RFC 7617 section 2.
"""

import base64
import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_plus, urlsplit

import msgspec

from smartagent.gateway.errors import CredentialUnusable
from smartagent.gateway.head import CHUNKED, Pairs, RequestHead, nominated
from smartagent.gateway.ports import Upstream
from smartagent.gateway.sigv4 import DROPPED as SIGNED
from smartagent.gateway.sigv4 import Signer, signed, signer_of
from smartagent.gateway.variants import Variants
from smartagent.kernel import Secret

SIGV4: Final = "aws-sigv4"
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
    "txn-token auth-token private-token x-goog-api-key x-amz-security-token x-token x-authorization ocp-apim-subscription-key"
)
_DROPPED: Final = frozenset(f"{_HOP} {_FORWARDED} {_OVERRIDES} {_CREDENTIALS}".split())
_DROPPED_FAMILIES: Final = ("proxy-", "x-forwarded-")
_PLAIN: Final = frozenset(("keep-alive", "close"))
_WHEN_SCRUBBING: Final = frozenset(
    ("accept-encoding", "range", "if-range", "want-digest", "want-content-digest")
)
_BASE_URL: Final = re.compile(
    r"https?://[A-Za-z0-9.\-_:\[\]]+(?:/[!$%&'()*+,\-./0-9:;=@A-Z_a-z~]*)?", re.IGNORECASE
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_]{0,63}")
_PARAMETER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_.]{0,63}")
_HEADER_VALUE: Final = re.compile(rb"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")


class Origin(msgspec.Struct, frozen=True):
    """Where connections go.  Those of an entry that may be private are never lent to one that may not."""

    host: str
    port: int
    tls: bool
    allow_private: bool


class Plan(msgspec.Struct, frozen=True):
    """An upstream's entry and secret, worked out once for all calls until either changes."""

    entry: Upstream
    secrets: tuple[Secret[bytes], ...]
    origin: Origin
    host: str
    base_path: str
    place: str
    """The name of the header or query parameter that is ours to set; empty when there is no credential."""
    in_query: bool
    credential: Secret[bytes]
    """The header's value, or the parameter's, as it goes on the wire."""
    dropped: frozenset[str]
    variants: Variants | None
    signer: Signer | None = None
    """Signs each request, where the credential is a key that never leaves."""


class Covered(NamedTuple):
    """What a signature covers beside the head: the body's digest, and when (Unix seconds)."""

    digest: str
    now: float


def plan_for(entry: Upstream, secrets: tuple[Secret[bytes], ...]) -> Plan:
    """Work out how calls to `entry` are made.

    Raises:
        CredentialUnusable: The base URL, the place or the secret cannot be used as they are.
    """
    origin, host, base_path = _where(entry)
    place, in_query, credential = "", False, Secret(b"")
    kind, _, where = entry.place.partition(":")
    signer = signer_of(where, secrets[0]) if secrets and kind == SIGV4 else None
    secrets_shown = shown_in(entry, secrets)
    if secrets and signer is None:
        place, in_query, credential = _placed(entry.place, secrets[0])
    dropped = _DROPPED | _WHEN_SCRUBBING if entry.scrub and secrets else _DROPPED
    if signer is not None:
        dropped |= SIGNED
    return Plan(
        entry,
        secrets,
        origin,
        host,
        base_path,
        place,
        in_query,
        credential,
        dropped,
        Variants(secrets_shown) if secrets_shown else None,
        signer,
    )


def shown_in(entry: Upstream, secrets: tuple[Secret[bytes], ...]) -> tuple[Secret[bytes], ...]:
    """Return what may not be shown: of keys that sign, the keys, whatever stands around them in the vault.

    Raises:
        CredentialUnusable: They are not what the entry's place takes.
    """
    kind, _, where = entry.place.partition(":")
    if kind != SIGV4:
        return secrets
    return tuple(part for secret in secrets for part in signer_of(where, secret).secrets)


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


def inject(
    head: RequestHead, path: str, query: str, plan: Plan, txn_token: str = "", covered: Covered | None = None
) -> bytes:
    """Return the request head that goes to the upstream.

    Args:
        head: As the agent sent it.
        path: What was matched, and nothing else.
        query: As the agent sent it.
        plan: Where the credential goes.
        txn_token: What tells an upstream of the trust domain what the call is about.
        covered: What is signed, where the plan has a signer.
    """
    if head.kept_for is not plan:
        head.kept_for = plan
        head.kept = "".join([f"{name}: {value}\r\n" for name, value in _kept(head, plan)]) + _asked(
            head, plan
        )
    own = ""
    credential = plan.credential.reveal().decode("latin-1")
    if plan.in_query:
        query = _with_parameter(query, plan.place, credential)
    elif plan.place:
        own = f"{plan.place}: {credential}\r\n"
    if plan.signer is not None and covered is not None:
        fields = [("host", plan.host), *_kept(head, plan)]
        request = head.method, f"{plan.base_path}{path}", query
        made = signed(plan.signer, request, fields, covered.digest, covered.now)
        own = "".join([f"{name}: {value}\r\n" for name, value in made])
    if txn_token:
        own += f"txn-token: {txn_token}\r\n"
    target = f"{plan.base_path}{path}?{query}" if query else f"{plan.base_path}{path}"
    return f"{head.method} {target} HTTP/1.1\r\nhost: {plan.host}\r\n{head.kept}{own}\r\n".encode("latin-1")


def _asked(head: RequestHead, plan: Plan) -> str:
    # What the gateway says for itself: how the body is framed, and that no coding is wanted.
    if head.websocket:
        return "connection: Upgrade\r\nupgrade: websocket\r\n"
    coding = "accept-encoding: identity\r\n" if "accept-encoding" in plan.dropped else ""
    if head.body == CHUNKED:
        return coding + "transfer-encoding: chunked\r\n"
    if head.body or "content-length" in head.fields:
        return f"{coding}content-length: {head.body}\r\n"
    return coding


def _kept(head: RequestHead, plan: Plan) -> Pairs:
    dropped = plan.dropped
    connection = head.fields.get("connection")
    if connection is not None and connection not in _PLAIN:
        dropped = dropped | nominated(connection)
    if head.websocket:
        # What is compressed cannot be searched as it passes.
        dropped = dropped | {"sec-websocket-extensions"}
    own = _bare_name(plan.place) if plan.place and not plan.in_query else ""
    kept = []
    for name, value in head.pairs:
        # Servers that hand fields on as CGI variables take `_` and `-` for the same letter.
        spelt = name.replace("_", "-") if "_" in name else name
        if spelt in dropped or spelt.startswith(_DROPPED_FAMILIES) or (own and _bare_name(spelt) == own):
            continue
        kept.append((name, value))
    return kept


def _bare_name(name: str) -> str:
    return name.replace("-", "").replace("_", "").replace(".", "").replace(" ", "").lower()


def _with_parameter(query: str, name: str, value: str) -> str:
    own = _bare_name(name)
    kept = [part for part in re.split("[&;]", query) if part and _parameter_name(part) != own]
    return "&".join([*kept, f"{quote(name, safe='')}={value}"])


def _parameter_name(part: str) -> str:
    # `key[]` and `key[0]` are `key` to PHP and Rails.
    return _bare_name(unquote_plus(part.partition("=")[0]).replace("\0", "").partition("[")[0])


def _placed(place: str, secret: Secret[bytes]) -> tuple[str, bool, Secret[bytes]]:
    value = secret.reveal()
    kind, _, name = place.partition(":")
    if kind == "query" and _PARAMETER_NAME.fullmatch(name) and value:
        return name, True, Secret(quote(value, safe="").encode())
    if _HEADER_VALUE.fullmatch(value) is None:
        raise CredentialUnusable("the secret holds characters that no header can carry")
    match kind:
        case "bearer" if not name:
            return "authorization", False, Secret(b"Bearer " + value)
        case "basic" if not name:
            return "authorization", False, Secret(b"Basic " + base64.b64encode(value))
        case "header" if _HEADER_NAME.fullmatch(name) and name.lower() not in _HOP.split():
            return name.lower(), False, Secret(value)
        case _:
            raise CredentialUnusable("the place of the upstream's secret is not one that is known")
