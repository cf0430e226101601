# SPDX-License-Identifier: Apache-2.0
"""Directories on a host, as a capability: a signed statement of who may read or write where, until when.

What is signed is what a host's daemon will hold agents to; there is no such daemon yet, so nothing is enforced by this.
The capability is a JWT (EdDSA, `typ` smartagent-files+jwt) that is checked by the authority's key set:

    {"iss", "sub": agent, "aud": host, "iat", "exp", "jti": lease, "sid": session, "role",
     "files": [{"path": "/srv/orders", "read": true, "write": false}]}
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Final

import msgspec

from smartagent.kernel import Secret
from smartagent.leases.backends.reading import grant_of, settings_of, told
from smartagent.leases.errors import CannotNarrow, MalformedCredential, MalformedProvider
from smartagent.leases.model import Credential, Ended, Made, Order, Provider
from smartagent.policy import Item, ResourceKind

TYPE: Final = "smartagent-files+jwt"
MOST_DIRECTORIES: Final = 64
_MAX_PATH: Final = 1024
_NEVER: Final = tuple(map(PurePosixPath, ("/proc", "/sys", "/dev", "/run", "/boot")))
_Host = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$")]


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: _Host


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


class Directory(msgspec.Struct, frozen=True):
    """What may be done in a directory and everything below it."""

    path: str
    read: bool
    write: bool


class _Capability(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str
    iat: int
    exp: int
    jti: str
    sid: str
    role: str
    files: tuple[Directory, ...]


class FilesBackend:
    """Signs capabilities.

    Args:
        issuer: The authority's URL.
        sign: Signs a payload as a JWT of a type.
    """

    kind = "files"
    renewable = False
    narrows = ResourceKind.FILES
    fields = ("capability", "host", "expiration")

    def __init__(self, issuer: str, sign: Callable[[str, bytes], str]) -> None:
        self._issuer = issuer
        self._sign = sign

    def check_provider(self, provider: Provider) -> None:
        """Check an entry.

        Raises:
            MalformedProvider: It names no host, or a secret.
        """
        settings_of(provider, _Settings)
        if provider.secrets:
            raise MalformedProvider("secrets", "none: the authority signs")

    def check_credential(self, provider: Provider, credential: Credential) -> None:  # noqa: ARG002 -- a backend's shape
        """Check a grant.

        Raises:
            MalformedCredential: It grants nothing, everything, or what is no directory of files.
        """
        directories(grant_of(credential.grant, _Grant))

    def narrow(
        self,
        provider: Provider,  # noqa: ARG002 -- a backend's shape
        grant: Mapping[str, object],
        items: Sequence[Item],
    ) -> Mapping[str, object]:
        """Return the directories that are within both, for reading and for writing.

        Raises:
            CannotNarrow: Nothing of it is left.
        """
        held = grant_of(grant, _Grant)
        left = _Grant(_within_both(held.read, items, "READ"), _within_both(held.write, items, "WRITE"))
        if left == _Grant():
            raise CannotNarrow("none of these directories is within the credential's")
        return told(left)

    def handle_of(self, lease_id: str) -> str:
        """Name the capability: its `jti`."""
        return lease_id

    async def issue(self, order: Order) -> Made:
        """Sign the capability."""
        host, files = settings_of(order.provider, _Settings).host, directories(grant_of(order.grant, _Grant))
        claims = _Capability(
            iss=self._issuer,
            sub=order.agent,
            aud=host,
            iat=int(order.now),
            exp=order.expires_at,
            jti=order.lease_id,
            sid=order.session,
            role=order.role,
            files=files,
        )
        fields = {
            "capability": Secret(self._sign(TYPE, msgspec.json.encode(claims))),
            "host": Secret(host),
            "expiration": Secret(str(order.expires_at)),
        }
        return Made(fields, dies_at=order.expires_at, facts={"directories": len(files)})

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """What is signed is not changed."""
        return order.expires_at

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:  # noqa: ARG002 -- a backend's shape
        """Say until when it verifies: nobody on the host is told yet."""
        return Ended(outlives_until=order.expires_at)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Nothing outside is asked."""


def _within_both(held: Sequence[str], items: Sequence[Item], verb: str) -> tuple[str, ...]:
    """Return the deeper one of each two paths of which one is within the other."""
    named = [item.name for item in items if item.verb == verb]
    found = {
        deep
        for mine in held
        for wanted in named
        for deep, wide in ((wanted, mine), (mine, wanted))
        if PurePosixPath(deep).is_relative_to(wide)
    }
    return tuple(sorted(found))


def directories(grant: _Grant) -> tuple[Directory, ...]:
    """Return what a grant comes to, one line for each directory, by path.

    Raises:
        MalformedCredential: It grants nothing, everything, or what is no directory of files.
    """
    paths = sorted({_checked(path) for path in (*grant.read, *grant.write)})
    if not 0 < len(paths) <= MOST_DIRECTORIES:
        raise MalformedCredential(
            "grant", f"read or write at least one directory, at most {MOST_DIRECTORIES}"
        )
    reads, writes = set(grant.read), set(grant.write)
    return tuple(Directory(path, read=path in reads, write=path in writes) for path in paths)


def _checked(raw: str) -> str:
    path = PurePosixPath(raw)
    if not raw.startswith("/") or raw.startswith("//") or str(path) != raw or ".." in path.parts:
        raise MalformedCredential("grant", "absolute paths, with no dots, doubled or final slashes")
    if len(raw) > _MAX_PATH or not raw.isprintable() or any(char in raw for char in "*?[]{}\\"):
        raise MalformedCredential("grant", "plain paths: no patterns, no control characters")
    if len(path.parts) == 1 or any(path.is_relative_to(never) for never in _NEVER):
        raise MalformedCredential("grant", "neither all of the host nor what is not files")
    return raw
