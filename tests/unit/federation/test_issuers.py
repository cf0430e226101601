# SPDX-License-Identifier: Apache-2.0
"""Whom the house trusts: written, shown, changed, refused and removed, through the pipeline."""

import pytest
from msgspec import structs

from smartagent.federation import IssuerChanged, IssuerKind, StoredIssuer
from smartagent.federation.store import put_issuer, read_issuers
from smartagent.federation.views import IssuerRequest, entry_of
from smartagent.kernel import Work
from tests.unit.federation.fakes import OUTSIDE, RSA, ec_key, ed_key
from tests.unit.federation.world import RULE
from tests.unit.identity.world import ISSUER

PATH = "/v1/trusted-issuers/idp"


async def put(ada, path=PATH, **entry):
    return await ada.call("PUT", path, {"issuer": OUTSIDE, "rules": [RULE]} | entry)


async def test_an_issuer_is_written_shown_changed_and_removed(world, ada):
    status, view = await put(ada)
    assert status == 201
    assert view == {
        "name": "idp",
        "issuer": OUTSIDE,
        "kind": "oidc",
        "purposes": ["workload"],
        "audiences": [ISSUER],
        "algorithms": ["RS256"],
        "rules": [RULE],
        "keys": "discovered",
        "max_life_seconds": 3600,
        "allow_broad": False,
        "version": 1,
        "changed_at": "2027-01-15T08:00:00Z",
        "changed_by": ada.id,
    }
    record = world.store.records[-1]
    assert (record.event, record.target, record.caller) == (
        "trusted-issuer.written",
        "trusted-issuer/idp",
        ada.id,
    )
    assert record.detail == {"issuer": OUTSIDE, "purposes": "workload", "version": 1, "allow_broad": 0}
    assert await ada.call("GET", PATH) == (200, view)
    status, changed = await put(
        ada, purposes=["person", "id-jag"], rules=[], jwks_uri="https://idp.example/k"
    )
    assert (status, changed["version"], changed["keys"]) == (200, 2, "https://idp.example/k")
    assert await ada.call("GET", "/v1/trusted-issuers") == (200, {"trusted_issuers": [changed]})
    assert (await ada.call("DELETE", PATH))[0] == 204
    assert world.store.records[-1].detail == {"issuer": OUTSIDE, "version": 2}
    assert await ada.call("GET", "/v1/trusted-issuers") == (200, {"trusted_issuers": []})
    for method in ("GET", "DELETE"):
        status, problem = await ada.call(method, PATH)
        assert (status, problem["type"].rpartition(":")[2]) == (404, "trusted-issuer-not-found")


async def test_only_an_operator_decides_whom_to_trust(world, ada):
    bot = await world.agent(ada)
    token = (await bot.session())["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    for method, path in (("PUT", PATH), ("GET", PATH), ("DELETE", PATH), ("GET", "/v1/trusted-issuers")):
        assert (await world.call(method, path, {"issuer": OUTSIDE} if method == "PUT" else None, headers))[
            0
        ] == 403
        assert (await world.call(method, path))[0] == 401


def test_what_a_kind_leaves_out_is_filled_in():
    github = entry_of("ci", IssuerRequest(kind=IssuerKind.GITHUB_ACTIONS), ISSUER)
    assert github.issuer == "https://token.actions.githubusercontent.com"
    assert (github.algorithms, github.audiences) == (("RS256",), (ISSUER,))
    cluster = entry_of(
        "k8s", IssuerRequest(kind=IssuerKind.KUBERNETES, algorithms=["ES256", "ES256"]), ISSUER
    )
    assert cluster.algorithms == ("ES256",)


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"issuer": ""}, "issuer"),
        ({"issuer": "a\nb"}, "issuer"),
        ({"issuer": " https://idp.example"}, "issuer"),
        ({"issuer": "x" * 513}, "issuer"),
        ({"issuer": ISSUER}, "issuer"),
        ({"issuer": ISSUER + "/"}, "issuer"),
        ({"issuer": "kubernetes"}, "issuer"),
        ({"issuer": "http://idp.example"}, "issuer"),
        ({"issuer": "https://idp.example/?a=b"}, "issuer"),
        ({"issuer": "https://2130706433/"}, "issuer"),
        ({"jwks_uri": "http://idp.example/k"}, "jwks_uri"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"jwks_uri": "https://idp.example/k", "jwks": {"keys": [RSA.public.jwk()]}}, "jwks_uri"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}, "jwks"),
        ({"jwks": {"keys": [RSA.public.jwk()] * 33}}, "jwks"),
        ({"purposes": []}, "purposes"),
        ({"purposes": ["workload", "workload"]}, "purposes"),
        ({"audiences": ["a"] * 9}, "audiences"),
        ({"audiences": [""]}, "audiences"),
        ({"audiences": ["a\nb"]}, "audiences"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": ["RS256", "PS256"]}, "algorithms"),
        ({"max_life_seconds": 59}, "max_life_seconds"),
        ({"max_life_seconds": 86_401}, "max_life_seconds"),
        ({"rules": []}, "rules"),
        ({"rules": [RULE] * 33}, "rules"),
        ({"rules": [{"claims": {"team": "a"}}]}, "rules"),
        ({"rules": [RULE, {"claims": {"team": "a"}, "role": "nobody"}]}, "rules"),
        ({"rules": [{"claims": {"team": "a*"}, "role": "order-reader"}]}, "rules"),
        ({"rules": [{"claims": {"": "a"}, "role": "order-reader"}]}, "rules"),
        ({"rules": [{"claims": {f"c{n}": "a" for n in range(17)}, "role": "order-reader"}]}, "rules"),
    ],
)
async def test_an_entry_that_does_not_say_whom_to_trust_names_its_field(world, ada, entry, field):
    status, problem = await put(ada, **entry)
    assert (status, problem["type"].rpartition(":")[2]) == (400, "malformed-trusted-issuer")
    assert problem["detail"].startswith(field + ":")
    assert world.federation.issuers() == []


