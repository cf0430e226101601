# SPDX-License-Identifier: Apache-2.0
"""The chain of custody: all that belongs to a token, nothing else, and only for those who may see it."""

import pytest

from smartagent.audit import CustodyNotFound, LogBehind, LogDamaged
from tests.unit.audit.story import ANN, BOB, OPERATOR, Story


def indexes(document):
    return [entry.index for entry in document.entries]


async def test_a_chain_goes_from_enrolment_to_revocation():
    story = Story()
    first = story.use()
    story.use("bob", "aat_2", "ses_2")
    second = story.use()
    revoked = story.revoke("agt_ann")

    custody = await story.custody()

    assert indexes(custody) == [story.enrolled, story.challenged, story.issued, *first, *second, revoked]
    assert (custody.jti, custody.agent, custody.session) == ("aat_1", "agt_ann", "ses_1")
    assert (custody.begin, custody.count, custody.next) == (0, 8, 0)


@pytest.mark.parametrize("subject", ["agt_ann", "ses_1", "aat_1"])
async def test_whatever_revoked_the_token_is_in_its_chain(subject):
    story = Story()
    for _ in range(200):
        story.use("bob", "aat_2", "ses_2")
    revoked = story.revoke(subject)
    story.revoke("agt_bob")

    assert indexes(await story.custody())[-1] == revoked


async def test_what_was_revoked_before_the_token_was_issued_is_not_in_its_chain():
    story = Story()
    story.revoke("agt_ann")
    story.challenge("ann", "fourth")
    issued = story.issue("ann", "aat_3", "ses_3", "fourth")

    assert indexes(await story.custody("aat_3"))[-1] == issued


async def test_a_challenge_without_a_name_is_the_nearest_before():
    story = Story()
    story.issue("ann", "aat_3", "ses_3", "")

    assert indexes(await story.custody("aat_3"))[1] == story.challenged


async def test_a_token_for_an_oauth_assertion_has_no_challenge():
    story = Story()
    story.store.record(
        "token.issued", caller="agt_ann", jti="aat_3", session="ses_3", detail={"assertion": "short"}
    )

    assert len((await story.custody("aat_3")).entries) == 2


async def test_a_challenge_that_was_dead_by_then_is_not_taken():
    story = Story()
    story.store.append(
        b'{"event":"token.issued","at_ms":1800000060600,"request":"req_x","caller":"agt_ann","jti":"aat_3"}'
    )

    assert len((await story.custody("aat_3")).entries) == 2


async def test_many_uses_come_in_pages_that_together_are_the_chain():
    story = Story()
    for _ in range(700):
        story.use()
    whole = indexes(await story.custody(limit=1000)) + indexes(
        await story.custody(begin=(await story.custody(limit=1000)).next, limit=1000)
    )

    paged, begin = [], 0
    while True:
        page = await story.custody(begin=begin, limit=123)
        paged += indexes(page)
        if not page.next:
            break
        begin = page.next

    assert paged == whole
    assert len(whole) == 1403
    assert page.begin > 0


async def test_uses_far_apart_are_all_found():
    story = Story()
    uses = []
    for _ in range(40):
        uses += story.use()
        story.store.append(*[b'{"event":"noise","at_ms":1,"request":"r"}'] * 300)

    assert indexes(await story.custody())[3:] == uses


async def test_an_agent_sees_its_own_tokens_only():
    story = Story()

    assert (await story.custody(caller=ANN)).jti == "aat_1"
    with pytest.raises(CustodyNotFound) as theirs:
        await story.custody(caller=BOB)
    with pytest.raises(CustodyNotFound) as absent:
        await story.custody("aat_none", caller=BOB)
    assert str(theirs.value) == str(absent.value)


@pytest.mark.parametrize("jti", ["aat_none", "agt_ann", "ses_1", ""])
async def test_what_is_no_token_has_no_custody(jti):
    with pytest.raises(CustodyNotFound):
        await Story().custody(jti)


async def test_a_refused_issuance_begins_no_chain():
    story = Story()
    story.store.append(
        b'{"event":"token.issued","at_ms":1,"request":"r","caller":"agt_ann","jti":"aat_9","decision":"deny"}'
    )

    with pytest.raises(CustodyNotFound):
        await story.custody("aat_9")


async def test_a_cursor_past_the_end_finds_nothing():
    with pytest.raises(CustodyNotFound):
        await Story().custody(begin=10_000)


async def test_a_chain_waits_for_its_receipts():
    story = Story()
    await story.store.settle()
    story.use()

    with pytest.raises(LogBehind):
        await story.custodian().custody("aat_1", OPERATOR, 0, 10)


async def test_a_bundle_that_holds_no_records_is_damage():
    story = Story()
    await story.store.settle()
    entries = story.store.connection.execute(
        "SELECT first, entries FROM log_segment WHERE first = ?", (story.issued,)
    ).fetchone()[1]
    story.store.connection.execute(
        "UPDATE log_segment SET entries = ? WHERE first = ?", (entries[:-1] + b"!", story.issued)
    )

    with pytest.raises(LogDamaged):
        await story.custody()


async def test_a_trail_is_all_about_a_subject_in_pages():
    story = Story()
    for _ in range(300):
        story.use()
        story.use("bob", "aat_2", "ses_2")
    await story.store.settle()

    found, begin = [], 0
    while True:
        page = await story.custodian().trail("agt_ann", ANN, begin, 50)
        found += indexes(page)
        if not page.next:
            break
        begin = page.next

    assert found == [n for n, leaf in enumerate(story.store.leaves) if b"agt_ann" in leaf]
    with pytest.raises(CustodyNotFound):
        await story.custodian().trail("agt_bob", ANN, 0, 50)
