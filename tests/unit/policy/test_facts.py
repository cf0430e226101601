# SPDX-License-Identifier: Apache-2.0
"""What policies ask of a call's circumstances: told truly, remembered no longer than it holds, never guessed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from smartagent.kernel import Denied, Permitted, Standing
from smartagent.policy import Book, Call, Given, GrantsEverything, MalformedPolicy, MalformedRoleFile
from smartagent.policy.facts import FACTS
from smartagent.policy.hours import parse_window
from tests.unit.policy.fakes import agent, policy, role
from tests.unit.policy.test_book import READER

CALL = Call("orders", "GET", "/orders/1")
OFFICE = "Mon-Fri 08:00-18:00 Europe/Berlin"
FULL = structs.replace(
    agent(),
    session_at=1_000,
    authn="challenge",
    binding="bearer",
    standing="normal",
    labels=frozenset({"untrusted-content"}),
    budget=40,
)
KNOWN_WITHOUT_LOOKING = {"weekday", "minute", "hours", "delegation_depth", "acting_for"}


class Clock:
    def __init__(self, at=1_000_000_000):
        self.at = at

    def now(self):
        return self.at


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def book_with(*conditions, clock=None, text=READER):
    rules = [
        policy(f"p{number}", f"forbid(principal, action, resource) unless {{ {each} }};")
        for number, each in enumerate(conditions)
    ]
    return Book(None, clock=clock or Clock(), roles=[role(text)], policies=rules)


def allows(book, caller=FULL, call=CALL):
    return isinstance(book.decide_call(caller, call), Permitted)


@pytest.mark.parametrize(
    ("condition", "caller", "allowed"),
    [
        ("context.session_age <= 60", structs.replace(FULL, session_at=999_999_940), True),
        ("context.session_age <= 60", structs.replace(FULL, session_at=999_999_939), False),
        ("context.session_age == 0", structs.replace(FULL, session_at=1_000_000_005), True),
        ("context.delegation_depth == 0", FULL, True),
        ("context.delegation_depth == 1", structs.replace(FULL, subject="prs_1"), True),
        ("context.delegation_depth == 3", structs.replace(FULL, subject="prs_1", actors=("a", "b")), True),
        ('context.acting_for == "prs_1"', structs.replace(FULL, subject="prs_1"), True),
        ('context.acting_for == "prs_1"', FULL, False),
        ('!context.labels.contains("untrusted-content")', FULL, False),
        ('!context.labels.contains("reads-private")', FULL, True),
        ('["trusted", "normal"].contains(context.standing)', FULL, True),
        ('["trusted", "normal"].contains(context.standing)', structs.replace(FULL, standing="watched"), False),
        ('context.authn == "challenge"', FULL, True),
        ('context.binding == "dpop"', FULL, False),
        ("context.budget_left >= 40", FULL, True),
        ("context.budget_left > 40", FULL, False),
        # 2001-09-09 01:46:40 UTC was a Sunday.
        ("context.weekday == 7 && context.minute == 106", FULL, True),
    ],
)  # fmt: skip
def test_a_policy_sees_the_circumstances_as_they_are(condition, caller, allowed):
    assert allows(book_with(condition), caller) is allowed


@pytest.mark.parametrize("fact", sorted(FACTS - KNOWN_WITHOUT_LOOKING))
def test_whoever_asks_for_what_is_not_known_is_refused(fact):
    asks = {"labels": 'context.labels.contains("x")', "session_age": "context.session_age > 0"}
    asks |= {"budget_left": "context.budget_left > 0"}
    condition = asks.get(fact, f'context.{fact} == "x"')
    book = book_with(f"{condition} || true")

    verdict = book.decide_call(agent(), CALL)

    assert isinstance(verdict, Denied)
    assert f"{fact} is not known" in verdict.reason
    assert book.lacks(agent()) == (fact,)
    assert isinstance(book.decide_lease(agent(), "db"), Denied)
    assert allows(book)
    assert book.lacks(FULL) == ()


def test_without_a_clock_nobody_knows_the_time_unless_the_caller_says_it():
    book = Book(None, roles=[role(READER)], policies=book_with("context.minute >= 0").policies())

    assert not allows(book)
    assert allows(book, structs.replace(FULL, asked_at=5))


def test_a_judgement_is_remembered_no_longer_than_it_holds():
    clock = Clock(at("2026-01-12T16:59:59"))
    book = book_with(f'context.hours.contains("{OFFICE}")', "context.minute < 1440", clock=clock)
    assert allows(book)
    clock.at += 1
    assert not allows(book)


def test_what_differs_is_judged_anew():
    book = book_with(
        'context.standing == "normal"', '!context.labels.contains("x")',
        'context.authn == "challenge"', 'context.binding == "bearer"', "context.budget_left > 10",
        'context.acting_for == ""', "context.delegation_depth == 0",
    )  # fmt: skip
    assert allows(book)
    for changed in (
        {"standing": "watched"}, {"labels": frozenset("x")}, {"authn": "assertion"}, {"binding": "dpop"},
        {"budget": 10}, {"subject": "prs_1"}, {"actors": ("agt_2",)},
    ):  # fmt: skip
        assert not allows(book, structs.replace(FULL, **changed)), changed
    assert allows(book)


def test_the_age_of_a_session_is_never_remembered():
    clock = Clock()
    book = book_with("context.session_age < 60", clock=clock)
    caller = structs.replace(FULL, session_at=int(clock.at))
    assert allows(book, caller)
    clock.at += 60
    assert not allows(book, caller)


@pytest.mark.parametrize(
    ("window", "instant", "is_open"),
    [
        (OFFICE, "2026-01-12T07:00:00", True),
        (OFFICE, "2026-01-12T06:59:59", False),
        (OFFICE, "2026-01-12T17:00:00", False),
        # In summer the same wall clock is an hour earlier in UTC.
        (OFFICE, "2026-07-13T06:00:00", True),
        (OFFICE, "2026-07-13T16:00:00", False),
        (OFFICE, "2026-01-10T10:00:00", False),
        ("Sat,Sun 22:00-02:00", "2026-01-12T01:59:00", True),
        ("Sat,Sun 22:00-02:00", "2026-01-12T22:30:00", False),
        ("Fri-Mon 00:00-24:00", "2026-01-11T23:59:00", True),
        ("Fri-Mon 00:00-24:00", "2026-01-13T00:00:00", False),
        ("daily 00:00-24:00 UTC", "2026-01-13T00:00:00", True),
        # The night in which the clock goes from two to three, and from three to two.
        ("Sun 02:00-03:00 Europe/Berlin", "2026-03-29T00:59:00", False),
        ("Sun 02:00-03:00 Europe/Berlin", "2026-03-29T01:00:00", False),
        ("Sun 02:00-03:00 Europe/Berlin", "2026-10-25T00:30:00", True),
        ("Sun 02:00-03:00 Europe/Berlin", "2026-10-25T01:30:00", True),
        ("Sun 02:00-03:00 Europe/Berlin", "2026-10-25T02:00:00", False),
    ],
)
def test_a_window_is_open_by_the_clock_on_the_wall(window, instant, is_open):
    assert parse_window(window).is_open(at(instant)) is is_open


@pytest.mark.parametrize(
    "raw",
    ["", "Mon", "Mon 8:00-18:00", "Mon 08:00-25:00", "Mon 08:60-18:00", "Mon 08:00-08:00", "Mon 24:00-08:00",
     "Mon-Tue-Wed 08:00-18:00", "Mo 08:00-18:00", "Mon 08:00-18:00 Europe/Berlyn", "Mon 08:00-18:00 ../etc/passwd"],
)  # fmt: skip
def test_what_is_no_window_is_refused_in_role_files_and_in_policies(raw):
    with pytest.raises(MalformedRoleFile, match=r"line 1, hours\[0\]"):
        role(f'hours = ["{raw}"]\n{READER}')
    with pytest.raises(MalformedPolicy):
        policy("p", f'forbid(principal, action, resource) when {{ context.hours.contains("{raw}") }};')


@pytest.mark.parametrize(
    "condition",
    [
        f'context.hours.containsAny(["{OFFICE}"])',
        "context.hours == []",
        "context.hours.contains(context.path)",
        f'{{a: context}}.a.hours.contains("{OFFICE}")',
        "context has hours",
    ],
)
def test_of_hours_a_policy_can_ask_one_thing_only(condition):
    """A window that nobody looks at would never be open, and what forbids in it would never forbid."""
    with pytest.raises(MalformedPolicy, match=r"hours|set"):
        policy("p", f"forbid(principal, action, resource) when {{ {condition} }};")


def test_the_hours_of_a_role_bound_all_that_it_grants():
    clock = Clock(at("2026-01-12T12:00:00"))
    text = f'hours = ["{OFFICE}", "Sat 10:00-12:00 Europe/Berlin"]\ncredentials = ["db"]\n{READER}'
    book = Book(None, clock=clock, roles=[role(text)])
    caller = agent(scopes=("orders:read", "credential:db"))

    assert allows(book, caller)
    assert isinstance(book.decide_lease(caller, "db"), Permitted)
    clock.at = at("2026-01-12T20:00:00")
    assert not allows(book, caller)
    assert isinstance(book.decide_lease(caller, "db"), Denied)
    nearest = book.explain(caller, CALL).nearest
    assert [(each.name, each.got) for each in nearest.conditions if not each.holds] == [("hours", "closed")]


def test_a_condition_does_not_hide_that_the_rest_is_open():
    for condition in ('context.standing == "trusted"', "context.weekday < 6", "context.session_age < 300"):
        with pytest.raises(GrantsEverything):
            policy("p", f"permit(principal, action, resource) when {{ {condition} }};")


def test_circumstances_can_be_asked_about():
    asked = Given(
        at=datetime(2026, 1, 12, 12, tzinfo=UTC),
        session_age=30,
        delegation_depth=2,
        acting_for="prs_1",
        labels=["x"],
        standing=Standing.TRUSTED,
        authn="assertion",
        binding="dpop",
        budget_left=7,
    )
    book = book_with(
        f'context.hours.contains("{OFFICE}")', "context.session_age == 30", "context.delegation_depth == 2",
        'context.acting_for == "prs_1"', 'context.labels.contains("x")', 'context.standing == "trusted"',
        'context.authn == "assertion"', 'context.binding == "dpop"', "context.budget_left == 7",
    )  # fmt: skip

    assert allows(book, asked.applied_to(agent(), 0))
    assert not allows(book, Given().applied_to(agent(), 5))


CONDITIONS = {
    "context.session_age < 100": lambda caller, now: now - caller.session_at < 100,
    "context.minute < 720": lambda _, now: now % 86_400 // 60 < 720,
    "context.weekday == 1": lambda _, now: datetime.fromtimestamp(now, UTC).isoweekday() == 1,
    'context.hours.contains("Mon,Wed 06:00-20:00")': lambda _, now: (
        datetime.fromtimestamp(now, UTC).isoweekday() in {1, 3}
        and 6 <= datetime.fromtimestamp(now, UTC).hour < 20
    ),
    'context.standing == "trusted"': lambda caller, _: caller.standing == "trusted",
    'context.labels.contains("x")': lambda caller, _: "x" in caller.labels,
    "context.budget_left > 50": lambda caller, _: caller.budget > 50,
    "context.delegation_depth < 2": lambda caller, _: bool(caller.subject) + len(caller.actors) < 2,
    'context.acting_for == "prs_1"': lambda caller, _: caller.subject == "prs_1",
    'context.authn == "challenge"': lambda caller, _: caller.authn == "challenge",
    'context.binding == "dpop"': lambda caller, _: caller.binding == "dpop",
}
CALLERS = st.builds(
    structs.replace,
    st.just(FULL),
    session_at=st.integers(1_767_999_000, 1_768_600_000),
    standing=st.sampled_from(Standing).map(str),
    labels=st.sampled_from([frozenset(), frozenset("x")]),
    budget=st.sampled_from([0, 50, 51, 100]),
    subject=st.sampled_from(["", "prs_1", "prs_2"]),
    actors=st.sampled_from([(), ("agt_2",)]),
    authn=st.sampled_from(["challenge", "assertion"]),
    binding=st.sampled_from(["bearer", "dpop"]),
)


@given(
    st.lists(st.sampled_from(sorted(CONDITIONS)), max_size=4, unique=True),
    st.lists(st.tuples(CALLERS, st.integers(1_768_000_000, 1_768_600_000)), min_size=1, max_size=6),
)
def test_decisions_agree_with_a_small_reference(conditions, asked):
    """One book for all of them: what it remembers must not be told to whom it does not hold for."""
    clock = Clock()
    book = book_with(*conditions, clock=clock)
    for caller, now in [*asked, *asked]:
        clock.at = now
        assert allows(book, caller) is all(CONDITIONS[each](caller, now) for each in conditions)
