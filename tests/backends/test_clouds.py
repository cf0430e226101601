# SPDX-License-Identifier: Apache-2.0
"""Google Cloud and Azure leases against stand-ins that check our token as they do.  They are no clouds."""

import base64
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs

import jwt
import pytest
from msgspec import structs

from smartagent.crypto import SystemClock, generate_signer, sign_compact, system_entropy
from smartagent.drivers import Web
from smartagent.kernel import Algorithm, Ids
from smartagent.leases import (
    Credential,
    MalformedCredential,
    MalformedProvider,
    Provider,
    ProviderFailed,
    ProviderUnreachable,
)
from smartagent.leases.backends.azure import AUDIENCE, AzureBackend
from smartagent.leases.backends.gcp import GcpBackend
from smartagent.leases.backends.workload import House
from tests.backends.conformance import ALL, order
from tests.backends.servers import free_port
from tests.backends.standins import StandIn

ISSUER = "https://auth.example"
KEY = generate_signer(Algorithm.RS256, system_entropy)
POOL = "//iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/agents/providers/house"
ACCOUNT = "reader@shop.iam.gserviceaccount.com"
TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"
HOUSE = House(
    ISSUER,
    lambda payload: sign_compact({"alg": "RS256", "typ": "JWT", "kid": "k"}, payload, KEY),
    SystemClock(),
    Ids(SystemClock(), system_entropy),
)


def said(reason):
    return lambda error: reason in error.reason


def checked(token, audience):
    """Check a token as a cloud does that read our key set."""
    key = jwt.PyJWK(KEY.public.jwk() | {"alg": "RS256"})
    return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=ISSUER)


class Cloud:
    """Answers like a cloud, and remembers what it gave."""

    def __init__(self):
        self.alive, self.claims, self.asked, self.trouble = set(), [], [], None

    def __call__(self, method, path, headers, body):
        self.asked.append((path, body))
        return self.trouble or self.answer(path, headers, body)

    def give(self, prefix):
        token = f"{prefix}.{len(self.alive)}." + base64.urlsafe_b64encode(system_entropy(90)).decode()
        self.alive.add(token)
        return token


class Google(Cloud):
    life = 0

    def answer(self, path, headers, body):
        asked = json.loads(body)
        if path == "/v1/token":
            try:
                assert asked["audience"] == POOL
                self.claims.append(checked(asked["subjectToken"], f"https:{POOL}"))
            except (jwt.InvalidTokenError, AssertionError):
                return 400, {"error": "invalid_grant", "error_description": "secret words"}
            return 200, {"access_token": self.give("ya29.fed"), "expires_in": 3600, "token_type": "Bearer"}
        if headers["authorization"].removeprefix("Bearer ") not in self.alive:
            return 401, {"error": {"status": "UNAUTHENTICATED"}}
        if f"/serviceAccounts/{ACCOUNT}:" not in path:
            return 403, {"error": {"status": "PERMISSION_DENIED", "message": "secret words"}}
        seconds = self.life or int(asked["lifetime"].removesuffix("s"))
        until = datetime.fromtimestamp(int(SystemClock().now()) + seconds, UTC)
        return 200, {"accessToken": self.give("ya29.sa"), "expireTime": until.strftime("%Y-%m-%dT%H:%M:%SZ")}


class Entra(Cloud):
    def answer(self, path, headers, body):
        asked = {name: value for name, (value,) in parse_qs(body.decode()).items()}
        if path != f"/{TENANT}/oauth2/v2.0/token" or asked["client_id"] != CLIENT:
            return 400, {"error": "unauthorized_client"}
        try:
            claims = checked(asked["client_assertion"], AUDIENCE)
        except jwt.InvalidTokenError:
            return 401, {"error": "invalid_client", "error_description": "AADSTS secret words"}
        self.claims.append(claims)
        if claims["sub"] != "smartagent:cloud":
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": self.give("eyJ"), "expires_in": 3599, "token_type": "Bearer"}


class Rig:
    def __init__(self, cloud, url):
        self.secrets = {}
        self.cloud = cloud
        if isinstance(cloud, Google):
            self.backend = GcpBackend(Web(), HOUSE)
            self.provider = Provider("cloud", "gcp", {"audience": POOL, "sts_url": url, "iam_url": url})
            scope = "https://www.googleapis.com/auth/devstorage.read_only"
            self.grant = {"service_account": ACCOUNT, "scopes": [scope]}
        else:
            self.backend = AzureBackend(Web(), HOUSE)
            settings = {"tenant_id": TENANT, "client_id": CLIENT, "login_url": url}
            self.provider = Provider("cloud", "azure", settings)
            self.grant = {"scope": "https://storage.azure.com/.default"}

    async def works(self, fields):
        return fields["access_token"].reveal() in self.cloud.alive

    def with_settings(self, **settings):
        return structs.replace(self.provider, settings={**self.provider.settings, **settings})


@pytest.fixture(params=[Google, Entra])
def rig(request):
    cloud = request.param()
    with StandIn(cloud) as server:
        yield Rig(cloud, server.url)


@pytest.fixture
def google():
    cloud = Google()
    with StandIn(cloud) as server:
        yield Rig(cloud, server.url)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(rig, check):
    await check(rig)


