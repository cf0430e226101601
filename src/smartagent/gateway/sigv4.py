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
from smartagent.gateway.head import Pairs, RequestHead
from smartagent.gateway.signing import Covered, Outgoing
from smartagent.kernel import Secret

_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_UNSIGNED_PIECES: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_S3: Final = frozenset({"s3", "s3express"})
_DROPPED: Final = frozenset({"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})
_EMPTY: Final = sha256(b"").hex()
_SPACES: Final = re.compile(" +")


class AwsSigner(msgspec.Struct, frozen=True):
    """Whose keys sign, for which region and service."""

    region: str
    service: str
    key_id: str
    secret_key: Secret[str]
    session_token: Secret[str]

    @property
    def dropped(self) -> frozenset[str]:
        """What an SDK that signed with made-up keys may have said."""
        return _DROPPED

    @property
    def field(self) -> str:
        """Where the signature stands."""
        return "authorization"

    @property
    def secrets(self) -> tuple[Secret[bytes], ...]:
        """What no answer may show."""
        kept = (self.secret_key, self.session_token)
        return tuple(Secret(each.reveal().encode()) for each in kept if each.reveal())

    def known(self, head: RequestHead, *, tls: bool) -> str | None:
        """Return the body's digest when the body need not be read, else None.

        Raises:
            CredentialUnusable: The client signs the body piece by piece, which cannot be done again.
        """
        said = head.fields.get("x-amz-content-sha256", "")
        unsigned = tls and self.service in _S3
        if said == _UNSIGNED_PIECES and unsigned:
            return said
        if said.startswith("STREAMING-"):
            raise CredentialUnusable("the client signs its body in pieces; let it send it whole")
        if not head.body:
            return _EMPTY
        return _UNSIGNED if unsigned else None

    def sign(self, asked: Outgoing, covered: Covered, now: float) -> Pairs:
        """Return the fields that sign a request; `now` in Unix seconds."""
        stamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%dT%H%M%SZ")
        own = [("x-amz-content-sha256", covered.digest), ("x-amz-date", stamp)]
        token = self.session_token.reveal()
        if token:
            own.append(("x-amz-security-token", token))
        signed: dict[str, str] = {}
        for name, value in (*asked.fields, *own):
            if name == "host" or name.startswith("x-amz-"):
                clean = _SPACES.sub(" ", value.strip())
                signed[name] = f"{signed[name]},{clean}" if name in signed else clean
        names = ";".join(sorted(signed))
        canonical = "\n".join(
            (
                asked.method,
                asked.path if self.service in _S3 else quote(asked.path, safe="/~"),
                "&".join(sorted(_pair(part) for part in asked.query.split("&") if part)),
                *(f"{name}:{signed[name]}" for name in sorted(signed)),
                "",
                names,
                covered.digest,
            )
        )
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        told = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(canonical.encode('latin-1')).hex()}"
        key = Secret(f"AWS4{self.secret_key.reveal()}".encode())
        for part in scope.split("/"):
            key = Secret(hmac_sha256(key, part.encode()))
        signature = hmac_sha256(key, told.encode()).hex()
        credential = f"{self.key_id}/{scope}"
        value = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        return [*own, ("authorization", value)]


def aws_signer(place: str, secret: Secret[bytes]) -> AwsSigner:
    """Read `REGION/SERVICE`, and `KEY-ID:SECRET-KEY` or `KEY-ID:SECRET-KEY:SESSION-TOKEN`; both were checked."""
    region, _, service = place.partition("/")
    key_id, secret_key, *token = secret.reveal().decode().split(":", 2)
    return AwsSigner(region, service, key_id, Secret(secret_key), Secret("".join(token)))


def _pair(part: str) -> str:
    return part if "=" in part else f"{part}="
