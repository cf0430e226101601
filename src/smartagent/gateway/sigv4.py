# SPDX-License-Identifier: Apache-2.0
"""AWS Signature Version 4, made for each request: the secret key signs, and never leaves.

An SDK may sign with keys that it made up; what it signed is taken out, and the request is signed anew.  Bodies are
held until their digest is known; to S3 a longer one goes unsigned (over TLS it cannot be changed on the way).

Spec: AWS, "Signature Version 4 signing process": canonical request, string to sign, signing key.
"""

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.crypto import hmac_sha256, sha256
from smartagent.gateway.errors import CredentialUnusable
from smartagent.kernel import Secret

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
UNSIGNED_PIECES: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
S3: Final = frozenset({"s3", "s3express"})
DROPPED: Final = frozenset({"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})
_PLACE: Final = re.compile(r"([a-z]{2}(?:-[a-z]+)+-[0-9]|aws-global)/([a-z0-9-]{1,64})")
_KEY_ID: Final = re.compile(r"[A-Z0-9]{16,128}")
_PRINTABLE: Final = re.compile(r"[!-~]{16,4096}")
_SPACES: Final = re.compile(" +")
_PARTS: Final = (2, 3)


class Signer(msgspec.Struct, frozen=True):
    """Whose keys sign, for which region and service."""

    region: str
    service: str
    key_id: str
    secret_key: Secret[str]
    session_token: Secret[str]

    @property
    def may_leave_unsigned(self) -> bool:
        """Whether the service takes bodies that are not signed."""
        return self.service in S3

    @property
    def secrets(self) -> tuple[Secret[bytes], ...]:
        """What no answer may show."""
        kept = (self.secret_key, self.session_token)
        return tuple(Secret(each.reveal().encode()) for each in kept if each.reveal())


def signer_of(place: str, secret: Secret[bytes]) -> Signer:
    """Read `REGION/SERVICE`, and `KEY-ID:SECRET-KEY` or `KEY-ID:SECRET-KEY:SESSION-TOKEN`.

    Raises:
        CredentialUnusable: One of them is something else.
    """
    match = _PLACE.fullmatch(place)
    parts = secret.reveal().decode("latin-1").split(":", 2)
    if match is None or len(parts) not in _PARTS or not _KEY_ID.fullmatch(parts[0]):
        raise CredentialUnusable("the secret is not KEY-ID:SECRET-KEY, or the place not REGION/SERVICE")
    if not all(map(_PRINTABLE.fullmatch, parts[1:])):
        raise CredentialUnusable("the secret is not KEY-ID:SECRET-KEY")
    token = parts[2] if len(parts) == max(_PARTS) else ""
    return Signer(match[1], match[2], parts[0], Secret(parts[1]), Secret(token))


def signed(
    signer: Signer, request: tuple[str, str, str], fields: list[tuple[str, str]], digest: str, now: float
) -> list[tuple[str, str]]:
    """Return the fields that sign a request.

    Args:
        signer: Whose keys.
        request: Its method, its path as it goes on the wire, and its query.
        fields: What goes with it: `host`, and the agent's own; names in lower case.
        digest: Of the body, SHA-256 in hex, or `UNSIGNED`.
        now: Unix seconds.
    """
    method, path, query = request
    stamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%dT%H%M%SZ")
    own = [("x-amz-content-sha256", digest), ("x-amz-date", stamp)]
    token = signer.session_token.reveal()
    if token:
        own.append(("x-amz-security-token", token))
    covered: dict[str, str] = {}
    for name, value in (*fields, *own):
        if name == "host" or name.startswith("x-amz-"):
            clean = _SPACES.sub(" ", value.strip())
            covered[name] = f"{covered[name]},{clean}" if name in covered else clean
    names = ";".join(sorted(covered))
    canonical = "\n".join(
        (
            method,
            path if signer.service in S3 else quote(path, safe="/~"),
            "&".join(sorted(_pair(part) for part in query.split("&") if part)),
            *(f"{name}:{covered[name]}" for name in sorted(covered)),
            "",
            names,
            digest,
        )
    )
    scope = f"{stamp[:8]}/{signer.region}/{signer.service}/aws4_request"
    told = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(canonical.encode('latin-1')).hex()}"
    key = Secret(f"AWS4{signer.secret_key.reveal()}".encode())
    for part in scope.split("/"):
        key = Secret(hmac_sha256(key, part.encode()))
    signature = hmac_sha256(key, told.encode()).hex()
    credential = f"{signer.key_id}/{scope}"
    value = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return [*own, ("authorization", value)]


def _pair(part: str) -> str:
    return part if "=" in part else f"{part}="
