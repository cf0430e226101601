# SPDX-License-Identifier: Apache-2.0
"""What is done with secrets: they go in and never come out."""

from typing import Final

from msgspec import structs

from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_json
from smartagent.kernel import Caller, Clock, Entropy, Secret
from smartagent.keyset import Keyset
from smartagent.vault.elsewhere import parse_source
from smartagent.vault.errors import (
    SecretInUse,
    VersionGone,
    VersionInForce,
)
from smartagent.vault.fitting import check_fits
from smartagent.vault.rules import (
    parse_secret_name,
    parse_secret_value,
)
from smartagent.vault.service import Vault
from smartagent.vault.store import (
    destroy_versions,
    drop_secret,
    secret_changed,
)
from smartagent.vault.views import (
    DestroyRequest,
    RollbackRequest,
    SecretList,
    SecretRequest,
    SourceRequest,
    secret_view,
)
from smartagent.vault.writing import Writer, Written

_JSON: Final = "application/json"


class Secrets:
    """The acts on secrets."""

    def __init__(self, vault: Vault, sealing: Keyset, clock: Clock, entropy: Entropy) -> None:
        self._vault = vault
        self._writer = Writer(vault, sealing, clock, entropy)

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write a version."""
        name = parse_secret_name(inbound.params["name"])
        return self._written(self._writer.put(name, _value_of(inbound), caller.principal, _seen(inbound)))

    async def link(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Say that another store keeps it, and see that it does."""
        name = parse_secret_name(inbound.params["name"])
        source = parse_source(parse_json(inbound.body, SourceRequest).source)
        for value in (await self._vault.look(source))[:1]:
            for user in self._vault.users_of(name):
                check_fits(value, user.place)
        outcome = self._written(self._writer.link(name, source, caller.principal, _seen(inbound)))
        return structs.replace(outcome, detail={**outcome.detail, "source": source})

    async def roll_back(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Make an earlier version the current one."""
        name = inbound.params["name"]
        version = parse_json(inbound.body, RollbackRequest).version
        found = self._vault.open_version(name, version)
        if isinstance(found, str):
            written = self._writer.link(name, found, caller.principal)
        else:
            written = self._writer.put(name, found, caller.principal)
        outcome = self._written(written)
        return structs.replace(outcome, detail={**outcome.detail, "from": version})

    async def destroy(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Forget values for ever."""
        entry = self._vault.secret(inbound.params["name"])
        asked = sorted(set(parse_json(inbound.body, DestroyRequest).versions))
        if entry.version in asked:
            raise VersionInForce(entry.name)
        known = {each.version for each in entry.versions}
        if not asked or not known.issuperset(asked):
            raise VersionGone(f"{entry.name} keeps the versions {', '.join(map(str, sorted(known)))}")
        left = tuple(
            structs.replace(each, sealed=b"", source="") if each.version in asked else each
            for each in entry.versions
        )
        view = secret_view(structs.replace(entry, versions=left), self._vault.users_of(entry.name))
        return Outcome(
            Reply(200, view),
            subject=entry.id,
            target=f"secret/{entry.name}",
            detail={"versions": ",".join(map(str, asked))},
            writes=destroy_versions(entry, asked),
            changes=(secret_changed(entry.name),),
        )

    def _written(self, written: Written) -> Outcome:
        entry = written.entry
        return Outcome(
            Reply(201 if entry.version == 1 else 200, secret_view(entry, self._vault.users_of(entry.name))),
            subject=entry.id,
            target=f"secret/{entry.name}",
            detail={"version": entry.version},
            writes=written.writes,
            changes=written.changes,
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List them."""
        shown = [secret_view(entry, self._vault.users_of(entry.name)) for entry in self._vault.secrets()]
        return Outcome(Reply(200, SecretList(shown)))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show one."""
        entry = self._vault.secret(inbound.params["name"])
        view = secret_view(entry, self._vault.users_of(entry.name))
        return Outcome(Reply(200, view), subject=entry.id, target=f"secret/{entry.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Delete one."""
        entry = self._vault.secret(inbound.params["name"])
        users = self._vault.users_of(entry.name)
        if users:
            raise SecretInUse(entry.name, tuple(user.name for user in users))
        return Outcome(
            Reply(204),
            subject=entry.id,
            target=f"secret/{entry.name}",
            detail={"version": entry.version},
            writes=drop_secret(entry),
            changes=(secret_changed(entry.name),),
        )


def _seen(inbound: Inbound) -> int | None:
    """Read which version the write must follow: `?cas=3`, as Vault calls it; 0 for none."""
    if not inbound.query:
        return None
    name, _, version = inbound.query.partition("=")
    if name != "cas" or not version.isascii() or not version.isdigit():
        raise MalformedRequest("cas is the version that the new one follows; 0 when there must be none")
    return int(version)


def _value_of(inbound: Inbound) -> Secret[bytes]:
    media_type = inbound.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _JSON:
        return Secret(parse_secret_value(parse_json(inbound.body, SecretRequest).value.encode()))
    return Secret(parse_secret_value(inbound.body))
