# SPDX-License-Identifier: Apache-2.0
"""An agent replaces its own key; killed anywhere in between it goes on, and who runs meanwhile is not cut off."""

import fcntl
import os

import pytest

from smartagent.crypto import SigningKey, b64u, next_key_message
from smartagent.sdk.agent import Agent, enrol
from smartagent.sdk.client import Means
from smartagent.sdk.exchange import AuthorityRefused, AuthorityUnreachable
from smartagent.sdk.keyfile import Holder, load_key_file, make_key_file, next_key_file, save_key_file
from smartagent.sdk.proofs import next_key_proof
from smartagent.sdk.rekey import rotate_key_file
from tests.unit.identity.world import ISSUER, FakeEntropy, World
from tests.unit.sdk.test_agent import HouseExchange

DAY = 86_400


class Rig:
    """An enrolled agent's machine."""

    def __init__(self, world, path):
        self.world, self.path = world, path
        self.exchange = HouseExchange(world)
        self.means = Means(self.exchange, world.clock, FakeEntropy("agent"))

    async def enrolled(self):
        ada = await self.world.operator()
        token = await ada.enrolment()
        blank = make_key_file(self.path, self.means.entropy)
        save_key_file(self.path, await enrol(blank, ISSUER, token, "bot", means=self.means))
        return self

    @property
    def holder(self):
        return load_key_file(self.path)

    async def rotate(self, **more):
        return await rotate_key_file(self.path, means=self.means, **more)

    def agent(self):
        return Agent(self.holder, gateway="https://gw.example", means=self.means)

    async def is_taken(self, holder):
        try:
            await Agent(Holder(holder.key, holder.issuer, holder.principal), means=self.means).open_session()
        except AuthorityRefused:
            return False
        return True


class Breaking:
    """An exchange that loses one answer, or never sends one request."""

    def __init__(self, exchange, *, answered):
        self._exchange, self._answered = exchange, answered
        self.broken = False

    async def __call__(self, method, url, headers, body, /):
        if url.endswith("/key") and not self.broken:
            self.broken = True
            if self._answered:
                await self._exchange(method, url, headers, body)
            raise AuthorityUnreachable("the connection broke")
        return await self._exchange(method, url, headers, body)

    async def close(self):
        pass


@pytest.fixture
async def rig(tmp_path):
    world = await World().start()
    yield await Rig(world, tmp_path / "agent.key").enrolled()
    world.store.close()


async def test_the_new_key_is_taken_and_the_old_one_is_not_any_more(rig):
    before = rig.holder
    assert await rig.rotate()
    after = rig.holder
    assert (after.principal, after.issuer) == (before.principal, before.issuer)
    assert after.key.public.raw != before.key.public.raw
    assert await rig.is_taken(after)
    assert not await rig.is_taken(before)
    assert rig.path.stat().st_mode & 0o777 == 0o600
    assert not next_key_file(rig.path).exists()
    assert "agent.rekeyed" in [record.event for record in rig.world.store.records]


async def test_a_token_of_the_old_key_lives_until_its_own_end(rig):
    token = await rig.agent().token()
    await rig.rotate()
    caller = await rig.world.tokens.access.by_gateway_token(
        rig.world.inbound("GET", "/x", None, {"authorization": f"Bearer {token}"})
    )
    assert caller.principal == rig.holder.principal


async def test_a_young_key_is_left_alone(rig):
    os.utime(rig.path, (rig.world.clock.at, rig.world.clock.at))
    rig.world.clock.at += 29 * DAY
    assert not await rig.rotate(older_than_days=30)
    rig.world.clock.at += DAY
    assert await rig.rotate(older_than_days=30)


@pytest.mark.parametrize("answered", [True, False], ids=["the answer is lost", "it never arrived"])
async def test_killed_in_between_it_goes_on_where_it_was(rig, answered):
    whole = rig.means
    rig.means = Means(Breaking(rig.exchange, answered=answered), whole.clock, whole.entropy)
    with pytest.raises(AuthorityUnreachable):
        await rig.rotate()
    promised = load_key_file(next_key_file(rig.path))

    rig.means = whole
    assert await rig.rotate(older_than_days=30)
    assert rig.holder.key.public.raw == promised.key.public.raw
    assert await rig.is_taken(rig.holder)


async def test_an_agent_that_runs_takes_the_key_that_its_file_has_by_now(rig):
    running = rig.agent()
    await running.token()
    await rig.rotate()
    rig.world.clock.at += DAY
    assert await running.token()
    assert (await running.open_session()).access_token


async def test_a_key_whose_taking_nobody_heard_of_works_before_anything_is_put_right(rig):
    whole = rig.means
    rig.means = Means(Breaking(rig.exchange, answered=True), whole.clock, whole.entropy)
    with pytest.raises(AuthorityUnreachable):
        await rig.rotate()
    rig.means = whole
    assert (await rig.agent().open_session()).access_token


async def test_who_is_suspended_gets_no_new_key_and_no_other_error(rig):
    ada = await rig.world.operator("Bob")
    body = {"status": "suspended", "reason": "by hand"}
    await ada.call("POST", f"/v1/agents/{rig.holder.principal}/status", body)
    with pytest.raises(AuthorityRefused):
        await rig.rotate()
    with pytest.raises(AuthorityRefused):
        await rig.agent().token()


async def test_while_somebody_else_rotates_nothing_is_done(rig):
    folder = os.open(rig.path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert not await rig.rotate()
    os.close(folder)
    assert await rig.rotate()


class Forger:
    """Somebody who has one of the two keys, or something that was signed before."""

    def __init__(self, rig):
        self.rig, self.key = rig, rig.holder.key
        self.following = SigningKey.generate(FakeEntropy("next"))

    async def nonce(self, purpose="key"):
        body = {"agent": self.rig.holder.principal, "purpose": purpose}
        return (await self.rig.world.call("POST", "/v1/challenges", body))[1]["nonce"]

    async def send(self, nonce=None, **changes):
        agent = self.rig.holder.principal
        nonce = nonce or await self.nonce()
        proof = next_key_proof(self.key, self.following, ISSUER, agent, nonce) | changes
        return (await self.rig.world.call("POST", f"/v1/agents/{agent}/key", proof))[0]


async def test_both_keys_must_sign_this_and_a_nonce_works_once(rig):
    forger = Forger(rig)
    stranger = SigningKey.generate(FakeEntropy("stranger"))
    nonce = await forger.nonce()
    message = next_key_message(ISSUER, rig.holder.principal, nonce, forger.following.public.raw)
    assert await forger.send(nonce, signature=b64u(stranger.sign(message))) == 401
    assert await forger.send(await forger.nonce(), next_signature=b64u(stranger.sign(message))) == 401
    assert await forger.send(await forger.nonce("session")) == 401
    nonce = await forger.nonce()
    assert await forger.send(nonce) == 200
    assert await forger.send(nonce) == 401


async def test_a_key_that_somebody_has_or_had_is_refused(rig):
    forger = Forger(rig)
    forger.following = forger.key
    assert await forger.send() == 409
    first = rig.holder.key
    await rig.rotate()
    forger.key, forger.following = rig.holder.key, first
    assert await forger.send() == 409


async def test_an_operators_purpose_and_an_agents_do_not_mix(rig):
    status, _ = await rig.world.call(
        "POST", "/v1/challenges", {"agent": rig.holder.principal, "purpose": "operator-session"}
    )
    assert status == 400