async def test_the_cloud_sees_which_agent_it_is_and_for_minutes(rig):
    wanted = order(rig)
    await rig.backend.issue(wanted)
    (claims,) = rig.cloud.claims
    assert (claims["agent"], claims["role"]) == (wanted.agent, wanted.role)
    assert (claims["session"], claims["lease"]) == (wanted.session, wanted.lease_id)
    assert claims["exp"] - claims["iat"] == 300


async def test_google_sees_the_agent_as_the_subject_and_gives_what_was_asked_for(google):
    wanted = order(google, seconds=600)
    made = await google.backend.issue(wanted)
    assert google.cloud.claims[0]["sub"] == wanted.agent
    path, body = google.cloud.asked[-1]
    assert path == f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    assert json.loads(body)["scope"] == google.grant["scopes"]
    assert 590 <= made.dies_at - wanted.now <= 610
    ended = await google.backend.revoke(structs.replace(wanted, expires_at=made.dies_at), made.kept)
    assert ended.outlives_until == made.dies_at


async def test_more_than_was_asked_for_is_not_handed_on(google):
    google.cloud.life = 100_000
    with pytest.raises(ProviderFailed, check=said("not-what")):
        await google.backend.issue(order(google))


async def test_a_refusal_names_its_code_and_never_repeats_the_clouds_words(rig):
    bad = {"audience": POOL.replace("4711", "1")} if isinstance(rig.cloud, Google) else {"subject": "other"}
    wanted = structs.replace(order(rig), provider=rig.with_settings(**bad))
    with pytest.raises(ProviderFailed, check=said("invalid_")) as refused:
        await rig.backend.issue(wanted)
    assert "secret words" not in str(refused.value)


async def test_a_service_account_that_may_not_be_used_is_refused(google):
    grant = {**google.grant, "service_account": "other@shop.iam.gserviceaccount.com"}
    with pytest.raises(ProviderFailed, check=said("403-PERMISSION_DENIED")):
        await google.backend.issue(structs.replace(order(google), grant=grant))


@pytest.mark.parametrize("trouble", [(500, {}), (503, b"<html>"), (429, {})])
async def test_trouble_is_told_from_a_refusal(rig, trouble):
    rig.cloud.trouble = trouble
    with pytest.raises(ProviderUnreachable):
        await rig.backend.issue(order(rig))


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"[]", b'{"access_token": ""}', b'{"access_token": "a\\nb"}']
)
async def test_an_answer_that_is_none_is_refused(rig, answer):
    rig.cloud.trouble = (200, answer)
    with pytest.raises(ProviderFailed, check=said("answer-not-understood")):
        await rig.backend.issue(order(rig))


async def test_nobody_there_is_unreachable(rig):
    nowhere = f"http://127.0.0.1:{free_port()}"
    names = [name for name in rig.provider.settings if name.endswith("_url")]
    wanted = structs.replace(order(rig), provider=rig.with_settings(**dict.fromkeys(names, nowhere)))
    with pytest.raises(ProviderUnreachable):
        await rig.backend.issue(wanted)
    with pytest.raises(ProviderUnreachable):
        await rig.backend.probe(wanted.provider, {})


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Google, {"audience": "https://iam.googleapis.com/x"}),
        (Google, {"sts_url": "http://sts.example"}),
        (Google, {"iam_url": "https://x?y"}),
        (Entra, {"tenant_id": "common"}),
        (Entra, {"client_id": CLIENT.upper() + "X"}),
        (Entra, {"login_url": "ftp://x"}),
        (Entra, {"subject": "a b"}),
    ],
)
def test_an_entry_that_is_none_is_refused(kind, changes):
    rig = Rig(kind(), "https://x.example")
    with pytest.raises(MalformedProvider):
        rig.backend.check_provider(rig.with_settings(**changes))


@pytest.mark.parametrize("kind", [Google, Entra])
def test_no_secret_of_the_vault_is_taken(kind):
    rig = Rig(kind(), "https://x.example")
    with pytest.raises(MalformedProvider, match="none"):
        rig.backend.check_provider(structs.replace(rig.provider, secrets={"key": "x"}))


@pytest.mark.parametrize(
    ("kind", "grant", "seconds"),
    [
        (Google, {"service_account": "x@gmail.com", "scopes": ["https://www.googleapis.com/auth/x"]}, 60),
        (Google, {"service_account": ACCOUNT, "scopes": []}, 60),
        (Google, {"service_account": ACCOUNT, "scopes": ["a b"]}, 60),
        (Google, {"service_account": ACCOUNT, "scopes": ["https://www.googleapis.com/auth/x"]}, 7200),
        (Google, {"service_account": f"../x:y?{ACCOUNT}", "scopes": ["email"]}, 60),
        (Entra, {"scope": "https://storage.azure.com"}, 60),
        (Entra, {"scope": "https://a/.default https://b/.default"}, 60),
    ],
)
def test_a_grant_that_is_none_is_refused(kind, grant, seconds):
    rig = Rig(kind(), "https://x.example")
    with pytest.raises(MalformedCredential):
        rig.backend.check_credential(rig.provider, Credential("c", "cloud", grant, 60, seconds))
