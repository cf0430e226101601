# SPDX-License-Identifier: Apache-2.0
"""Protected resource metadata, and the challenges that lead there."""

import pytest

from smartagent.clients import Resource
from smartagent.edge import Inbound, Reply, RouteNotFound
from smartagent.oauth.challenge import challenges, completed
from smartagent.oauth.protected import ProtectedResources, identifiers_at, metadata_path, metadata_url

ISSUER = "https://auth.example"
GATEWAY = "https://gw.example"
SIGNATURES = ["ES256", "Ed25519", "EdDSA", "RS256"]
WELL_KNOWN = "/.well-known/oauth-protected-resource"
ADDRESSES = [
    ("https://a.example", f"https://a.example{WELL_KNOWN}"),
    ("https://a.example/", f"https://a.example{WELL_KNOWN}"),
    ("https://a.example/mcp", f"https://a.example{WELL_KNOWN}/mcp"),
    ("https://a.example/mcp/", f"https://a.example{WELL_KNOWN}/mcp/"),
    ("https://a.example:8443/a/b", f"https://a.example:8443{WELL_KNOWN}/a/b"),
    ("https://a.example/mcp?tenant=1", f"https://a.example{WELL_KNOWN}/mcp?tenant=1"),
    ("https://a.example?tenant=1", f"https://a.example{WELL_KNOWN}?tenant=1"),
]


@pytest.fixture
def registered():
    return {}


@pytest.fixture
def resources(registered):
    return ProtectedResources(ISSUER, GATEWAY, registered.get)


@pytest.mark.parametrize(("identifier", "url"), ADDRESSES)
def test_the_well_known_part_stands_between_host_and_path(identifier, url):
    assert metadata_url(identifier) == url
    assert metadata_path(identifier) in url


@pytest.mark.parametrize(("identifier", "url"), ADDRESSES)
def test_an_address_leads_back_to_what_it_was_made_of(identifier, url):
    origin, _, rest = url.partition(WELL_KNOWN)
    path, _, query = (WELL_KNOWN + rest).partition("?")

    assert identifier in identifiers_at(f"{origin}/anything", path, query)


@pytest.mark.parametrize("path", ["/", "/mcp", f"{WELL_KNOWN}x", f"/t{WELL_KNOWN}", "/.well-known/other"])
def test_another_address_is_the_metadata_of_nothing(path):
    assert identifiers_at(ISSUER, path) == ()


def test_the_house_describes_itself(resources):
    reply = resources.at(ISSUER, WELL_KNOWN)

    assert (reply.status, reply.media_type) == (200, "application/json")
    assert reply.headers == (("cache-control", "public, max-age=3600"),)
    assert reply.body == {
        "resource": ISSUER,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": SIGNATURES,
        "scopes_supported": ["openid", "profile"],
        "resource_name": "SmartAgent",
    }


def test_the_gateway_describes_itself_on_its_own_host(resources):
    assert resources.at(GATEWAY, WELL_KNOWN).body == {
        "resource": GATEWAY,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": SIGNATURES,
        "resource_name": "SmartAgent gateway",
    }


def test_what_was_registered_is_described_with_all_that_is_known(registered):
    identifier = f"{GATEWAY}/mcp"
    registered[identifier] = Resource(
        identifier=identifier,
        name="Orders",
        scopes=("orders:read", "offline_access"),
        dpop_required=True,
        introspectors=("clt_secret",),
    )
    resources = ProtectedResources(ISSUER, GATEWAY, registered.get, ("smartagent_call",))

    assert resources.at(GATEWAY, f"{WELL_KNOWN}/mcp").body == {
        "resource": identifier,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": SIGNATURES,
        "scopes_supported": ["orders:read"],
        "resource_name": "Orders",
        "dpop_bound_access_tokens_required": True,
        "authorization_details_types_supported": ["smartagent_call"],
    }


def test_what_was_registered_goes_before_what_is_built_in(registered, resources):
    registered[GATEWAY] = Resource(identifier=GATEWAY, name="Ours", scopes=("orders:read",))

    assert resources.at(GATEWAY, WELL_KNOWN).body["resource_name"] == "Ours"


@pytest.mark.parametrize("path", [f"{WELL_KNOWN}/unknown", f"{WELL_KNOWN}/", "/nothing"])
def test_of_anything_else_nothing_is_known(resources, path):
    with pytest.raises(RouteNotFound):
        resources.at(GATEWAY, path)


def test_a_resource_of_another_host_is_not_described_here(registered, resources):
    registered["https://orders.example/mcp"] = Resource(identifier="https://orders.example/mcp")

    with pytest.raises(RouteNotFound):
        resources.at(ISSUER, f"{WELL_KNOWN}/mcp")


async def test_the_pages_of_a_host_show_what_is_asked_for(registered, resources):
    registered[f"{GATEWAY}/mcp"] = Resource(identifier=f"{GATEWAY}/mcp")
    pages = resources.pages(GATEWAY)

    assert set(pages) == {WELL_KNOWN, f"{WELL_KNOWN}/"}
    for path, identifier in ((WELL_KNOWN, GATEWAY), (f"{WELL_KNOWN}/mcp", f"{GATEWAY}/mcp")):
        page = pages[WELL_KNOWN if path == WELL_KNOWN else f"{WELL_KNOWN}/"]
        assert (await page(Inbound("req_1", "GET", path))).body["resource"] == identifier
    assert f"{WELL_KNOWN}/t1" in resources.pages("https://auth.example/t1")


def test_a_challenge_comes_for_both_schemes():
    bearer, dpop = challenges(scope="a b", resource_metadata="https://a.example/m", error="")

    assert bearer == ("www-authenticate", 'Bearer scope="a b", resource_metadata="https://a.example/m"')
    assert dpop == (
        "www-authenticate",
        'DPoP scope="a b", resource_metadata="https://a.example/m", algs="ES256 Ed25519 EdDSA RS256"',
    )


def test_a_challenge_without_anything_to_say_is_the_scheme_alone():
    assert challenges()[0] == ("www-authenticate", "Bearer")


@pytest.mark.parametrize("value", ['"', "\\", "\r\n", "é", "\x00"])
def test_nothing_can_end_a_challenge_early(value):
    with pytest.raises(ValueError, match="challenge"):
        challenges(scope=f"a{value}b")


def test_an_answer_without_a_challenge_is_left_as_it_is():
    for reply in (Reply(200, b"x"), Reply(403, b"x", headers=(("cache-control", "no-store"),))):
        assert completed(reply, metadata_url="https://m", token_was_sent=True) is reply


def test_a_challenge_is_completed_once():
    reply = Reply(401, headers=(("www-authenticate", "Bearer"), ("x", "y")))

    once = completed(reply, metadata_url="https://m", token_was_sent=True)
    assert once.headers == (("www-authenticate", 'Bearer resource_metadata="https://m"'), ("x", "y"))
    assert completed(once, metadata_url="https://m", token_was_sent=True) == once


def test_whoever_sent_no_token_is_told_no_error():
    headers = tuple(challenges(error="invalid_token", scope="a"))

    told = completed(Reply(401, headers=headers), metadata_url="https://m", token_was_sent=False)
    assert told.headers[0][1] == 'Bearer scope="a", resource_metadata="https://m"'
    bare = Reply(401, headers=(("www-authenticate", 'Bearer error="invalid_token"'),))
    told = completed(bare, metadata_url="https://m", token_was_sent=False)
    assert told.headers[0][1] == 'Bearer resource_metadata="https://m"'
