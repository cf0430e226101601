# SPDX-License-Identifier: Apache-2.0
"""What operators say of providers, credentials and leases."""

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_json
from smartagent.kernel import Caller, CallerKind, SmartAgentError
from smartagent.leases.catalog.store import (
    credential_changed,
    drop_credential,
    drop_provider,
    provider_changed,
    put_credential,
    put_provider,
)
from smartagent.leases.errors import (
    CredentialNotFound,
    MalformedCredential,
    MalformedLease,
    MalformedProvider,
    ProviderNotFound,
)
from smartagent.leases.means import Means
from smartagent.leases.model import (
    Credential,
    Provider,
    Stamp,
    StoredCredential,
    StoredProvider,
)
from smartagent.leases.registry import Registry
from smartagent.leases.rules import ISSUE_SECONDS, check_credential, check_provider
from smartagent.leases.store import PAGE, Filter, end_by, lease_ending, read_leases
from smartagent.leases.views import (
    AvailableList,
    AvailableView,
    CredentialList,
    CredentialRequest,
    EndRequest,
    EndView,
    LeaseList,
    ProbeView,
    ProviderList,
    ProviderRequest,
    credential_view,
    lease_view,
    provider_view,
)
from smartagent.policy import parse_name

_FILTERS: Final = frozenset(Filter.__struct_fields__)


