# SPDX-License-Identifier: Apache-2.0
"""What every backend holds to, run on the fake and on the real thing.

A test module makes a `Rig` for its kind and calls `ALL` with it:

    @pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
    async def test_it_is_a_backend(rig, check):
        await check(rig)
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import pytest
from msgspec import structs

from smartagent.crypto import SystemClock, system_entropy
from smartagent.kernel import IdPrefix, Ids, Secret
from smartagent.leases import (
    Backend,
    Credential,
    Made,
    MalformedCredential,
    MalformedProvider,
    Order,
    Provider,
)

_IDS = Ids(SystemClock(), system_entropy)


class Rig(Protocol):
    """A backend with somewhere to make credentials."""

    backend: Backend
    provider: Provider
    secrets: Mapping[str, Secret[bytes]]
    grant: Mapping[str, object]

    async def works(self, fields: Mapping[str, Secret[str]]) -> bool:
        """Try the credential for real."""
        ...


def order(rig: Rig, *, seconds: int = 600, lease_id: str = "") -> Order:
    """Order a credential, as a lease does."""
    lease_id = lease_id or _IDS.new(IdPrefix.LEASE)
    now = SystemClock().now()
    return Order(
        lease_id=lease_id,
        handle=rig.backend.handle_of(lease_id),
        provider=rig.provider,
        grant=rig.grant,
        secrets=rig.secrets,
        agent="agt_01k000000000000000000000aa",
        role="tester",
        session="ses_01k000000000000000000000aa",
        expires_at=int(now) + seconds,
        now=now,
    )


def at_the_end(wanted: Order, made: Made) -> Order:
    """Order the end of what was made, as the sweeper does."""
    return structs.replace(wanted, expires_at=made.dies_at) if made.dies_at else wanted


async def makes_what_works_and_names_it(rig: Rig) -> None:
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    try:
        assert await rig.works(made.fields)
        assert set(made.fields) <= set(rig.backend.fields) or not rig.backend.fields
        assert wanted.handle == rig.backend.handle_of(wanted.lease_id)
        shown = repr(made) + str(made.facts)
        told = {value.reveal() for value in made.fields.values()} - {
            str(fact) for fact in made.facts.values()
        }
        assert not [
            value for value in told if len(value) > 12 and value in shown
        ]  # what is short is no secret
        assert "Secret(********)" in shown
    finally:
        await rig.backend.revoke(at_the_end(wanted, made), made.kept)


async def ends_what_it_made_or_says_until_when_it_lives(rig: Rig) -> None:
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    ended = await rig.backend.revoke(at_the_end(wanted, made), made.kept)
    if ended.outlives_until == 0:
        assert not await rig.works(made.fields)
    else:
        assert ended.outlives_until > wanted.now


async def ends_twice_without_an_error(rig: Rig) -> None:
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    last = at_the_end(wanted, made)
    await rig.backend.revoke(last, made.kept)
    await rig.backend.revoke(last, made.kept)


async def ends_what_was_never_made_without_an_error(rig: Rig) -> None:
    await rig.backend.revoke(order(rig), None)


async def renews_what_it_says_can_be_renewed(rig: Rig) -> None:
    if not rig.backend.renewable:
        return
    wanted = order(rig, seconds=60)
    made = await rig.backend.issue(wanted)
    later = structs.replace(wanted, expires_at=wanted.expires_at + 600)
    dies_at = await rig.backend.renew(later, made.kept)
    assert dies_at == 0 or dies_at >= later.expires_at
    assert await rig.works(made.fields)
    await rig.backend.revoke(later, made.kept)


async def keeps_leases_apart(rig: Rig) -> None:
    first, second = order(rig), order(rig)
    one, two = await rig.backend.issue(first), await rig.backend.issue(second)
    await rig.backend.revoke(at_the_end(first, one), one.kept)
    assert await rig.works(two.fields)
    await rig.backend.revoke(at_the_end(second, two), two.kept)


async def answers_a_probe(rig: Rig) -> None:
    await rig.backend.probe(rig.provider, rig.secrets)


async def takes_its_own_entries_and_no_others(rig: Rig) -> None:
    backend, provider = rig.backend, rig.provider
    backend.check_provider(provider)
    backend.check_credential(provider, Credential("c", provider.name, rig.grant))
    with pytest.raises(MalformedProvider):
        backend.check_provider(
            structs.replace(provider, settings={**provider.settings, "no-such-setting": 1})
        )
    with pytest.raises(MalformedCredential):
        grant = {**rig.grant, "no-such-member": 1}
        backend.check_credential(provider, Credential("c", provider.name, grant))


ALL: list[Callable[[Rig], Awaitable[None]]] = [
    makes_what_works_and_names_it,
    ends_what_it_made_or_says_until_when_it_lives,
    ends_twice_without_an_error,
    ends_what_was_never_made_without_an_error,
    renews_what_it_says_can_be_renewed,
    keeps_leases_apart,
    answers_a_probe,
    takes_its_own_entries_and_no_others,
]
