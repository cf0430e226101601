# SPDX-License-Identifier: Apache-2.0
"""What a secret and an upstream are.

A secret's value exists sealed in the store and in memory, and open only as a
`Secret[bytes]` while an upstream needs it.
"""

import msgspec

from smartagent.kernel import UNLIMITED, Limits


class SealedVersion(msgspec.Struct, frozen=True, gc=False):
    """One version of a secret.  `created_at` is Unix seconds.

    One that another store keeps has a `source` instead of bytes; one that was destroyed has neither.
    """

    version: int
    sealed: bytes
    created_at: int
    created_by: str
    source: str = ""

    @property
    def destroyed(self) -> bool:
        """Whether its value is gone for ever."""
        return not self.sealed and not self.source


class SecretEntry(msgspec.Struct, frozen=True):
    """A secret by name.  `versions` are those still kept, newest first; the first is the current one."""

    id: str
    name: str
    versions: tuple[SealedVersion, ...]

    @property
    def version(self) -> int:
        """The current version."""
        return self.versions[0].version


def sealed_as(secret_id: str, version: int) -> str:
    """Return the identity that a version's envelope is bound to: it opens as nothing else."""
    return f"sec/{secret_id}/{version}"


class Upstream(msgspec.Struct, frozen=True):
    """A service behind the gateway, and where its secret goes: who x how x where, checked together.

    `base_url` is canonical: lower case, no default port, no final slash.  `secret` is a
    secret's name, or empty; `place` is where it goes, as `places.parse_place` reads it, or empty.  `allow_private`
    lets it live at an address that is not public, `allow_plaintext` lets it be reached without TLS.  `txn_token` says
    that it belongs to the trust domain: each call brings a transaction token.  `limits` are for all calls together, and,
    where they are of one call, for each.  `speaks` is `git`, or `graphql:` and the endpoint's path, where rules name
    operations.
    """

    name: str
    base_url: str
    secret: str = ""
    place: str = ""
    allow_private: bool = False
    allow_plaintext: bool = False
    timeout_seconds: int = 30
    scrub: bool = True
    txn_token: bool = False
    limits: Limits = UNLIMITED
    speaks: str = ""


class Honeytoken(msgspec.Struct, frozen=True):
    """A stand-in for a key that nobody has a reason to use.  `digest` is all that is known of its value."""

    name: str
    digest: bytes
    note: str
    created_at: int
    created_by: str


class StoredUpstream(msgspec.Struct, frozen=True):
    """An upstream as the store keeps it."""

    upstream: Upstream
    version: int
    changed_at: int
    changed_by: str


def place_of(upstream: Upstream) -> tuple[str, int, bool]:
    """Return where an upstream lives: host in lower case, port, and whether it speaks TLS."""
    scheme, _, rest = upstream.base_url.partition("://")
    authority = rest.partition("/")[0]
    host, colon, port = authority.rpartition(":")
    tls = scheme == "https"
    if not colon or authority.endswith("]"):
        return authority.strip("[]"), 443 if tls else 80, tls
    return host.strip("[]"), int(port), tls
