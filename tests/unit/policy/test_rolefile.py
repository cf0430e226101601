# SPDX-License-Identifier: Apache-2.0
"""Role files: what is read, and that a complaint says where and why."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.kernel import Limits
from smartagent.policy import MalformedRoleFile, Role, parse_role_file
from smartagent.policy.cedar import parse_policies
from smartagent.policy.compile import compile_role, quote
from smartagent.policy.model import Allow

GOOD = """\
name = "order-reader"
description = "Reads orders"
ttl = "15m"
networks = ["10.0.0.0/8", "2001:db8::/32"]
audiences = ["https://reports.example"]

[[allow]]
scope = "orders:read"
upstream = "orders"
methods = ["GET", "HEAD"]
paths = ["/orders/**", "/customers/*"]

[[allow]]
scope = "orders:write"
upstream = "orders"
methods = ["POST"]
paths = ["/orders"]

[limits]
rate = "10/s"
concurrent = 4

[shared_limits]
rate = "100/s"
"""


def test_a_role_file_says_a_role():
    assert parse_role_file(GOOD) == Role(
        name="order-reader",
        description="Reads orders",
        ttl_seconds=900,
        networks=("10.0.0.0/8", "2001:db8::/32"),
        audiences=("https://reports.example",),
        allow=(
            Allow("orders:read", "orders", ("GET", "HEAD"), ("/orders/**", "/customers/*")),
            Allow("orders:write", "orders", ("POST",), ("/orders",)),
        ),
        limits=Limits(rate="10/s", concurrent=4),
        shared_limits=Limits(rate="100/s"),
    )
    assert parse_role_file(GOOD).scopes == ("orders:read", "orders:write")


def test_it_compiles_to_text_that_a_person_can_read():
    assert compile_role(parse_role_file(GOOD)).startswith("""\
// order-reader: Reads orders

