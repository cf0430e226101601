# SPDX-License-Identifier: Apache-2.0
"""Drafts are asked, and are not in force."""

import pytest
from msgspec import structs

from smartagent.kernel import Denied, Permitted
from smartagent.policy import MalformedPolicy, MalformedRoleFile, drafted, no_rules
from smartagent.policy.store import put_policy
from tests.unit.policy.fakes import agent, book_of, policy, role
from tests.unit.policy.test_book import GET_SEVEN, NO_SEVEN, READER


async def test_a_draft_stands_in_for_the_rules_of_its_name_and_leaves_the_book_alone(store):
    book = await book_of(store, role(READER))

    closed = drafted(book, [], {"closed": NO_SEVEN})
    narrow = drafted(book, [READER.replace("/orders/**", "/orders/8")], {})

    assert isinstance(closed.decide_call(agent(), GET_SEVEN), Denied)
    assert isinstance(narrow.decide_call(agent(), GET_SEVEN), Denied)
    assert isinstance(book.decide_call(agent(), GET_SEVEN), Permitted)


async def test_a_draft_on_a_draft_keeps_both(store):
    book = drafted(drafted(no_rules(), [READER], {}), [], {"closed": NO_SEVEN})

    assert book.decide_call(agent(), GET_SEVEN).rules == ("policy/closed/1",)


async def test_every_reading_is_another_edition(store):
    book = await book_of(store, role(READER))
    editions = [book.edition]
    for reload in (book.reload_policies, book.reload_roles):
        await reload(["x"])
        editions.append(book.edition)

    assert len(set(editions)) == 3


async def test_a_policy_that_was_read_once_is_read_again_when_it_changes(store):
    book = await book_of(store, role(READER), policy("closed", NO_SEVEN))
    assert isinstance(book.decide_call(agent(), GET_SEVEN), Denied)

    store.apply(put_policy(policy("closed", NO_SEVEN.replace("/7", "/8"), version=2)))
    await book.reload_policies([])

    assert isinstance(book.decide_call(agent(), GET_SEVEN), Permitted)


async def test_who_acts_for_another_may_do_what_both_may(store):
    other = READER.replace("order-reader", "other").replace("/orders/**", "/orders/8")
    book = await book_of(store, role(READER), role(other))

    assert isinstance(book.decide_for_both(agent(), GET_SEVEN), Permitted)
    assert isinstance(book.decide_for_both(structs.replace(agent(), subject_role="other"), GET_SEVEN), Denied)


@pytest.mark.parametrize(
    ("roles", "policies", "error"),
    [(["name = 7"], {}, MalformedRoleFile), ([], {"x": "permit"}, MalformedPolicy)],
)
def test_what_is_no_draft_is_refused(roles, policies, error):
    with pytest.raises(error):
        drafted(no_rules(), roles, policies)