class Providers:
    """The acts on providers."""

    def __init__(self, means: Means, registry: Registry) -> None:
        self._means = means
        self._registry = registry

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write an entry, checked by what will make credentials there.

        Raises:
            MalformedProvider: It is none, or names a secret that is not in the vault.
        """
        asked = parse_json(inbound.body, ProviderRequest)
        try:
            name = parse_name(inbound.params["name"])
        except ValueError as error:
            raise MalformedProvider("name", str(error)) from None
        provider = Provider(name, asked.kind, asked.settings, asked.secrets)
        check_provider(provider)
        self._registry.backend(provider.kind).check_provider(provider)
        for part, secret in provider.secrets.items():
            if not self._means.secret_exists(secret):
                raise MalformedProvider(f"secrets.{part[:64]}", "there is no such secret in the vault")
        version = 1
        try:
            known = self._registry.provider(name)
        except ProviderNotFound:
            pass
        else:
            version = known.stamp.version + 1
            if known.provider.kind != provider.kind:
                raise MalformedProvider("kind", "leases may live there: make a provider of another name")
        stored = StoredProvider(provider, Stamp(version, int(self._means.clock.now()), caller.principal))
        return Outcome(
            Reply(201 if version == 1 else 200, provider_view(stored)),
            target=f"provider/{name}",
            detail={"version": version, "kind": provider.kind},
            writes=(put_provider(stored),),
            changes=(provider_changed(name),),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List them."""
        return Outcome(Reply(200, ProviderList([provider_view(each) for each in self._registry.providers()])))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show one."""
        stored = self._registry.provider(inbound.params["name"])
        return Outcome(Reply(200, provider_view(stored)), target=f"provider/{stored.provider.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Delete one that nothing comes from any more."""
        name = self._registry.provider(inbound.params["name"]).provider.name
        return Outcome(
            Reply(204),
            target=f"provider/{name}",
            writes=(drop_provider(name),),
            changes=(provider_changed(name),),
        )

    async def probe(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Ask the provider whether credentials could be made."""
        provider = self._registry.provider(inbound.params["name"]).provider
        backend = self._registry.backend(provider.kind)
        view = ProbeView(ok=True, reason="")
        try:
            secrets = await self._registry.secrets_of(provider)
            async with asyncio.timeout(ISSUE_SECONDS):
                await backend.probe(provider, secrets)
        except TimeoutError:
            view = ProbeView(ok=False, reason="timeout")
        except SmartAgentError as error:
            view = ProbeView(ok=False, reason=str(getattr(error, "reason", "")) or error.code)
        return Outcome(
            Reply(200, view),
            target=f"provider/{provider.name}",
            detail={"ok": int(view.ok), "reason": view.reason},
        )


class Credentials:
    """The acts on credentials."""

    def __init__(self, means: Means, registry: Registry) -> None:
        self._means = means
        self._registry = registry

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write an entry, checked by what will make it.

        Raises:
            MalformedCredential: It is none.
            ProviderNotFound: Its provider is not there.
        """
        asked = parse_json(inbound.body, CredentialRequest)
        try:
            name = parse_name(inbound.params["name"])
        except ValueError as error:
            raise MalformedCredential("name", str(error)) from None
        credential = Credential(
            name, asked.provider, asked.grant, asked.ttl_seconds, asked.max_ttl_seconds, asked.env
        )
        provider = self._registry.provider(credential.provider).provider
        backend = self._registry.backend(provider.kind)
        check_credential(credential, backend.fields)
        backend.check_credential(provider, credential)
        try:
            version = self._registry.credential(name).stamp.version + 1
        except CredentialNotFound:
            version = 1
        stored = StoredCredential(credential, Stamp(version, int(self._means.clock.now()), caller.principal))
        return Outcome(
            Reply(201 if version == 1 else 200, credential_view(stored)),
            target=f"credential/{name}",
            detail={"version": version, "provider": credential.provider},
            writes=put_credential(stored),
            changes=(credential_changed(name),),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List them."""
        shown = [credential_view(each) for each in self._registry.credentials()]
        return Outcome(Reply(200, CredentialList(shown)))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show one."""
        stored = self._registry.credential(inbound.params["name"])
        return Outcome(Reply(200, credential_view(stored)), target=f"credential/{stored.credential.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Delete one.  Leases of it live on until they end."""
        name = self._registry.credential(inbound.params["name"]).credential.name
        return Outcome(
            Reply(204),
            target=f"credential/{name}",
            writes=(drop_credential(name),),
            changes=(credential_changed(name),),
        )

    async def available(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List what the caller's role names, their token may have, and is there."""
        shown = []
        granted = set(self._means.granted(caller.role))
        for stored in self._registry.credentials():
            credential = stored.credential
            if credential.name in granted and self._means.allows(caller, credential.name):
                shown.append(
                    AvailableView(
                        credential.name,
                        credential.env,
                        credential.ttl_seconds,
                        credential.max_ttl_seconds,
                        self._registry.renewable(credential),
                    )
                )
        return Outcome(Reply(200, AvailableList(shown)))


class Ledgering:
    """The acts on leases as a whole."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:
        """List leases: an agent's own, or all.

        Raises:
            MalformedRequest: The query asks for something else than the filters.
        """
        asked = dict(parse_qsl(inbound.query, keep_blank_values=True))
        unknown = asked.keys() - _FILTERS
        if unknown:
            raise MalformedRequest(f"leases are filtered by {', '.join(sorted(_FILTERS))}")
        if caller.kind is CallerKind.AGENT:
            asked["agent"] = caller.principal
        found = await read_leases(self._means.database, Filter(**asked))
        now = self._means.clock.now()
        more = found[-1].id if len(found) == PAGE else ""
        return Outcome(Reply(200, LeaseList([lease_view(lease, now=now) for lease in found], more)))

    async def end(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """End all live leases of something.

        Raises:
            MalformedLease: It does not say of what, or why.
        """
        asked = parse_json(inbound.body, EndRequest)
        reason = asked.reason.strip()
        if not asked.value or not reason or not reason.isprintable() or len(reason) > 200:  # noqa: PLR2004 -- a sentence
            raise MalformedLease("say of what, and why, in at most 200 characters")
        now = int(self._means.clock.now())
        return Outcome(
            Reply(202, EndView(asked.by, asked.value)),
            target=f"{asked.by.value}/{asked.value[:128]}",
            detail={"by": asked.by.value, "reason": reason},
            writes=(end_by(asked.by, asked.value, reason, now=now),),
            changes=(lease_ending(asked.value),),
        )
