# SPDX-License-Identifier: Apache-2.0
"""Capabilities over directories: what is signed is what was granted, for one host, one agent, and no longer."""

import jwt
import pytest

from smartagent.crypto import SystemClock, generate_signer, sign_compact, system_entropy
from smartagent.kernel import Algorithm
from smartagent.leases import Credential, MalformedCredential, MalformedProvider, Provider
from smartagent.leases.backends.files import TYPE, FilesBackend
from tests.backends.conformance import ALL, order

KEY = generate_signer(Algorithm.EDDSA, system_entropy)
ISSUER = "https://auth.example"


class Rig:
    """A host that checks capabilities as its daemon will."""

    def __init__(self):
        self.backend = FilesBackend(
            ISSUER, lambda typ, payload: sign_compact({"alg": "EdDSA", "typ": typ}, payload, KEY)
        )
        self.provider = Provider("web-1", "files", {"host": "web-1.example"})
        self.secrets = {}
        self.grant = {"read": ["/srv/orders", "/srv/out"], "write": ["/srv/out"]}

    def checked(self, capability):
        assert jwt.get_unverified_header(capability)["typ"] == TYPE
        key = jwt.PyJWK(KEY.public.jwk() | {"alg": "EdDSA"})
        return jwt.decode(capability, key, algorithms=["EdDSA"], audience="web-1.example", issuer=ISSUER)

    async def works(self, fields):
        return self.checked(fields["capability"].reveal())["exp"] > SystemClock().now()


@pytest.fixture
def rig():
    return Rig()


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(rig, check):
    await check(rig)


async def test_it_says_who_may_do_what_where(rig):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    claims = rig.checked(made.fields["capability"].reveal())
    assert (claims["sub"], claims["sid"], claims["jti"]) == (wanted.agent, wanted.session, wanted.lease_id)
    assert (claims["role"], claims["exp"]) == (wanted.role, wanted.expires_at)
    assert claims["files"] == [
        {"path": "/srv/orders", "read": True, "write": False},
        {"path": "/srv/out", "read": True, "write": True},
    ]


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {"read": []},
        {"read": ["relative"]},
        {"read": ["/"]},
        {"read": ["//srv"]},
        {"read": ["/srv/"]},
        {"read": ["/srv/../etc"]},
        {"read": ["/srv/./x"]},
        {"read": ["/srv/*"]},
        {"read": ["/srv/\x00"]},
        {"write": ["/proc/self"]},
        {"write": ["/dev"]},
        {"read": ["/" + "x" * 1024]},
        {"read": [f"/srv/{number}" for number in range(65)]},
        {"read": "/srv"},
        {"delete": ["/srv"]},
    ],
)
def test_a_grant_that_is_none_or_too_much_is_refused(rig, grant):
    with pytest.raises(MalformedCredential):
        rig.backend.check_credential(rig.provider, Credential("c", "web-1", grant))


@pytest.mark.parametrize("settings", [{}, {"host": ""}, {"host": "Web 1"}, {"host": "-x"}])
def test_an_entry_that_names_no_host_is_refused(rig, settings):
    with pytest.raises(MalformedProvider):
        rig.backend.check_provider(Provider("web-1", "files", settings))