@pytest.mark.parametrize(
    "entry", [{"kind": "aws"}, {"purposes": ["all"]}, {"rules": [{"role": "x"}]}, {"nobody": 1}]
)
async def test_a_body_of_another_shape_is_malformed(ada, entry):
    status, problem = await put(ada, **entry)
    assert (status, problem["type"].rpartition(":")[2]) == (400, "malformed-request")


@pytest.mark.parametrize("name", ["-a", "a-", "A", "a.b", "a" * 64, "a%20b"])
async def test_a_name_is_a_plain_word(ada, name):
    status, problem = await put(ada, f"/v1/trusted-issuers/{name}")
    assert (status, problem["detail"].partition(":")[0]) == (400, "name")


@pytest.mark.parametrize(
    "entry",
    [
        {"rules": [{"claims": {}, "role": "order-reader"}]},
        {"rules": [RULE, {"claims": {"sub": "*"}, "role": "order-reader"}]},
        {"kind": "kubernetes"},
        {
            "kind": "github-actions",
            "rules": [{"claims": {"repository": "acme/shop"}, "role": "order-reader"}],
        },
        {"purposes": ["person"], "rules": [{"claims": {}}]},
    ],
)
async def test_a_rule_that_trusts_everybody_needs_the_operators_word(world, ada, entry):
    status, problem = await put(ada, **entry)
    assert (status, problem["type"].rpartition(":")[2]) == (400, "trusts-everybody")
    assert "allow_broad" in problem["detail"]
    status, view = await put(ada, **entry, allow_broad=True)
    assert (status, view["allow_broad"]) == (201, True)
    assert world.store.records[-1].detail["allow_broad"] == 1


async def test_one_issuer_is_trusted_by_one_entry(world, ada):
    await put(ada)
    status, problem = await put(ada, "/v1/trusted-issuers/again")
    assert (status, problem["type"].rpartition(":")[2]) == (409, "trusted-issuer-taken")
    # Also when two nodes decide at once: the store has the last word.
    entry = world.federation.stored("idp").issuer
    twin = StoredIssuer(structs.replace(entry, name="twin"), 1, 0, "")
    with pytest.raises(IssuerChanged):
        await world.store.commit(Work((), writes=(put_issuer(twin),)))


async def test_who_comes_second_looks_again(world, ada):
    await put(ada)
    seen = world.federation.stored("idp")
    await put(ada, audiences=["a"])
    late = StoredIssuer(seen.issuer, seen.version + 1, 0, "opr_2")
    with pytest.raises(IssuerChanged):
        await world.store.commit(Work((), writes=(put_issuer(late),)))


async def test_of_given_keys_only_the_public_part_is_kept(world, ada):
    ed, ec = ed_key().public, ec_key().public
    private = {**RSA.public.jwk(), "d": "c2VjcmV0LXBhcnQ", "kid": "leaked"}
    given = [
        private,
        {**ed.jwk(), "kid": "ed", "alg": "Ed25519", "x5c": ["junk"]},
        {**ec.jwk(), "kid": "ec", "use": "sig", "key_ops": ["verify"]},
        {"kty": "oct", "k": "c2VjcmV0LXBhcnQ"},
    ]
    status, view = await put(ada, jwks={"keys": given, "note": "x"}, issuer="spiffe://acme.example")
    assert (status, view["keys"]) == (201, "given (2)")
    (stored,) = await read_issuers(world.store)
    assert stored.issuer.jwks == (
        {**ed.jwk(), "kid": "ed", "alg": "Ed25519"},
        {**ec.jwk(), "kid": "ec", "alg": "ES256"},
    )


async def test_an_entry_that_cannot_be_read_is_not_trusted_and_spoils_no_other(world, ada):
    await put(ada)
    await put(ada, "/v1/trusted-issuers/other", issuer="https://other.example")
    world.store._connection.execute("UPDATE trusted_issuers SET entry = '{}' WHERE name = 'idp'")
    await world.federation.reload([])
    assert [stored.issuer.name for stored in world.federation.issuers()] == ["other"]
    assert world.federation.issuer(OUTSIDE) is None
