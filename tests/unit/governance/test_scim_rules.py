# SPDX-License-Identifier: Apache-2.0
"""SCIM's pure parts: filters, patches, documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.governance.errors import ScimMalformed
from smartagent.governance.scim.answers import parse_query
from smartagent.governance.scim.documents import shown, taken
from smartagent.governance.scim.filters import equal_to, parse_filter
from smartagent.governance.scim.patching import PATCH_OP, patched
from smartagent.governance.scim.schemas import GROUPS, USER, USERS

ADA = {
    "id": "prs_1",
    "userName": "Ada@Example.com",
    "externalId": "A-1",
    "active": True,
    "name": {"givenName": "Ada", "familyName": "Lovelace"},
    "emails": [{"value": "ada@work.example", "type": "work"}, {"value": "ada@home.example", "type": "home"}],
}


@pytest.mark.requirement("RFC7644-3.4.2.2")
@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('userName eq "ada@example.com"', True),
        ('USERNAME Eq "ADA@EXAMPLE.COM"', True),
        (f'{USER}:userName eq "ada@example.com"', True),
        ('userName ne "ada@example.com"', False),
        ('userName co "example"', True),
        ('userName sw "ada"', True),
        ('userName ew ".org"', False),
        ('externalId eq "a-1"', False),
        ('externalId eq "A-1"', True),
        ("active eq true", True),
        ('active eq "False"', False),
        ("title pr", False),
        ("name.givenName pr", True),
        ('name.familyName eq "lovelace"', True),
        ('emails eq "ada@home.example"', True),
        ('emails.type eq "other"', False),
        ('userName sw "bob" or externalId eq "A-1"', True),
        ('userName sw "ada" and active eq false', False),
        ('userName sw "bob" and active eq true or externalId eq "A-1"', True),
        ('userName sw "ada" or userName sw "x" and active eq false', True),
        ('(userName sw "ada" or userName sw "x") and active eq false', False),
        ('not (userName sw "bob")', True),
    ],
)
def test_a_filter_means_what_rfc_7644_says(text, holds):
    assert parse_filter(text)(ADA) is holds


@pytest.mark.requirement("RFC7644-3.4.2.2")
@pytest.mark.parametrize(
    "text",
    ["", "userName", "userName eq", 'userName like "x"', '(userName eq "x"', 'userName eq "x") ', "userName eq x",
     'userName eq "x" and', 'not userName eq "x"', "(" * 40 + 'a eq "x"' + ")" * 40, 'a eq "' + "x" * 2000 + '"',
     'userName eq "x', "userName eq {}", "userName gt 5"],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_refused(text):
    with pytest.raises(ScimMalformed):
        parse_filter(text)


@given(st.text(max_size=60))
def test_whatever_is_sent_as_a_filter_is_read_or_refused(text):
    try:
        parse_filter(text)(ADA)
    except ScimMalformed:
        return


def test_one_comparison_names_what_is_looked_up():
    assert equal_to('userName eq "Ada"') == ("username", "Ada")
    assert equal_to('userName eq "Ada" or active eq true') is None
    assert equal_to("active eq true") is None


def op(op, path=None, value=None):
    said = {"op": op}
    if path is not None:
        said["path"] = path
    if value is not None:
        said["value"] = value
    return said


def after_patch(document, *operations, schema=USERS):
    return patched(document, {"schemas": [PATCH_OP], "Operations": list(operations)}, schema)


PERSON = {name: value for name, value in ADA.items() if name != "id"}


@pytest.mark.requirement("RFC7644-3.5.2")
@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        (op("replace", "active", False), {"active": False}),
        (op("Replace", "active", "False"), {"active": False}),
        (op("replace", None, {"active": False, "title": "x"}), {"active": False}),
        (
            op("replace", None, {"name.givenName": "A"}),
            {"name": {"givenName": "A", "familyName": "Lovelace"}},
        ),
        (op("replace", f"{USER}:displayName", "A"), {"displayName": "A"}),
        (op("add", "name", {"formatted": "A L"}), {"name": {**ADA["name"], "formatted": "A L"}}),
        (op("remove", "name.familyName"), {"name": {"givenName": "Ada"}}),
        (op("remove", 'emails[type eq "home"]'), {"emails": ADA["emails"][:1]}),
        (
            op("replace", 'emails[type eq "work"].value', "new@work.example"),
            {"emails": [{"value": "new@work.example", "type": "work"}, ADA["emails"][1]]},
        ),
        (op("add", "emails", [ADA["emails"][0]]), {}),
        (op("add", "emails", {"value": "x@y.z"}), {"emails": [*ADA["emails"], {"value": "x@y.z"}]}),
        (op("replace", "urn:example:other:title", "x"), {}),
        (op("replace", "title", "x"), {}),
    ],
)
def test_an_operation_changes_what_it_names_and_nothing_else(operation, changed):
    before = dict(PERSON)
    assert after_patch(PERSON, operation) == {**PERSON, **changed}
    assert before == PERSON


def test_what_is_removed_is_gone():
    assert "emails" not in after_patch(PERSON, op("remove", "emails"))
    assert "externalId" not in after_patch(PERSON, op("remove", "externalId"))
    assert "emails" not in after_patch(PERSON, op("replace", "emails", []))


@pytest.mark.parametrize(
    "operation",
    [op("remove", "userName"), op("remove"), op("move", "active", True), op("replace", "active", "maybe"),
     op("replace", "emails[", 1), op("replace", 'emails[type eq "other"].value', "x"), op("add", None, 5),
     op("replace", 5, True), op("replace", 'name[givenName eq "Ada"]', {}), op("replace", "userName", 5), "no",
     op("replace", "userName", "x" * 600)],
)  # fmt: skip
def test_an_operation_that_makes_no_sense_is_refused(operation):
    with pytest.raises(ScimMalformed):
        after_patch(PERSON, operation)


@pytest.mark.parametrize("body", [{}, {"schemas": [PATCH_OP]}, {"schemas": [PATCH_OP], "Operations": []}])
def test_a_patch_says_that_it_is_one(body):
    with pytest.raises(ScimMalformed):
        patched(PERSON, body, USERS)


def test_members_come_and_go_by_their_id():
    group = {"displayName": "Ops", "members": [{"value": "prs_1"}, {"value": "prs_2"}]}
    added = after_patch(group, op("add", "members", [{"value": "prs_2"}, {"value": "prs_3"}]), schema=GROUPS)
    assert [each["value"] for each in added["members"]] == ["prs_1", "prs_2", "prs_3"]
    gone = after_patch(added, op("remove", 'members[value eq "prs_1"]'), schema=GROUPS)
    assert [each["value"] for each in gone["members"]] == ["prs_2", "prs_3"]
    listed = after_patch(gone, op("remove", "members", [{"value": "prs_3"}]), schema=GROUPS)
    assert [each["value"] for each in listed["members"]] == ["prs_2"]


@pytest.mark.requirement("RFC7643-2.1")
def test_what_is_kept_has_the_names_of_the_schema_and_nothing_unknown():
    body = {
        "schemas": [USER],
        "USERNAME": "ada",
        "Active": "true",
        "password": "x",
        "name": {"GivenName": "A"},
    }
    assert taken(body, USERS) == {"userName": "ada", "active": True, "name": {"givenName": "A"}}


@pytest.mark.parametrize(
    "body",
    [{"userName": "x"}, {"schemas": [USER]}, {"schemas": [USER], "userName": ""}, {"schemas": USER, "userName": "x"},
     {"schemas": [USER], "userName": "x", "username": "y"}, {"schemas": [USER], "userName": "x", "emails": ["y"]},
     {"schemas": [USER], "userName": "x", "emails": [{"value": "y"}] * 101}],
)  # fmt: skip
def test_a_body_that_is_no_user_is_refused(body):
    with pytest.raises(ScimMalformed):
        taken(body, USERS)


@pytest.mark.requirement("RFC7644-3.9")
def test_what_is_asked_for_is_shown_and_its_id_always():
    assert set(shown(ADA, "userName,name.givenName", "")) == {"id", "userName", "name"}
    assert set(shown(ADA, "", "emails,id")) == set(ADA) - {"emails"}


@pytest.mark.requirement("RFC7644-3.4.2.4")
def test_a_list_begins_at_one_and_is_bounded():
    query = parse_query("startIndex=-3&count=100000&filter=active+eq+true")
    assert (query.start, query.count, query.filter) == (1, 200, "active eq true")
    for wrong in ("count=x", "colour=red"):
        with pytest.raises(ScimMalformed):
            parse_query(wrong)
