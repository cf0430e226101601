# SPDX-License-Identifier: Apache-2.0
"""From due to retired, and every way it can be interrupted."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.rotation import DAY_SECONDS, Due, RotationFailed, RotationUnreachable
from smartagent.rotation.errors import MalformedRotation
from smartagent.rotation.rules import ATTEMPTS, CLAIM_SECONDS, LONGEST_PAUSE_SECONDS, opens_at, parse_window
from tests.unit.rotation.world import OLD, Outside, RotationWorld


@pytest.fixture(params=[True, False], ids=["we choose", "the outside chooses"])
async def world(request):
    world = await RotationWorld(outside=Outside(chooses=request.param)).start()
    yield world
    world.store.close()


@pytest.fixture
async def ada(world):
    return await world.operator()


def code_of(problem):
    return problem["type"].rpartition(":")[2]


async def until_due(world, days=30):
    world.clock.at += days * DAY_SECONDS
    await world.settle()


async def test_a_secret_is_replaced_when_it_is_due_and_the_old_one_lives_for_the_overlap(world, ada):
    await world.furnish(ada)
    world.clock.at += 30 * DAY_SECONDS - 1
    await world.settle()
    assert (await world.in_force()) == OLD

    world.clock.at += 1
    await world.settle()

    assert (await world.in_force()) != OLD
    assert world.outside.good == {OLD, (await world.in_force())}
    assert [verb for verb in world.outside.verbs if verb != "rehearse"] == ["make", "verify"]
    world.clock.at += 600
    await world.settle()
    assert world.outside.good == {(await world.in_force())}
    assert world.events == [
        "rotation.written", "rotation.begun", "rotation.made", "rotation.verified", "rotation.switched",
        "rotation.finished",
    ]  # fmt: skip


async def test_it_goes_on_for_ever(world, ada):
    await world.furnish(ada)
    seen = set()
    for _ in range(4):
        await until_due(world)
        world.clock.at += 600
        await world.settle()
        assert world.outside.good == {(await world.in_force())}
        seen.add(await world.in_force())
    assert len(seen) == 4


async def test_no_value_stands_in_log_or_views(world, ada):
    await world.furnish(ada)
    await until_due(world)
    values = [OLD, (await world.in_force())]
    log = b"".join(record.encode() for record in world.store.records)
    view = str(await world.shown(ada)).encode()
    assert not [value for value in values if value in log or value in view]


async def test_a_new_value_that_does_not_work_is_taken_back_and_the_old_one_stays(world, ada):
    await world.furnish(ada)
    world.outside.failing["verify"] = [RotationFailed("not-good")]

    await until_due(world)

    assert (await world.in_force()) == OLD
    assert world.outside.good == {OLD}
    view = await world.shown(ada)
    assert (view["phase"], view["failure"]) == ("idle", "not-good")
    assert world.events[-3:-1] == ["rotation.failed", "rotation.undone"]
    await world.rotations.count()
    assert (world.rotations.number_failing, world.rotations.number_overdue) == (1, 0)

    world.clock.at += LONGEST_PAUSE_SECONDS
    await world.settle()
    assert (await world.in_force()) != OLD


async def test_an_outside_that_does_not_answer_is_tried_again_and_then_left_alone(world, ada):
    await world.furnish(ada)
    world.outside.failing["make"] = [RotationUnreachable("timeout")] * ATTEMPTS
    await until_due(world)
    for _ in range(ATTEMPTS):
        world.clock.at += 2**ATTEMPTS
        await world.settle()
    assert (await world.in_force()) == OLD
    assert world.outside.verbs.count("make") == ATTEMPTS
    assert world.outside.verbs[-1] == "undo"
    assert (await world.shown(ada))["failure"] == "timeout"


async def test_what_is_switched_is_never_undone_however_often_retiring_fails(world, ada):
    await world.furnish(ada)
    world.outside.failing["retire"] = [RotationFailed("no")] * 7
    await until_due(world)
    new = await world.in_force()
    for _ in range(9):
        world.clock.at += LONGEST_PAUSE_SECONDS
        await world.settle()
    assert (await world.in_force()) == new
    assert world.outside.good == {new}
    assert "undo" not in world.outside.verbs


class Killed(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("number", range(1, 9))
async def test_a_crash_after_any_commit_loses_nothing_and_leaves_one_key(world, ada, number):
    """The node dies right after its `number`th commit of a rotation; another goes on."""
    await world.furnish(ada)
    counted = itertools.count(1)
    commit = world.store.commit

    async def dying(work):
        committed = await commit(work)
        if next(counted) == number:
            raise Killed
        return committed

    world.store.commit = dying
    died = False
    world.clock.at += 30 * DAY_SECONDS
    try:
        await world.settle()
        world.clock.at += 600
        await world.settle()
    except Killed:
        died = True
    world.store.commit = commit
    heir = world.another_node("two")
    await heir.store.start()
    for _ in range(4):
        world.clock.at += max(600, CLAIM_SECONDS)
        await heir.settle()

    assert died or number > 8
    assert (await heir.in_force()) != OLD
    assert OLD not in world.outside.good
    assert (await heir.in_force()) in world.outside.good
    if world.outside.chooses:
        assert world.outside.good == {(await heir.in_force())}


@pytest.mark.parametrize("verb", ["make", "retire"])
async def test_a_crash_between_the_outside_and_its_commit_is_done_again(world, ada, verb):
    await world.furnish(ada)
    world.outside.after[verb] = [Killed()]
    world.clock.at += 30 * DAY_SECONDS
    with pytest.raises(Killed):
        for _ in range(3):
            await world.settle()
            world.clock.at += 600
    for _ in range(3):
        world.clock.at += 600
        await world.settle()
    assert (await world.in_force()) != OLD
    assert OLD not in world.outside.good


async def test_only_who_has_the_turn_rotates(world, ada):
    await world.furnish(ada)
    world.turn.mine = False
    await until_due(world)
    assert (await world.in_force()) == OLD


async def test_an_operator_rotates_now_and_only_once_at_a_time(world, ada):
    await world.furnish(ada, windows=["mon 02:00-02:01"])
    assert (await ada.call("POST", "/v1/rotations/key/run", {}))[1]["result"] == "begun"
    await world.settle()
    assert (await world.in_force()) != OLD
    status, problem = await ada.call("POST", "/v1/rotations/key/run", {})
    assert (status, code_of(problem)) == (409, "rotation-running")
    status, problem = await ada.call("DELETE", "/v1/rotations/key")
    assert (status, code_of(problem)) == (409, "rotation-running")


async def test_a_dry_run_changes_nothing(world, ada):
    await world.furnish(ada)
    assert (await ada.call("POST", "/v1/rotations/key/run", {"dry_run": True}))[1]["result"] == "ready"
    world.outside.failing["rehearse"] = [RotationFailed("28P01")]
    _, view = await ada.call("POST", "/v1/rotations/key/run", {"dry_run": True})
    assert (view["result"], view["reason"]) == ("failed", "28P01")
    await world.settle()
    assert ((await world.in_force()), world.outside.good) == (OLD, {OLD})


async def test_the_plan_shows_what_is_due_the_most_urgent_first(world, ada):
    await world.furnish(ada)
    now = int(world.clock.now())
    world.others = [Due("agent-key/agt_1", "agent-key", 1, now - 5, overdue=True)]
    _, plan = await ada.call("GET", "/v1/rotation-plan")
    assert [(line["what"], line["overdue"]) for line in plan["due"]] == [
        ("agent-key/agt_1", True),
        ("secret/key", False),
    ]
    world.turn.mine = False
    world.clock.at += 31 * DAY_SECONDS
    await world.rotations.count()
    assert world.rotations.number_overdue == 2


async def test_a_rotation_that_is_off_is_never_due(world, ada):
    await world.furnish(ada, enabled=False)
    await until_due(world, days=400)
    assert (await world.in_force()) == OLD
    await world.rotations.count()
    assert world.rotations.number_overdue == 0


async def test_a_rotation_waits_for_its_window(world, ada):
    # START is a Friday, 08:00 UTC.
    await world.furnish(ada, windows=["sat 22:00-23:00"], jitter_seconds=0)
    await until_due(world, days=30)
    assert (await world.in_force()) == OLD
    for _ in range(8 * 48):
        world.clock.at += 1800
        await world.settle()
        if (await world.in_force()) != OLD:
            break
    assert int(world.clock.now()) // DAY_SECONDS % 7 == 2  # days since a Thursday: a Saturday
    assert 22 * 3600 <= world.clock.now() % DAY_SECONDS < 23 * 3600


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "nothing"}, "kind"),
        ({"secret": "missing"}, "secret"),
        ({"secrets": {"x": "missing"}}, "x"),
        ({"period_seconds": 5}, "period_seconds"),
        ({"jitter_seconds": 20 * DAY_SECONDS}, "jitter_seconds"),
        ({"overlap_seconds": 40 * DAY_SECONDS}, "overlap_seconds"),
        ({"windows": ["25:00-26:00"]}, "windows"),
        ({"windows": ["xyz 02:00-03:00"]}, "windows"),
        ({"windows": ["02:00-02:00"]}, "windows"),
        ({"settings": {"bad": 1}}, "settings.bad"),
        ({"settings": {"a": "b" * 20_000}}, "settings"),
    ],
)
async def test_an_entry_that_is_none_is_refused_with_the_field(world, ada, change, field):
    await ada.call("PUT", "/v1/secrets/key", {"value": "x"})
    body = {"kind": "fake", "secret": "key", "period_seconds": 30 * DAY_SECONDS, **change}
    status, problem = await ada.call("PUT", "/v1/rotations/other", body)
    assert (status, code_of(problem)) == (400, "malformed-rotation")
    assert problem["detail"].startswith(f"{field}:")


async def test_entries_are_changed_listed_and_deleted(world, ada):
    view = await world.furnish(ada)
    assert view["period_seconds"] == 30 * DAY_SECONDS
    body = {"kind": "fake", "secret": "key"}
    status, view = await ada.call("PUT", "/v1/rotations/key", body)
    assert (status, view["version"], view["period_seconds"]) == (200, 2, 90 * DAY_SECONDS)
    assert len((await ada.call("GET", "/v1/rotations"))[1]["rotations"]) == 1
    await ada.call("PUT", "/v1/secrets/other", {"value": "x"})
    assert (await ada.call("PUT", "/v1/rotations/key", body | {"secret": "other"}))[0] == 400
    assert (await ada.call("DELETE", "/v1/rotations/key"))[0] == 204
    assert (await ada.call("GET", "/v1/rotations/key"))[0] == 404


@given(
    st.integers(0, 10**9), st.sets(st.integers(0, 6), min_size=1), st.integers(0, 1439), st.integers(1, 1439)
)
def test_a_window_opens_in_the_future_and_within_a_week(at, days, start, length):
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    end = (start + length) % 1440
    text = f"{','.join(names[day] for day in days)} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    window = parse_window(text)
    opens = opens_at((window,), at)
    assert at <= opens <= at + 8 * DAY_SECONDS
    assert opens_at((window,), opens) == opens


def test_no_window_is_always_open():
    assert opens_at((), 5) == 5


@pytest.mark.parametrize("text", ["", "02:00", "mon", "2:00-3:00", "mon,tue, 02:00-03:00", "24:00-25:00"])
def test_what_is_no_window_is_refused(text):
    with pytest.raises(MalformedRotation):
        parse_window(text)
