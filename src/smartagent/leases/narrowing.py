# SPDX-License-Identifier: Apache-2.0
"""Credentials that a role narrows: what a lease gives then, and whether a role file asks for what can be given.

The credential's entry stays the ceiling: it may shrink after the role was written, and a lease never gives more than
both say at that instant.
"""

from collections.abc import Mapping, Sequence

from smartagent.leases.errors import CannotNarrow, LeaseError
from smartagent.leases.model import Credential, Provider
from smartagent.leases.ports import Narrows
from smartagent.leases.registry import Registry
from smartagent.policy import Item, MalformedRoleFile, ResourceAllow, ResourceKind, Role, line_of


class Narrowing:
    """Knows what credentials come to for roles that narrow them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def grant_of(self, credential: Credential, items: Sequence[Item] | None) -> Mapping[str, object]:
        """Return what a lease of `credential` gives when a role narrows it to `items`; None: all of it.

        Raises:
            CannotNarrow: Nothing is left, or its kind cannot be narrowed.
            ProviderNotFound: Its provider is gone.
        """
        if items is None:
            return credential.grant
        if not items:
            raise CannotNarrow(f"nothing that the role names of {credential.name} is allowed")
        provider, backend = self._behind(credential)
        return backend.narrow(provider, credential.grant, items)

    def check(self, role: Role, role_file: str) -> None:
        """Refuse a role that narrows what is not there, is of another kind, or never gives so much.

        Args:
            role: As it was read.
            role_file: The same as it was written, for the line in the complaint.

        Raises:
            MalformedRoleFile: It does; names the line.
        """
        lines, seen = role_file.splitlines(), dict.fromkeys(ResourceKind, 0)
        for block in role.resources:
            field = f"{block.kind}[{seen[block.kind]}]"
            seen[block.kind] += 1
            try:
                self._check(block)
            except LeaseError as error:
                reason = f"{block.credential}: {error}" if str(error) else block.credential
                raise MalformedRoleFile(reason, field=field, line=line_of(lines, field)) from error

    def _check(self, block: ResourceAllow) -> None:
        credential = self._registry.credential(block.credential).credential
        provider, backend = self._behind(credential)
        if backend.narrows is not block.kind:
            raise CannotNarrow(f"a {provider.kind} credential is narrowed by a [[{backend.narrows}]] block")
        for item in block.items:
            try:
                backend.narrow(provider, credential.grant, (item,))
            except CannotNarrow as error:
                raise CannotNarrow(f"{item}: {error}") from error

    def _behind(self, credential: Credential) -> tuple[Provider, Narrows]:
        provider = self._registry.provider(credential.provider).provider
        backend = self._registry.backend(provider.kind)
        if not isinstance(backend, Narrows):
            raise CannotNarrow(f"what {provider.kind} gives cannot be narrowed; name it in `credentials`")
        return provider, backend
