# SPDX-License-Identifier: Apache-2.0
"""What a lease comes to when a role narrows its credential, for each kind; and roles that ask for what is not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import system_entropy
from smartagent.leases import CannotNarrow, Provider
from smartagent.leases.backends.aws import AwsBackend
from smartagent.leases.backends.files import FilesBackend
from smartagent.leases.backends.gcp import GcpBackend
from smartagent.leases.backends.mariadb import MariaDbBackend
from smartagent.leases.backends.postgresql import PostgresBackend
from smartagent.leases.backends.ssh import SshBackend
from smartagent.leases.backends.tables import Held, narrow_tables
from smartagent.policy import Item, MalformedRoleFile, ResourceKind, parse_role_file
from tests.unit.leases.world import LeasesWorld

POSTGRES = PostgresBackend(None, system_entropy)
MARIADB = MariaDbBackend(None, system_entropy)
SSH = SshBackend(system_entropy)
AWS = AwsBackend(None)
GCP = GcpBackend(None, None)
FILES = FilesBackend("https://auth.example", None)
SHOP = Provider("shop", "mariadb", {"host": "h", "database": "shop", "user": "broker"})


def items(*written):
    return tuple(Item(*each.split(" ")) for each in written)


def tables(backend, grant, *written):
    return backend.narrow(SHOP, grant, items(*written))["tables"]


ORDERS = {"table": "orders", "privileges": ["SELECT", "INSERT"]}
CUSTOMERS = {"table": "customers", "privileges": ["SELECT"], "columns": ["id", "name"]}
DATABASE = {"tables": [ORDERS, CUSTOMERS], "connection_limit": 3}


@pytest.mark.parametrize("backend", [POSTGRES, MARIADB], ids=["postgresql", "mariadb"])
@pytest.mark.parametrize(
    ("written", "left"),
    [
        (["SELECT orders"], [("orders", ("SELECT",), ())]),
        (["SELECT orders/id", "SELECT orders/total"], [("orders", ("SELECT",), ("id", "total"))]),
        (
            ["SELECT orders", "INSERT orders/id"],
            [("orders", ("SELECT",), ()), ("orders", ("INSERT",), ("id",))],
        ),
        (["SELECT orders/id", "SELECT orders"], [("orders", ("SELECT",), ())]),
        (["SELECT orders", "DELETE orders"], [("orders", ("SELECT",), ())]),
        (["SELECT customers"], [("customers", ("SELECT",), ("id", "name"))]),
        (["SELECT customers/name", "SELECT customers/card"], [("customers", ("SELECT",), ("name",))]),
    ],
)
def test_a_database_login_gets_what_both_name(backend, written, left):
    found = backend.narrow(SHOP, DATABASE, items(*written))
    shown = [(each["table"], tuple(each["privileges"]), tuple(each["columns"])) for each in found["tables"]]
    assert shown == left
    assert found["connection_limit"] == 3


@pytest.mark.parametrize("backend", [POSTGRES, MARIADB], ids=["postgresql", "mariadb"])
@pytest.mark.parametrize(
    "written",
    ["DELETE orders", "SELECT secrets", "SELECT customers/card", "INSERT customers", "SELECT other.orders"],
)
def test_a_database_login_never_gets_more_than_the_credential(backend, written):
    with pytest.raises(CannotNarrow):
        backend.narrow(SHOP, DATABASE, items(written))


def test_schemas_sequences_and_memberships_of_postgresql():
    grant = {
        "tables": [{"table": "orders", "privileges": ["SELECT"], "schema": "sales"}],
        "sequences": [{"sequence": "numbers"}, {"sequence": "others"}],
        "roles": ["readers"],
    }
    found = POSTGRES.narrow(SHOP, grant, items("SELECT sales.orders", "USAGE public.numbers"))
    assert [each["schema"] for each in found["tables"]] == ["sales"]
    assert [each["sequence"] for each in found["sequences"]] == ["numbers"]
    assert found["roles"] == []
    with pytest.raises(CannotNarrow):
        POSTGRES.narrow(SHOP, grant, items("SELECT orders"))
    with pytest.raises(CannotNarrow):
        POSTGRES.narrow(SHOP, {"roles": ["readers"]}, items("SELECT orders"))


def test_a_whole_database_of_mariadb_is_narrowed_to_tables_of_it():
    grant = {"tables": [{"privileges": ["SELECT"], "database": "sales"}]}
    found = tables(MARIADB, grant, "SELECT sales.orders/id")
    assert [(each["database"], each["table"], each["columns"]) for each in found] == [
        ("sales", "orders", ["id"])
    ]
    with pytest.raises(CannotNarrow):
        tables(MARIADB, grant, "SELECT orders")


PLACES = st.sampled_from(["a", "b"])
VERBS = st.sampled_from(["SELECT", "INSERT", "UPDATE"])
HELD = st.lists(
    st.builds(
        lambda table, verbs, columns: Held(("s", table), tuple(sorted(verbs)), tuple(sorted(columns))),
        PLACES,
        st.sets(VERBS, min_size=1),
        st.sets(st.sampled_from(["x", "y"])),
    ),
    max_size=4,
)
NAMED = st.lists(
    st.builds(
        Item, VERBS, st.builds(lambda a, c: f"s.{a}{c}", PLACES, st.sampled_from(["", "/x", "/y", "/z"]))
    )
)


def reached(grants):
    """Say which columns can be used how, of tables with the columns x, y and z."""
    return {
        (verb, each.place, column)
        for each in grants
        for verb in each.privileges
        for column in each.columns or ("x", "y", "z")
    }


@given(HELD, NAMED)
def test_narrowing_is_the_intersection_and_never_widens(held, wanted):
    asked = [
        Held(("s", table.removeprefix("s.")), (item.verb,), (column,) if column else ())
        for item in wanted
        for table, _, column in [item.name.partition("/")]
    ]
    assert reached(narrow_tables(held, wanted, "public")) == reached(held) & reached(asked)


def test_an_ssh_certificate_is_for_the_principals_that_both_name():
    grant = {
        "principals": ["deploy", "root"],
        "force_command": "/bin/deploy",
        "source_addresses": ["10.0.0.0/8"],
    }
    found = SSH.narrow(SHOP, grant, items("LOGIN deploy", "LOGIN admin"))
    assert found == {**grant, "principals": ["deploy"], "extensions": []}
    with pytest.raises(CannotNarrow):
        SSH.narrow(SHOP, grant, items("LOGIN admin"))


def test_a_google_token_has_the_scopes_that_both_name():
    grant = {"service_account": "a@b.iam.gserviceaccount.com", "scopes": ["https://a/x", "https://a/y"]}
    assert GCP.narrow(SHOP, grant, items("SCOPE https://a/x"))["scopes"] == ["https://a/x"]
    with pytest.raises(CannotNarrow):
        GCP.narrow(SHOP, grant, items("SCOPE https://a/z"))


@pytest.mark.parametrize(
    ("written", "left"),
    [
        (["READ /srv/a/deep"], {"read": ["/srv/a/deep"], "write": []}),
        (["READ /srv", "WRITE /srv/b"], {"read": ["/srv/a"], "write": ["/srv/b"]}),
        (["READ /srv/ab", "READ /srv/a"], {"read": ["/srv/a"], "write": []}),
        (["WRITE /srv/b", "READ /srv/b"], {"read": [], "write": ["/srv/b"]}),
    ],
)
def test_a_capability_is_for_the_directories_within_both(written, left):
    assert FILES.narrow(SHOP, {"read": ["/srv/a"], "write": ["/srv/b"]}, items(*written)) == left


@pytest.mark.parametrize("written", ["WRITE /srv/a", "READ /srv/ab", "READ /etc"])
def test_a_capability_never_gets_more_than_the_credential(written):
    with pytest.raises(CannotNarrow):
        FILES.narrow(SHOP, {"read": ["/srv/a"], "write": ["/srv/b"]}, items(written))


READS = {"actions": ["s3:Get*", "s3:ListBucket"], "resources": ["arn:aws:s3:::r/*"]}
WRITES = {
    "actions": ["s3:PutObject"],
    "resources": ["arn:aws:s3:::r/in/?"],
    "conditions": {"Bool": {"x": "true"}},
}


def policy(*written):
    return AWS.narrow(SHOP, {"statements": [READS, WRITES]}, items(*written))["statements"]


def test_an_aws_session_policy_is_what_both_name_under_the_credentials_conditions():
    assert policy("s3:GetObject arn:aws:s3:::r/2026/*", "s3:PutObject arn:aws:s3:::r/in/a") == [
        {"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::r/2026/*"], "conditions": {}},
        {
            "actions": ["s3:PutObject"],
            "resources": ["arn:aws:s3:::r/in/a"],
            "conditions": WRITES["conditions"],
        },
    ]


def test_each_action_keeps_the_resources_it_was_named_with():
    found = policy("s3:GetObject arn:aws:s3:::r/a", "s3:ListBucket arn:aws:s3:::r/b")
    assert [(each["actions"], each["resources"]) for each in found] == [
        (["s3:GetObject"], ["arn:aws:s3:::r/a"]),
        (["s3:ListBucket"], ["arn:aws:s3:::r/b"]),
    ]


@pytest.mark.parametrize(
    "written",
    [
        "s3:PutObject arn:aws:s3:::r/a",
        "s3:* arn:aws:s3:::r/a",
        "s3:GetObject arn:aws:s3:::other/a",
        "s3:GetObject *",
        "s3:PutObject arn:aws:s3:::r/in/*",
        "s3:PutObject arn:aws:s3:::r/in/ab",
        "s3:GetObject arn:aws:s3:::r",
    ],
)
def test_an_aws_session_policy_never_gets_more_than_the_credential(written):
    with pytest.raises(CannotNarrow):
        policy(written)


def test_a_session_policy_that_sts_would_not_take_is_refused():
    with pytest.raises(CannotNarrow, match="2048"):
        policy(*(f"s3:GetObject arn:aws:s3:::r/{number:0>64}" for number in range(40)))


class Narrowable:
    """Gives what the items say and the grant has, so that a test can see it."""

    narrows = ResourceKind.DATABASE

    def narrow(self, provider, grant, wanted):
        left = [item.name for item in wanted if item.name in str(grant.get("table", ""))]
        if not left:
            raise CannotNarrow("it grants no such table")
        return {"table": ",".join(left)}


@pytest.fixture
async def world():
    world = LeasesWorld()
    for name in ("narrows", "narrow"):
        setattr(world.provider, name, getattr(Narrowable(), name))
    yield await world.start()
    world.store.close()


@pytest.fixture
async def ada(world):
    ada = await world.operator()
    await world.furnish(ada)
    return ada


async def test_a_lease_gives_what_the_role_names_and_the_store_says_so(world, ada):
    world.narrowed["leaser", "db"] = items("SELECT orders", "SELECT secrets")
    bot = await world.leaser(ada)
    await bot.lease("db")
    verb, order = world.provider.orders[-1]
    assert (verb, order.grant) == ("issue", {"table": "orders"})
    world.narrowed["leaser", "db"] = ()
    status, problem = await bot.call("POST", "/v1/leases", {"credential": "db"})
    assert (status, problem["type"]) == (403, "urn:smartagent:error:cannot-narrow")


async def test_a_lease_is_not_renewed_when_its_role_narrows_it_otherwise_by_now(world, ada):
    world.narrowed["leaser", "db"] = items("SELECT orders")
    bot = await world.leaser(ada)
    view = await bot.lease("db")
    path = f"/v1/leases/{view['lease_id']}/renew"
    assert (await bot.call("POST", path, {}))[0] == 200
    world.narrowed["leaser", "db"] = items("SELECT order")
    assert (await bot.call("POST", path, {}))[0] == 403


BLOCK = '[[database]]\ncredential = "{}"\ntables = ["{}"]\nprivileges = ["select"]\n'


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (BLOCK.format("nothing", "orders"), 3, "nothing"),
        (BLOCK.format("db", "secrets"), 3, "SELECT secrets: it grants no such table"),
        (BLOCK.format("db", "orders") + BLOCK.format("db", "secrets"), 7, "SELECT secrets"),
        (BLOCK.format("key", "orders"), 3, "what secret gives cannot be narrowed"),
        ('[[files]]\ncredential = "db"\nread = ["/srv"]\n', 3, "narrowed by a [[database]] block"),
    ],
)
async def test_a_role_that_narrows_what_is_not_there_is_refused_with_line_and_reason(
    world, ada, text, line, why
):
    text = f'name = "x"\n\n{text}'
    with pytest.raises(MalformedRoleFile) as caught:
        world.leases.narrowing.check(parse_role_file(text), text)
    assert caught.value.line == line
    assert why in str(caught.value)


async def test_a_role_that_fits_is_taken(world, ada):
    text = 'name = "x"\n' + BLOCK.format("db", "orders")
    world.leases.narrowing.check(parse_role_file(text), text)
