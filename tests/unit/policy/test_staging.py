# SPDX-License-Identifier: Apache-2.0
"""Staged texts: the way that they take, whom they decide about, and what is counted."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from smartagent.kernel import Committed, Denied, Ids, Permitted
from smartagent.policy import (
    Book,
    Call,
    MalformedPolicy,
    McpCall,
    McpKind,
    NothingStaged,
    PolicyChanged,
    RuleKind,
    StageNotPossible,
    Telling,
)
from smartagent.policy.staged.model import Stage, Staged, check_step
from smartagent.policy.staged.shifts import MOST_GROUPS, Counter, Shift
from smartagent.policy.staged.store import put_staged, read_shifts, staged_rules
from tests.unit.policy.fakes import NOW, FakeClock, agent, body_of, policy, role
from tests.unit.policy.test_book import NO_SEVEN, READER
from tests.unit.policy.test_routes import ask, desk
from tests.unit.policy.test_versions import do

STAGED = "/v1/policies/{name}/staged"
STEP = "/v1/policies/{name}/staged/stage"
SEVEN, EIGHT = Call("orders", "GET", "/orders/7"), Call("orders", "GET", "/orders/8")
STEPS = [
    (Stage.DRAFT, Stage.SHADOW),
    (Stage.SHADOW, Stage.DRAFT),
    (Stage.SHADOW, Stage.CANARY),
    (Stage.CANARY, Stage.DRAFT),
    (Stage.CANARY, Stage.SHADOW),
    (Stage.CANARY, Stage.CANARY),
    (Stage.CANARY, Stage.ON),
]


def staged(stage=Stage.SHADOW, percent=0, text=NO_SEVEN, name="closed", **more):
    given = {"kind": RuleKind.POLICY, "base": 0, "revision": 1} | more
    return Staged(
        name=name,
        text=text,
        allow_broad=0,
        stage=stage,
        percent=percent,
        reason="",
        changed_at=NOW,
        changed_by="opr_1",
        **given,
    )


async def trying(store, what, *stored):
    book, table = await desk(store, *(stored or (role(READER),)))
    store.apply(put_staged(what))
    await book.reload_staged([what.label])
    return book, table


async def act(store, book, table, route, body=b""):
    outcome = await do(store, book, table, route, body, "closed")
    await book.reload_staged([change.key for change in outcome.changes if change.topic == "staged-rules"])
    return outcome


@pytest.mark.parametrize(
    ("now", "to"), list(itertools.product([Stage.DRAFT, Stage.SHADOW, Stage.CANARY], Stage))
)
def test_only_the_steps_that_are_drawn_can_be_taken(now, to):
    percent = 20 if to is Stage.CANARY else 0
    if (now, to) in STEPS:
        assert check_step(now, to, percent) == percent
    else:
        with pytest.raises(StageNotPossible, match=f"from {now.value} it goes to"):
            check_step(now, to, percent)


@pytest.mark.parametrize(("to", "percent"), [(Stage.CANARY, 0), (Stage.CANARY, 101), (Stage.SHADOW, 5)])
def test_a_percentage_belongs_to_a_canary_and_to_nothing_else(to, percent):
    with pytest.raises(StageNotPossible):
        check_step(Stage.CANARY, to, percent)


async def test_a_text_goes_from_a_draft_into_force(store):
    book, table = await desk(store, role(READER))

    await act(store, book, table, ("PUT", STAGED), {"text": NO_SEVEN, "reason": "seven is closed"})
    assert isinstance(book.decide_call(agent(), SEVEN), Permitted)
    await act(store, book, table, ("POST", STEP), {"to": "shadow"})
    assert isinstance(book.decide_call(agent(), SEVEN), Permitted)
    await act(store, book, table, ("POST", STEP), {"to": "canary", "percent": 100})
    assert book.decide_call(agent(), SEVEN).rules == ("policy/closed@staged/1",)
    on = await act(store, book, table, ("POST", STEP), {"to": "on", "reason": "it is right"})

    assert book.decide_call(agent(), SEVEN).rules == ("policy/closed/1",)
    assert (book.policy("closed").version, book.staged(RuleKind.POLICY, "closed")) == (1, None)
    assert on.detail | {"digest": ""} == {
        "stage": "on",
        "percent": 0,
        "base": 0,
        "digest": "",
        "reason": "it is right",
        "from": "canary",
        "version": 1,
    }
    with pytest.raises(NothingStaged):
        await ask(table, "GET", STAGED, name="closed")


async def test_a_step_back_is_always_possible_and_takes_effect_at_once(store):
    book, table = await trying(store, staged(Stage.CANARY, 100))
    assert isinstance(book.decide_call(agent(), SEVEN), Denied)

    await act(store, book, table, ("POST", STEP), {"to": "shadow"})

    assert isinstance(book.decide_call(agent(), SEVEN), Permitted)


async def test_a_shadow_changes_nothing_and_what_differs_is_counted(store):
    book, _ = await trying(store, staged())

    for call in (SEVEN, SEVEN, EIGHT):
        assert isinstance(book.decide_call(agent(), call), Permitted)

    (tried,) = book.tried.take()
    assert (tried.rule, tried.decided) == ("policy/closed", 3)
    (shift,) = tried.shifts
    assert shift[2:] == ("order-reader", "orders", "GET", "permit", "deny", "policy/closed@staged/1")
    assert tried.shifts[shift] == 2
    assert book.tried.take() == []


async def test_what_a_canary_decides_is_compared_with_what_is_in_force(store):
    book, _ = await trying(store, staged(Stage.CANARY, 100))

    assert isinstance(book.decide_call(agent(), SEVEN), Denied)

    (tried,) = book.tried.take()
    assert [(shift.was, shift.becomes) for shift in tried.shifts] == [("permit", "deny")]


def test_a_canary_takes_its_share_and_five_percent_are_among_twenty():
    agents = [f"agt_{number}" for number in range(4000)]
    five, twenty = (
        {each for each in agents if staged(Stage.CANARY, percent).takes(each)} for percent in (5, 20)
    )
    other = {each for each in agents if staged(Stage.CANARY, 5, name="other").takes(each)}

    assert five < twenty
    assert 140 < len(five) < 260
    assert 680 < len(twenty) < 920
    assert five != other
    assert all(staged(Stage.CANARY, 100).takes(each) for each in agents)
    assert not any(staged(stage, 100).takes(each) for stage in (Stage.DRAFT, Stage.SHADOW) for each in agents)


async def test_a_canary_decides_about_its_own_agents_alone_on_every_node(store):
    what = staged(Stage.CANARY, 20)
    (book, _), (other, _) = await trying(store, what), await desk(store)
    await other.reload_staged(())
    await other.reload_roles(())

    for number in range(60):
        caller = agent(name=f"agt_{number}")
        verdict = book.decide_call(caller, SEVEN)
        assert isinstance(verdict, Denied) is what.takes(caller.principal)
        assert type(other.decide_call(caller, SEVEN)) is type(verdict)


async def test_a_staged_role_stands_in_for_its_role_only(store):
    wider = READER.replace('methods = ["GET"]', 'methods = ["GET", "DELETE"]')
    what = staged(Stage.CANARY, 100, wider, "order-reader", kind=RuleKind.ROLE, base=1)
    other = READER.replace("order-reader", "other")
    book, _ = await trying(store, what, role(READER), role(other))
    deleting = Call("orders", "DELETE", "/orders/7")

    assert book.decide_call(agent(), deleting).rules == ("role/order-reader@staged/1",)
    assert isinstance(book.decide_call(agent(role="other"), deleting), Denied)


async def test_the_role_of_whom_an_agent_acts_for_is_that_agents_canary(store):
    what = staged(Stage.CANARY, 20)
    book, _ = await trying(store, what)
    names = [f"agt_{number}" for number in range(60)]
    inside = next(name for name in names if what.takes(name))
    outside = next(name for name in names if not what.takes(name))

    for actor, subject in itertools.product((inside, outside), repeat=2):
        caller = structs.replace(agent(name=actor), subject=subject, subject_role="order-reader")
        refused = isinstance(book.decide_for_both(caller, SEVEN), Denied)
        assert refused is (inside in {actor, subject})


async def test_a_staged_text_rests_on_the_version_that_it_was_made_for(store):
    """What is changed in a hurry holds for everybody, whatever is being tried."""
    book, table = await trying(store, staged(Stage.CANARY, 100, text="permit(principal, action, resource);"))
    everything = Call("orders", "DELETE", "/everything")
    assert isinstance(book.decide_call(agent(), everything), Permitted)

    await do(store, book, table, ("PUT", "/v1/policies/{name}"), {"cedar": NO_SEVEN}, "closed")

    assert isinstance(book.decide_call(agent(), everything), Denied)
    assert isinstance(book.decide_call(agent(), SEVEN), Denied)
    assert body_of(await ask(table, "GET", STAGED, name="closed"))["outdated"] is True
    for step in ({"to": "shadow"}, {"to": "canary", "percent": 5}, {"to": "on"}):
        with pytest.raises(PolicyChanged):
            await ask(table, "POST", STEP, step, name="closed")


async def test_a_canary_that_cannot_be_read_refuses_and_a_shadow_changes_nothing(store):
    book, _ = await trying(store, staged(Stage.CANARY, 100, text="permit(nonsense"))
    verdict = book.decide_call(agent(), EIGHT)
    assert isinstance(verdict, Denied)
    assert "policy/closed cannot be read" in verdict.reason
    assert book.explain(agent(), EIGHT).decision == "deny"

    store.execute(staged_rules.update().values(stage="shadow", percent=0))
    await book.reload_staged(["policy/closed"])
    assert isinstance(book.decide_call(agent(), EIGHT), Permitted)


async def test_an_error_while_a_canary_is_evaluated_is_a_refusal(store):
    text = "permit(principal, action, resource) when { context.depth + 9223372036854775807 > 0 };"
    book, _ = await trying(store, staged(Stage.CANARY, 100, text=text))

    verdict = book.decide_call(agent(), EIGHT)

    assert isinstance(verdict, Denied)
    assert "could not be evaluated" in verdict.reason


async def test_leases_and_mcp_servers_are_tried_too(store):
    book, _ = await trying(store, staged(Stage.CANARY, 100, text="forbid(principal, action, resource);"))

    lease = book.decide_lease(agent(), "db")
    tool = book.decide_mcp(agent(), McpCall("files", McpKind.TOOL, "read"))

    assert lease.rules == tool.rules == ("policy/closed@staged/1",)


async def test_explain_says_which_staged_text_decides(store):
    book, _ = await trying(store, staged(Stage.CANARY, 100))

    assert book.explain(agent(), SEVEN).staged == "policy/closed"
    store.execute(staged_rules.update().values(stage="shadow", percent=0))
    await book.reload_staged(())
    assert book.explain(agent(), SEVEN).staged == ""


async def test_a_text_that_is_tried_is_not_replaced_by_another(store):
    book, table = await trying(store, staged())

    with pytest.raises(StageNotPossible, match="is tried"):
        await ask(table, "PUT", STAGED, {"text": NO_SEVEN}, name="closed")
    await act(store, book, table, ("POST", STEP), {"to": "draft"})
    await act(store, book, table, ("PUT", STAGED), {"text": NO_SEVEN + "\n"})
    assert book.staged(RuleKind.POLICY, "closed").text == NO_SEVEN + "\n"
    await act(store, book, table, ("DELETE", STAGED))
    assert book.all_staged() == []


async def test_a_text_that_is_no_policy_is_not_stored(store):
    _, table = await desk(store)

    with pytest.raises(MalformedPolicy):
        await ask(table, "PUT", STAGED, {"text": "permit(nonsense"}, name="closed")


async def test_of_two_who_take_a_step_at_once_one_does(store):
    book, table = await trying(store, staged())
    first, second = [
        await ask(table, "POST", STEP, {"to": "canary", "percent": number}, name="closed")
        for number in (5, 100)
    ]
    store.apply(*first.writes)

    with pytest.raises(PolicyChanged):
        store.apply(*second.writes)
    assert book.staged(RuleKind.POLICY, "closed").stage is Stage.SHADOW


class FakeLedger:
    def __init__(self, store):
        self._store = store
        self.records = []
        self.broken = False

    async def commit(self, work):
        if self.broken:
            raise PolicyChanged("closed")
        self._store.apply(*work.writes)
        self.records += work.records
        return Committed(0, 0)


async def test_what_was_counted_is_added_up_over_nodes_and_shown(store):
    (book, table), (other, _) = await trying(store, staged()), await desk(store)
    await other.reload_staged(())
    await other.reload_roles(())
    ledger = FakeLedger(store)
    ids = Ids(FakeClock(), bytes)

    for node in (book, other):
        node.decide_call(agent(), SEVEN)
        await Telling(node, store, ledger, FakeClock(), ids).tell()

    shown = body_of(await ask(table, "GET", STAGED, name="closed"))
    assert [(shift["method"], shift["becomes"], shift["calls"]) for shift in shown["shifts"]] == [
        ("GET", "deny", 2)
    ]
    assert [(record.event, record.target, record.detail["otherwise"]) for record in ledger.records] == [
        ("rule.tried", "policy/closed", 1)
    ] * 2


async def test_what_cannot_be_written_down_is_counted_again(store):
    book, _ = await trying(store, staged())
    ledger = FakeLedger(store)
    ledger.broken = True
    telling = Telling(book, store, ledger, FakeClock(), Ids(FakeClock(), bytes))
    book.decide_call(agent(), SEVEN)
    await telling.tell()
    book.decide_call(agent(), SEVEN)
    ledger.broken = False
    await telling.tell()

    found = await read_shifts(store, "policy/closed", staged().digest)
    assert list(found.values()) == [2]


def test_however_many_groups_there_are_a_bounded_number_is_kept_apart():
    counter = Counter()
    for number in range(MOST_GROUPS + 50):
        counter.decided("policy/x", "d")
        counter.shifted(Shift("policy/x", "d", "r", f"u{number}", "GET", "permit", "deny", "x"))

    (tried,) = counter.take()
    assert len(tried.shifts) == MOST_GROUPS + 1
    assert sum(tried.shifts.values()) == tried.decided == MOST_GROUPS + 50


PATHS = [f"/orders/{number}" for number in range(4)]


class Holding:
    """A database in which one text is staged."""

    def __init__(self, what):
        self._row = structs.astuple(what)

    async def fetch(self, statement, parameters=None):
        return [self._row]


def closing(paths):
    return "\n".join(
        f'forbid(principal, action, resource) when {{ context.path == "{path}" }};' for path in paths
    )


@given(
    st.sets(st.sampled_from(PATHS), min_size=1),
    st.sets(st.sampled_from(PATHS), min_size=1),
    st.sampled_from([(Stage.DRAFT, 0), (Stage.SHADOW, 0), (Stage.CANARY, 30), (Stage.CANARY, 100)]),
    st.sampled_from([1, 2]),
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(PATHS)), min_size=1, max_size=8),
)
def test_decisions_agree_with_a_small_reference(present, following, stage, base, asked):
    what = staged(*stage, text=closing(following), base=base)
    book = Book(Holding(what), roles=[role(READER)], policies=[policy("closed", closing(present))])
    asyncio.run(book.reload_staged(()))
    differing = 0
    for number, path in asked:
        takes = base == 1 and what.takes(f"agt_{number}")
        verdict = book.decide_call(agent(name=f"agt_{number}"), Call("orders", "GET", path))
        assert isinstance(verdict, Denied) is (path in (following if takes else present))
        differing += (path in present) is not (path in following)
    counted = sum(sum(tried.shifts.values()) for tried in book.tried.take())
    assert counted == (differing if base == 1 and stage[0] is not Stage.DRAFT else 0)