@id("role/order-reader/1")
permit (
  principal in Role::"order-reader",
  action == Action::"call",
  resource == Upstream::"orders"
)
when {
  context.scopes.contains("orders:read") &&
  ["GET", "HEAD"].contains(context.method) &&
  (
    (context.path == "/orders" || context.path like "/orders/*") ||
    (context.depth == 2 && context.path like "/customers/*" && !(context.path like "*/"))
  ) &&
  (
    (context.client_ip.isInRange(ip("10.0.0.0/8"))) ||
    (context.client_ip.isInRange(ip("2001:db8::/32")))
  )
};
""")


def test_a_role_needs_only_a_name_and_then_grants_nothing():
    role = parse_role_file('name = "idle"')

    assert (role.ttl_seconds, role.allow, role.scopes) == (900, (), ())
    assert compile_role(role) == ""


@pytest.mark.parametrize(
    ("change", "field", "line", "why"),
    [
        (('ttl = "15m"', "ttl_seconds = 900"), "ttl_seconds", 3, "no such member"),
        (('ttl = "15m"', "ttl = 900"), "ttl", 3, "Expected `str`"),
        (('ttl = "15m"', 'ttl = "900"'), "ttl", 3, "with its unit"),
        (('ttl = "15m"', 'ttl = "61m"'), "ttl", 3, '"1s" to "1h"'),
        (('ttl = "15m"', 'ttl = "0m"'), "ttl", 3, '"1s" to "1h"'),
        (('ttl = "15m"', 'ttl = "-15m"'), "ttl", 3, '"1s" to "1h"'),
        (('"POST"', '"post"'), "allow[1].methods[0]", 16, "upper case"),
        (('"POST"', '"CONNECT"'), "allow[1].methods[0]", 16, "never sends CONNECT"),
        (('"POST"', '"*", "POST"'), "allow[1].methods", 16, "stand alone"),
        (('"POST"', '"POST", "POST"'), "allow[1].methods[1]", 16, "twice"),
        (('["POST"]', "[]"), "allow[1].methods", 16, "allow nothing"),
        (('["POST"]', '"POST"'), "allow[1].methods", 16, "Expected `array`"),
        (('["/orders"]', '["/a/**/b"]'), "allow[1].paths[0]", 17, "only at the end"),
        (('["/orders"]', '["/a;b"]'), "allow[1].paths[0]", 17, "a segment is"),
        (('["/orders"]', '["/a%2Fb"]'), "allow[1].paths[0]", 17, "ever let through"),
        (('["/orders"]', '["/a%c3%a9"]'), "allow[1].paths[0]", 17, "ever let through"),
        (('["/orders"]', "[]"), "allow[1].paths", 17, "allow nothing"),
        (('scope = "orders:write"\n', ""), "allow[1]", 13, "missing required field `scope`"),
        (('scope = "orders:write"', 'scope = "a b"'), "allow[1].scope", 14, "a scope is"),
        (('scope = "orders:write"', 'scop = "a"'), "allow[1].scop", 14, "no such member"),
        (("10.0.0.0/8", "10.0.0.1/8"), "networks[0]", 4, "host bits"),
        (("10.0.0.0/8", "10.0.0.0/33"), "networks[0]", 4, "not a network"),
        (("10.0.0.0/8", "fe80::%eth0/64"), "networks[0]", 4, "no zone"),
        (("https://reports.example", "reports"), "audiences[0]", 5, "absolute URI"),
        (("https://reports.example", "https://x/#y"), "audiences[0]", 5, "without a fragment"),
        (('"order-reader"', '"Order Reader"'), "name", 1, "a name is"),
        (('"order-reader"', '"order-reader\\n"'), "name", 1, "a name is"),
        (("Reads orders", "Reads\\norders"), "description", 2, "one line"),
        (("Reads orders", "x" * 256), "description", 2, "one line"),
        (
            ('paths = ["/orders"]', 'paths = ["/orders"]\noperations = ["git-pull"]'),
            "allow[1].operations[0]",
            18,
            "an operation is",
        ),
        (
            ('paths = ["/orders"]', 'paths = ["/orders"]\ncontent_types = ["JSON"]'),
            "allow[1].content_types[0]",
            18,
            "in lower case",
        ),
        (('"10/s"', '"10"'), "limits.rate", 20, "a whole number of calls and a unit"),
        (("concurrent = 4", "concurrent = -4"), "limits.concurrent", 21, "0 to"),
        (("concurrent = 4", "speed = 4"), "limits.speed", 21, "no such member"),
        (('rate = "100/s"', "total_seconds = 9"), "shared_limits.total_seconds", 24, "of one call"),
    ],
)
def test_a_complaint_says_the_line_the_field_and_why(change, field, line, why):
    with pytest.raises(MalformedRoleFile) as caught:
        parse_role_file(GOOD.replace(*change))

    assert (caught.value.field, caught.value.line) == (field, line)
    assert why in str(caught.value)
    assert str(caught.value).startswith(f"line {line}, {field}: ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = ",
        'name = "a"\nname = "b"',
        "allow = 1",
        'name = "a"\nallow = {}',
        "x = " + "[" * 20_000,
        "a." * 5_000 + "a = 1",
        "\0",
        "\ud800",
        'name = "a"\n#' + "x" * 40_000,
        'name = "a"\n' + '[[allow]]\nscope="s"\nupstream="u"\nmethods=["GET"]\npaths=["/"]\n' * 65,
    ],
)
def test_a_hostile_file_gets_a_clear_error(text):
    with pytest.raises(MalformedRoleFile):
        parse_role_file(text)


@given(st.text(max_size=200))
def test_any_text_is_a_role_or_a_clear_error(text):
    with suppress(MalformedRoleFile):
        parse_role_file(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_text_leaves_its_quotes(text):
    cedar = f'forbid (principal, action, resource == Upstream::"u") when {{ context.path == {quote(text)} }};'

    policies = parse_policies(cedar, "p", by_hand=False)

    assert len(policies) == 1
    path = {".": {"left": {"Var": "context"}, "attr": "path"}}
    assert policies["p/1"].est["conditions"] == [
        {"kind": "when", "body": {"==": {"left": path, "right": {"Value": text}}}}
    ]


def test_a_description_cannot_leave_its_comment():
    role = parse_role_file(GOOD.replace("Reads orders", "*/ permit(principal,action,resource); //"))

    assert len(parse_policies(compile_role(role), "role/x", by_hand=False)) == 2
