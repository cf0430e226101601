# SPDX-License-Identifier: Apache-2.0
"""The inventory: discovered, pending, active, suspended, retired; who answers, until when, and what is live."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from msgspec import structs

from smartagent.crypto import SigningKey
from smartagent.edge import AuthenticationFailed
from smartagent.governance import Defaults
from smartagent.governance.errors import GovernanceChanged
from smartagent.identity import AgentStatus
from smartagent.identity.errors import TransitionRefused
from smartagent.identity.model import Agent
from smartagent.identity.rules import check_by_hand, check_invited, check_transition
from smartagent.kernel import Decision, Record, Work
from tests.unit.governance.world import GovernanceWorld, caller_of, permitted
from tests.unit.identity.world import AgentActor

DAY = 86_400


async def status(ada, bot, to, reason="test"):
    return await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": to, "reason": reason})


async def terms(ada, agent_id, **said):
    return await ada.call("POST", f"/v1/agents/{agent_id}/terms", said)


async def imported(ada, *references, **more):
    body = {"source": "crm", "agents": [{"reference": each, **more} for each in references]}
    return await ada.call("POST", "/v1/discoveries", body)


async def test_what_was_given_before_a_suspension_is_dead_after_the_agent_is_resumed(world, ada, bot):
    before = await bot.session()
    assert (await status(ada, bot, "suspended"))[0] == 200
    with pytest.raises(AuthenticationFailed):
        caller_of(world, before)
    world.clock.at += 1
    assert (await status(ada, bot, "active"))[0] == 200
    after = await bot.session()
    assert caller_of(world, after).principal == bot.id
    with pytest.raises(AuthenticationFailed):
        caller_of(world, before)


async def test_a_list_from_elsewhere_is_discovered_once(world, ada):
    code, view = await imported(ada, "crm/7", "crm/8", name="Helper")
    assert (code, len(view["discovered"]), view["known"]) == (200, 2, 0)
    code, view = await imported(ada, "crm/8", "crm/9", name="Helper")
    assert (len(view["discovered"]), view["known"]) == (1, 1)
    _, page = await ada.call("GET", "/v1/inventory?status=discovered")
    assert {each["reference"] for each in page["agents"]} == {"crm/7", "crm/8", "crm/9"}
    assert {each["source"] for each in page["agents"]} == {"crm"}
    assert all(each["orphan"] for each in page["agents"])


@pytest.mark.parametrize(
    "agents",
    [[], [{"reference": ""}], [{"reference": "a"}, {"reference": "a"}], [{"reference": "a", "owner": "opr_x"}],
     [{"reference": "a", "name": "\u202e"}], [{"reference": str(number)} for number in range(501)]],
)  # fmt: skip
async def test_a_list_that_is_not_right_is_refused_whole(world, ada, agents):
    code, _ = await ada.call("POST", "/v1/discoveries", {"source": "crm", "agents": agents})
    assert code == 400
    assert (await ada.call("GET", "/v1/inventory"))[1]["agents"] == []


async def test_two_imports_of_the_same_at_once_leave_one(world, ada):
    body = {"source": "crm", "agents": [{"reference": "crm/7"}]}
    outcomes = [
        await world.governance.discovery.take_in(None, world.inbound("POST", "/v1/discoveries", body))
        for _ in range(2)
    ]
    await world.store.commit(_work(outcomes[0]))
    with pytest.raises(GovernanceChanged):
        await world.store.commit(_work(outcomes[1]))


def _work(outcome):
    return Work((), writes=outcome.writes, changes=outcome.changes)


async def test_a_discovered_agent_enrols_by_a_token_for_it_and_keeps_its_id(world, ada):
    _, view = await imported(ada, "crm/7")
    (agent_id,) = view["discovered"]
    token = await ada.enrolment(agent=agent_id)
    assert world.identity.directory.agent(agent_id).status is AgentStatus.PENDING
    lost_and_made_again = await ada.enrolment(agent=agent_id)
    assert token != lost_and_made_again
    actor = AgentActor(world, SigningKey.generate(world.entropy))
    code, enrolled = await world.call("POST", "/v1/agents", actor.enrolment(lost_and_made_again))
    assert (code, enrolled["id"], enrolled["status"]) == (201, agent_id, "active")
    actor.id = agent_id
    await actor.session()
    other = AgentActor(world, SigningKey.generate(world.entropy))
    assert (await world.call("POST", "/v1/agents", other.enrolment(token)))[0] == 409
    assert (await ada.call("POST", "/v1/enrolments", {"role": "order-reader", "agent": agent_id}))[0] == 409


async def test_what_has_no_key_can_be_dismissed_and_nothing_else(world, ada):
    _, view = await imported(ada, "crm/7")
    (agent_id,) = view["discovered"]
    path = f"/v1/agents/{agent_id}/status"
    for to in ("active", "suspended", "pending", "discovered"):
        assert (await ada.call("POST", path, {"status": to, "reason": ""}))[0] == 409
    code, _ = await world.call("POST", "/v1/challenges", {"purpose": "session", "agent": agent_id})
    assert code == 401
    assert (await ada.call("POST", path, {"status": "retired", "reason": ""}))[0] == 200


async def test_an_enrolment_names_an_owner_who_exists(world, ada):
    eve = await world.operator("Eve")
    code, _ = await ada.call("POST", "/v1/enrolments", {"role": "order-reader", "owner": "prs_nobody"})
    assert code == 400
    token = await ada.enrolment(owner=eve.id)
    actor = AgentActor(world, SigningKey.generate(world.entropy))
    _, enrolled = await world.call("POST", "/v1/agents", actor.enrolment(token))
    assert enrolled["owner"] == eve.id


async def test_an_agent_whose_owner_is_unknown_is_an_orphan_and_is_not_resumed(world, ada, bot):
    world.store._connection.execute("UPDATE agents SET owner = 'opr_gone'")
    await world.identity.directory.reload_agents(())
    _, page = await ada.call("GET", "/v1/inventory?orphan=true")
    assert [each["id"] for each in page["agents"]] == [bot.id]
    await status(ada, bot, "suspended")
    assert (await status(ada, bot, "active"))[0] == 400
    assert (await terms(ada, bot.id, owner=ada.id))[1]["owner_name"] == "Ada"
    assert (await status(ada, bot, "active"))[0] == 200
    assert (await ada.call("GET", "/v1/inventory?orphan=true"))[1]["agents"] == []


async def test_an_agent_is_suspended_when_its_time_is_over(world, ada, bot):
    session = await bot.session()
    until = "2027-01-16T00:00:00Z"
    code, line = await terms(ada, bot.id, expires_at=until)
    assert (code, line["expires_at"]) == (200, until)
    await world.pass_time(60)
    assert world.status_of(bot) == "active"
    await world.pass_time(3 * DAY)
    assert world.status_of(bot) == "suspended"
    assert world.last("agent.lapsed").detail["reason"] == "expired"
    assert world.tokens.revocations.revoked_at_ms(bot.id)
    with pytest.raises(AuthenticationFailed):
        caller_of(world, session)


async def test_an_agent_that_nobody_uses_is_suspended_and_one_that_is_used_is_not(world, ada, bot):
    busy = await world.agent(ada)
    for each in (bot, busy):
        await terms(ada, each.id, idle_days=5)
    for _ in range(6):
        await busy.session()
        await world.pass_time(DAY)
    assert (world.status_of(bot), world.status_of(busy)) == ("suspended", "active")
    assert world.last("agent.lapsed").detail["reason"] == "inactive"
    await ada.login()
    assert (await status(ada, bot, "active"))[0] == 200
    await world.pass_time(DAY)
    assert world.status_of(bot) == "active"


async def test_the_house_has_terms_for_agents_without_their_own():
    world = await GovernanceWorld(defaults=Defaults(10 * DAY, 3 * DAY)).start()
    ada = await world.operator()
    bot, exempt = await world.agent(ada), await world.agent(ada)
    await terms(ada, exempt.id, expires_at="never", idle_days=0)
    await world.pass_time(4 * DAY)
    assert (world.status_of(bot), world.status_of(exempt)) == ("suspended", "active")
    await ada.login()
    _, line = await terms(ada, exempt.id, default=["expires_at", "idle_days"])
    assert line["idle_days"] == 3
    await world.pass_time(60)
    assert world.status_of(exempt) == "suspended"
    world.store.close()


async def test_only_an_active_agent_lapses(world, ada, bot):
    await terms(ada, bot.id, expires_at="2027-01-15T08:00:01Z")
    await status(ada, bot, "retired")
    await world.pass_time(DAY)
    assert world.status_of(bot) == "retired"


async def test_without_the_turn_nothing_is_done(world, ada, bot):
    world.turn.mine = False
    await terms(ada, bot.id, expires_at="2027-01-15T08:00:01Z")
    await world.pass_time(DAY)
    assert world.status_of(bot) == "active"


@pytest.mark.parametrize(
    "said",
    [{"expires_at": "soon"}, {"expires_at": "2027-01-15T08:00:01"}, {"idle_days": -1}, {"idle_days": 3651},
     {"default": ["owner"]}, {"owner": "opr_x"}, {"colour": "red"}],
)  # fmt: skip
async def test_terms_that_say_nothing_sound_are_refused(ada, bot, said):
    assert (await terms(ada, bot.id, **said))[0] == 400


async def test_a_retired_agent_has_no_terms_to_change(ada, bot):
    await status(ada, bot, "retired")
    assert (await terms(ada, bot.id, idle_days=1))[0] == 409


async def test_who_calls_and_is_not_registered_is_discovered_once(world, ada):
    def seen(caller, **more):
        return permitted("token.issued", caller, at_ms=int(world.clock.at * 1000), **more)

    refused = Record(event="agent.attested", at_ms=1, request="", caller="ci/deploy", decision=Decision.DENY)
    world.store.append(seen("clt_dynamic"), seen("clt_dynamic"), seen("clt_of_an_operator"), refused)
    world.store.append(seen("https://app.example/client.json"))
    await world.governance.caretaker.step()
    await world.governance.caretaker.step()
    _, page = await ada.call("GET", "/v1/inventory?status=discovered")
    assert sorted((each["source"], each["reference"], each["name"]) for each in page["agents"]) == [
        ("client", "clt_dynamic", "Order desk"),
        ("client", "https://app.example/client.json", "https://app.example/client.json"),
        ("workload", "ci/deploy", "ci/deploy"),
    ]


async def test_all_that_an_agent_could_use_is_in_one_view(world, ada, bot):
    first, second = await bot.session(), await bot.session()
    await bot.session(**{"continue": second["access_token"]})
    await ada.call("POST", "/v1/revocations", {"kind": "session", "id": first["session_id"], "reason": ""})
    _, view = await ada.call("GET", f"/v1/inventory/{bot.id}")
    assert view["tokens"] == 2
    assert [(each["id"], each["tokens"]) for each in view["sessions"]] == [(second["session_id"], 2)]
    assert len(view["keys"]) == 1
    assert view["agent"]["owner_name"] == "Ada"
    await status(ada, bot, "suspended")
    assert (await ada.call("GET", f"/v1/inventory/{bot.id}"))[1]["tokens"] == 0


async def test_the_list_is_filtered_and_paged(world, ada):
    bots = [await world.agent(ada) for _ in range(3)]
    _, first = await ada.call("GET", "/v1/inventory?limit=2")
    _, second = await ada.call("GET", f"/v1/inventory?limit=2&cursor={first['next_cursor']}")
    assert [each["id"] for page in (first, second) for each in page["agents"]] == sorted(
        bot.id for bot in bots
    )
    await world.pass_time(10 * DAY)
    await ada.login()
    await bots[1].session()
    await world.governance.caretaker.step()
    _, unused = await ada.call("GET", "/v1/inventory?unused_days=7&owner=" + ada.id)
    assert {each["id"] for each in unused["agents"]} == {bots[0].id, bots[2].id}
    for query in ("limit=0", "limit=201", "orphan=maybe", "status=odd", "colour=red", "unused_days=x"):
        assert (await ada.call("GET", f"/v1/inventory?{query}"))[0] == 400


class Lives(RuleBasedStateMachine):
    """Whatever is tried, an agent with a key was enrolled, and a retired one stays retired."""

    agents = Bundle("agents")

    def __init__(self):
        super().__init__()
        self.seen = {}

    @rule(target=agents, key=st.booleans())
    def appear(self, key):
        name = f"agt_{len(self.seen)}"
        status = AgentStatus.ACTIVE if key else AgentStatus.DISCOVERED
        self.seen[name] = Agent(name, "bot", "opr_1", "", status, b"k" * 32 if key else b"", 1, 1)
        return name

    @rule(name=agents, to=st.sampled_from(AgentStatus))
    def by_hand(self, name, to):
        self._try(name, to, check_by_hand)

    @rule(name=agents)
    def invite(self, name):
        try:
            check_invited(self.seen[name])
        except TransitionRefused:
            return
        self._become(name, AgentStatus.PENDING)

    @rule(name=agents)
    def enrol(self, name):
        if self.seen[name].status is AgentStatus.PENDING:
            self._become(name, AgentStatus.ACTIVE, b"k" * 32)

    @rule(name=consumes(agents))
    def retire_for_good(self, name):
        if self.seen[name].status is not AgentStatus.RETIRED:
            check_by_hand(self.seen[name], AgentStatus.RETIRED)
            self._become(name, AgentStatus.RETIRED)
        for to in AgentStatus:
            with pytest.raises(TransitionRefused):
                check_transition(self.seen[name], to)

    def _try(self, name, to, check):
        try:
            check(self.seen[name], to)
        except TransitionRefused:
            return
        self._become(name, to)

    def _become(self, name, status, key=None):
        agent = self.seen[name]
        self.seen[name] = structs.replace(agent, status=status, public_key=key or agent.public_key)

    @invariant()
    def only_who_has_a_key_acts(self):
        for agent in self.seen.values():
            if agent.status in {AgentStatus.ACTIVE, AgentStatus.SUSPENDED}:
                assert agent.public_key
            if agent.status in {AgentStatus.DISCOVERED, AgentStatus.PENDING}:
                assert not agent.public_key


LivesTest = Lives.TestCase
LivesTest.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


async def test_agents_are_found_by_a_part_of_their_name_or_the_beginning_of_their_id(world, ada):
    for name in ("Order bot", "order helper", "clerk"):
        await imported(ada, name, name=name)
    _, page = await ada.call("GET", "/v1/inventory?q=ORDER")
    assert [agent["name"] for agent in page["agents"]] == ["Order bot", "order helper"]
    second = page["agents"][1]["id"]
    _, page = await ada.call("GET", f"/v1/inventory?q={second}")
    assert [agent["name"] for agent in page["agents"]] == ["order helper"]
    _, page = await ada.call("GET", f"/v1/inventory?q={second[6:]}")
    assert page["agents"] == []
