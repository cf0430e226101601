# SPDX-License-Identifier: Apache-2.0
"""Drafts: whether they can be read, how they differ, and what they would have decided; and what uses secrets."""

import json

import pytest

from smartagent.console.drafts import MOST_PAGES, MOST_SHIFTS, Draft, complaint, lines_of, replayed
from smartagent.console.errors import VerbRefused
from smartagent.console.model_secrets import Due, McpServer, Provider, Rotation, SecretEntry
from smartagent.console.pages.secrets import Users, by_month, uses_of
from smartagent.console.rendering import seen

ROLE, POLICY = Draft("roles", "cook", 'name = "cook"'), Draft("policies", "harsh", "forbid ...")
SHIFT = {
    "agent": "agt_1",
    "role": "cook",
    "upstream": "shop",
    "method": "GET",
    "path": "/x",
    "was": "permit",
    "becomes": "deny",
    "now": "permit",
    "by": "no rule",
    "calls": 2,
}


class Past:
    """The verb that replays, over so many pages of the log."""

    def __init__(self, pages=1, shifts=1, refusal=None):
        self.pages, self.shifts, self.refusal = pages, shifts, refusal
        self.asked = []

    async def fetch(self, method, target, body=None):
        self.asked.append((method, target, body))
        if self.refusal is not None:
            raise self.refusal
        more = len(self.asked) if len(self.asked) < self.pages else 0
        page = {"next": more, "decided": 5, "unreplayable": 1, "left_out": 1, "shifts": [SHIFT] * self.shifts}
        return json.dumps(page).encode()


async def test_a_draft_that_can_be_read_has_nothing_wrong_with_it():
    past = Past()
    assert await complaint(past, ROLE, 100) == ""
    assert past.asked == [("POST", "/v1/history/replay", {"roles": [ROLE.text], "since": 100, "cursor": 0})]


async def test_what_is_wrong_with_a_draft_is_said_and_what_is_wrong_otherwise_is_not_hidden():
    assert await complaint(Past(refusal=VerbRefused(400, "line 3")), ROLE, 100) == "line 3"
    with pytest.raises(VerbRefused):
        await complaint(Past(refusal=VerbRefused(403, "no")), ROLE, 100)


async def test_the_past_is_read_page_by_page_and_summed():
    past = Past(pages=3)
    found = await replayed(past, POLICY, 7)
    assert (found.decided, found.unreplayable, found.left_out, len(found.shifts)) == (15, 3, 3, 3)
    assert not found.more
    assert [body["cursor"] for _, _, body in past.asked] == [0, 1, 2]
    assert past.asked[0][2]["policies"] == {"harsh": POLICY.text}


async def test_no_more_of_the_past_is_read_or_shown_than_a_page_can_hold():
    past = Past(pages=1000, shifts=10)
    found = await replayed(past, ROLE, 7)
    assert len(past.asked) == MOST_PAGES
    assert found.more
    assert len(found.shifts) == MOST_SHIFTS
    assert found.left_out == MOST_PAGES + (MOST_PAGES * 10 - MOST_SHIFTS) * 2


def test_a_diff_says_of_each_line_whether_it_comes_or_goes():
    assert lines_of("a\nb", "a\nc") == [
        ("place", "@@ -1,2 +1,2 @@"),
        ("", " a"),
        ("goes", "-b"),
        ("comes", "+c"),
    ]
    assert lines_of("a", "a") == []


def test_a_text_of_several_lines_keeps_them_and_hides_nothing_else():
    assert seen("a\n\tb\u202e<x>") == "a\n    b[U+202E]&lt;x&gt;"


def test_what_uses_a_secret_is_said_by_what_it_is():
    secret = SecretEntry("key", 1, [], ["shop"])
    rotation = Rotation("r", "k", "key", {"admin": "other"}, 1, True, "idle", "", "", "")
    helper = Rotation("s", "k", "other", {"admin": "key"}, 1, True, "idle", "", "", "")
    provider = Provider("db", {"password": "key"})
    servers = [McpServer("tickets", "key"), McpServer("files", "")]
    assert uses_of(secret, Users([rotation, helper], [provider, Provider("other")], servers)) == [
        ("upstream", "shop"),
        ("provider", "db"),
        ("rotation", "s"),
        ("MCP server", "tickets"),
    ]


def test_what_is_due_stands_in_its_month_the_nearest_first():
    def due(at):
        return Due("x", "k", "", at, False, "idle", "")

    months = by_month(
        [due("2027-03-02T00:00:00Z"), due("2027-01-02T00:00:00Z"), due(""), due("2027-03-01T00:00:00Z")]
    )
    assert [(month, [each.due_at[8:10] for each in lines]) for month, lines in months] == [
        ("2027-01", ["02"]),
        ("2027-03", ["01", "02"]),
    ]
