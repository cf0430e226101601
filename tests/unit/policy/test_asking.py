# SPDX-License-Identifier: Apache-2.0
"""What is forbidden until somebody approves it: an approval stands in for a `forbid`, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.kernel import Caller, CallerKind, Denied, NeedsApproval, Permitted
from smartagent.policy import Book, Call, MalformedPolicy, MalformedRoleFile, McpCall, McpKind
from smartagent.policy.writing import Stamp, written_policy, written_role

ROLE = """
name = "payer"

[[allow]]
scope = "pay"
upstream = "shop"
methods = ["GET", "POST"]
paths = ["/**"]

[[allow]]
scope = "refund"
upstream = "shop"
methods = ["POST"]
paths = ["/refunds"]
ask = "four-eyes"

[[mcp]]
server = "shop"
tools = ["refund"]
[[mcp.arguments]]
path = "amount"
max = 100

[[mcp]]
server = "shop"
tools = ["refund"]
ask = "two-person"
[[mcp.arguments]]
path = "amount"
min = 101
max = 1000
"""
STAMP = Stamp(1, 0, "opr_1")


def book(role=ROLE, **policies):
    stored = [written_policy(name, text, STAMP, allow_broad=True) for name, text in policies.items()]
    return Book(None, roles=[written_role("payer", role, STAMP, allow_broad=True)], policies=stored)


def payer(*scopes, **more):
    scopes = scopes or ("pay", "refund", "mcp:shop")
    return Caller("agt_1", CallerKind.AGENT, role="payer", scopes=frozenset(scopes), **more)


REFUND = Call("shop", "POST", "/refunds")


def test_a_block_that_asks_lets_nothing_through_unseen():
    verdict = book().decide_call(payer(), REFUND)
    assert isinstance(verdict, NeedsApproval)
    assert (verdict.people, verdict.confirm) == (1, False)
    assert "four-eyes" in verdict.reason


def test_another_block_that_allows_the_same_does_not_lift_it():
    assert isinstance(book().decide_call(payer("pay"), REFUND), NeedsApproval)


def test_what_no_block_allows_is_not_asked_about():
    verdict = book().decide_call(payer("mcp:shop"), REFUND)
    assert isinstance(verdict, Denied)
    assert not isinstance(verdict, NeedsApproval)


def test_what_is_not_marked_is_not_asked_about():
    assert isinstance(book().decide_call(payer(), Call("shop", "POST", "/orders")), Permitted)


def test_a_plain_forbid_is_not_lifted_by_any_approval():
    closed = book(closed='forbid (principal, action, resource) when { context.path == "/refunds" };')
    verdict = closed.decide_call(payer(), REFUND)
    assert isinstance(verdict, Denied)
    assert not isinstance(verdict, NeedsApproval)


def test_policies_that_ask_for_different_things_ask_for_all_of_them():
    more = book(own='@ask("confirm") forbid (principal, action == Action::"call", resource);')
    verdict = more.decide_call(payer(), REFUND)
    assert (verdict.confirm, verdict.people) == (True, 1)


def test_whoever_acts_for_another_agent_needs_what_either_role_asks_for():
    strict = ROLE.replace('name = "payer"', 'name = "strict"').replace("four-eyes", "confirm")
    roles = [
        written_role(name, text, STAMP, allow_broad=True)
        for name, text in (("payer", ROLE), ("strict", strict))
    ]
    caller = payer(subject="agt_2", subject_role="strict")
    verdict = Book(None, roles=roles).decide_for_both(caller, REFUND)
    assert (verdict.confirm, verdict.people) == (True, 1)


def test_a_no_of_either_role_stays_a_no():
    strict = 'name = "strict"\n'
    roles = [
        written_role(name, text, STAMP, allow_broad=True)
        for name, text in (("payer", ROLE), ("strict", strict))
    ]
    verdict = Book(None, roles=roles).decide_for_both(payer(subject="agt_2", subject_role="strict"), REFUND)
    assert isinstance(verdict, Denied)
    assert not isinstance(verdict, NeedsApproval)


@pytest.mark.parametrize(
    ("amount", "kind"),
    [(50, Permitted), (100, Permitted), (101, NeedsApproval), (1000, NeedsApproval), (1001, Denied)],
)
def test_a_tool_is_asked_about_for_the_arguments_of_the_block_that_asks(amount, kind):
    asked = McpCall("shop", McpKind.TOOL, "refund", {"amount": amount})
    assert type(book().decide_mcp(payer(), asked)) is kind


def test_a_tool_that_may_be_asked_about_is_told_apart_from_one_that_is_not_there():
    verdict = book().decide_mcp(payer(), McpCall("shop", McpKind.TOOL, "refund"))
    assert isinstance(verdict, NeedsApproval)
    assert not isinstance(book().decide_mcp(payer(), McpCall("shop", McpKind.TOOL, "other")), NeedsApproval)


def test_a_lease_can_be_asked_about_too():
    role = 'name = "payer"\ncredentials = ["db"]\n'
    asks = book(role, asks='@ask("two-person") forbid (principal, action == Action::"lease", resource);')
    verdict = asks.decide_lease(payer("credential:db"), "db")
    assert isinstance(verdict, NeedsApproval)
    assert verdict.people == 2


def test_explain_says_who_is_asked():
    found = book().explain(payer(), REFUND)
    assert found.decision == "ask"
    assert "four-eyes" in found.sentence


@pytest.mark.parametrize(
    "text",
    [
        '@ask("confirm") permit (principal, action, resource);',
        '@ask("nobody") forbid (principal, action, resource);',
        "@ask forbid (principal, action, resource);",
    ],
)
def test_an_ask_that_could_widen_or_that_nobody_can_answer_is_refused(text):
    with pytest.raises(MalformedPolicy, match="@ask"):
        written_policy("own", text, STAMP, allow_broad=True)


def test_a_role_file_with_an_unknown_ask_is_refused_with_its_line():
    with pytest.raises(MalformedRoleFile) as refused:
        written_role("payer", ROLE.replace('"four-eyes"', '"anybody"'), STAMP, allow_broad=True)
    assert refused.value.line == ROLE[: ROLE.index("four-eyes")].count("\n") + 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["GET", "POST"]),
            st.sampled_from(["/a", "/b", "/**"]),
            st.sampled_from([None, "confirm", "four-eyes", "two-person"]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/a", "/b", "/c"]),
)
def test_asking_never_allows_more_than_the_same_rules_without_it(blocks, method, path):
    def role(*, asking):
        return 'name = "payer"\n' + "".join(
            f'\n[[allow]]\nscope = "s"\nupstream = "shop"\nmethods = ["{each}"]\npaths = ["{where}"]\n'
            + (f'ask = "{ask}"\n' if ask and asking else "")
            for each, where, ask in blocks
        )

    call, caller = Call("shop", method, path), payer("s")
    plain = book(role(asking=False)).decide_call(caller, call)
    asked = book(role(asking=True)).decide_call(caller, call)
    asks = {ask for each, where, ask in blocks if ask and each == method and where in {path, "/**"}}
    if not isinstance(plain, Permitted):
        assert type(asked) is Denied
    elif asks:
        assert isinstance(asked, NeedsApproval)
        assert asked.confirm == ("confirm" in asks)
        assert asked.people == (2 if "two-person" in asks else int("four-eyes" in asks))
    else:
        assert isinstance(asked, Permitted)
