# SPDX-License-Identifier: Apache-2.0
"""GitHub leases against a stand-in that checks the App's JWT as GitHub does.  It is no GitHub."""

import asyncio
import json
from datetime import UTC, datetime

import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import structs

from smartagent.crypto import MalformedKey, RsaPublicKey, SystemClock, parse_compact, rsa_from_pem
from smartagent.federation import SafeFetch
from smartagent.kernel import Secret
from smartagent.leases import (
    Credential,
    MalformedCredential,
    MalformedProvider,
    Provider,
    ProviderFailed,
    ProviderUnreachable,
)
from smartagent.leases.backends.github import LIFE_SECONDS, GithubBackend
from tests.backends.conformance import ALL, order
from tests.backends.servers import free_port

APP, INSTALLATION = 4711, 99
KEY = rsa.generate_private_key(65537, 2048)
STRANGER = rsa.generate_private_key(65537, 2048)
REPOSITORIES = {"orders", "invoices"}
GRANT = {"repositories": ["orders"], "permissions": {"contents": "read"}}


def pem(key, form=serialization.PrivateFormat.TraditionalOpenSSL):
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


class StandIn:
    """Gives and ends tokens; `trouble` is what it answers instead, once it is set."""

    def __init__(self):
        self.public = RsaPublicKey(KEY.public_key())
        self.alive = {}
        self.asked = []
        self.calls = []
        self.trouble = None
        self.changes = {}

    def app(self):
        app = web.Application(middlewares=[self._troubled])
        app.router.add_post("/app/installations/{id}/access_tokens", self._make)
        app.router.add_get("/app/installations/{id}", self._show)
        app.router.add_delete("/installation/token", self._end)
        app.router.add_get("/installation/repositories", self._list)
        return app

    @web.middleware
    async def _troubled(self, request, handler):
        self.calls.append(request.method)
        return await (self.trouble(request) if self.trouble else handler(request))

    def _is_app(self, request):
        try:
            jws = parse_compact(self._bearer(request), algorithms=frozenset({"RS256"}))
        except ValueError:
            return False
        claims, now = json.loads(jws.payload), SystemClock().now()
        return (
            self.public.verify(jws.signature, jws.signing_input)
            and claims["iss"] == str(APP)
            and claims["iat"] <= now < claims["exp"] <= now + 600
        )

    @staticmethod
    def _bearer(request):
        return request.headers["authorization"].removeprefix("Bearer ")

    async def _make(self, request):
        if not self._is_app(request):
            return web.json_response({"message": "A JSON web token could not be decoded"}, status=401)
        if request.match_info["id"] != str(INSTALLATION):
            return web.json_response({"message": "Not Found"}, status=404)
        asked = await request.json()
        if not set(asked.get("repositories", ())) <= REPOSITORIES:
            return web.json_response({"message": "There is at least one repository ..."}, status=422)
        self.asked.append(asked)
        # As since April 2026: the App's id, and a JWT of some length.
        token = f"ghs_{APP}_eyJ{'x' * 700}.{len(self.asked)}.sig"
        until = SystemClock().now() + LIFE_SECONDS
        told = {
            "token": token,
            "expires_at": datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": {**asked["permissions"], "metadata": "read"},
            "repository_selection": "selected" if "repositories" in asked else "all",
        } | self.changes
        self.alive[told["token"]] = told
        return web.json_response(told, status=201)

    async def _show(self, request):
        return web.json_response({"id": INSTALLATION}, status=200 if self._is_app(request) else 401)

    async def _end(self, request):
        found = self.alive.pop(self._bearer(request), None)
        return web.Response(status=204) if found else web.json_response({}, status=401)

    async def _list(self, request):
        return web.json_response({}, status=200 if self._bearer(request) in self.alive else 401)


class GithubRig:
    def __init__(self, hub, url):
        self.hub = hub
        self.url = url
        self.fetch = SafeFetch(allow_private=True, allow_http=True, total_seconds=0.5)
        self.backend = GithubBackend(self.fetch, SystemClock())
        settings = {"app_id": APP, "installation_id": INSTALLATION, "api_url": url}
        self.provider = Provider("hub", "github", settings, {"private_key": "app-key"})
        self.secrets = {"private_key": Secret(pem(KEY))}
        self.grant = GRANT

    async def works(self, fields):
        headers = {"authorization": f"Bearer {fields['token'].reveal()}"}
        answer = await self.fetch.send("GET", f"{self.url}/installation/repositories", headers)
        return answer.status == 200


@pytest.fixture
async def rig():
    hub = StandIn()
    runner = web.AppRunner(hub.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield GithubRig(hub, f"http://127.0.0.1:{port}")
    await runner.cleanup()


def answering(status, body=None, **headers):
    async def answer(_request):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(body or {"message": "no"}, status=status, headers=named)

    return answer


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(rig, check):
    await check(rig)


async def test_the_token_is_asked_for_what_the_credential_grants_and_no_more(rig):
    made = await rig.backend.issue(order(rig))
    assert rig.hub.asked == [{"permissions": {"contents": "read"}, "repositories": ["orders"]}]
    assert len(made.fields["token"].reveal()) > 700
    assert made.kept.reveal().decode() == made.fields["token"].reveal()
    assert made.facts == {"installation": INSTALLATION}


async def test_a_lease_that_ends_before_the_hour_ends_the_token(rig):
    wanted = order(rig, seconds=60)
    made = await rig.backend.issue(wanted)
    assert made.dies_at > wanted.expires_at
    ended = await rig.backend.revoke(structs.replace(wanted, expires_at=made.dies_at), made.kept)
    assert ended.outlives_until == 0
    assert rig.hub.alive == {}


async def test_a_token_that_was_never_heard_of_is_said_to_live_for_an_hour(rig):
    wanted = order(rig)
    ended = await rig.backend.revoke(wanted, None)
    assert ended.outlives_until == int(wanted.now) + LIFE_SECONDS


async def test_a_token_whose_hour_is_over_is_not_asked_about(rig):
    wanted = order(rig)
    late = structs.replace(wanted, now=wanted.expires_at + 3600.0)
    rig.hub.trouble = answering(500)
    assert (await rig.backend.revoke(late, Secret(b"ghs_" + b"x" * 40))).outlives_until == 0
    assert rig.hub.calls == []


@pytest.mark.parametrize(
    "change",
    [
        {"permissions": {"contents": "write"}},
        {"permissions": {"contents": "read", "secrets": "read"}},
        {"repository_selection": "all"},
        {"expires_at": "2020-01-01T00:00:00Z"},
    ],
)
async def test_a_token_that_may_more_than_was_asked_for_is_ended_at_once(rig, change):
    rig.hub.changes = change
    with pytest.raises(ProviderFailed) as failed:
        await rig.backend.issue(order(rig))
    assert failed.value.reason == "not-what-was-asked-for"
    assert rig.hub.alive == {}


@pytest.mark.parametrize(
    ("trouble", "error", "reason"),
    [
        (answering(401), ProviderFailed, "status-401"),
        (answering(403), ProviderFailed, "status-403"),
        (answering(302, location="http://127.0.0.1:1/"), ProviderFailed, "status-302"),
        (answering(403, x_ratelimit_remaining="0"), ProviderUnreachable, "rate-limited"),
        (answering(403, retry_after="60"), ProviderUnreachable, "rate-limited"),
        (answering(429), ProviderUnreachable, "rate-limited"),
        (answering(502), ProviderUnreachable, "status-502"),
        (answering(201, {"token": 1}), ProviderFailed, "answer-not-understood"),
        (answering(201, {"token": "two\nlines" * 9, "expires_at": "2030-01-01T00:00:00Z", "permissions": {}}),
         ProviderFailed, "answer-not-understood"),
        (lambda _request: asyncio.Event().wait(), ProviderUnreachable, "no-answer"),
    ],
)  # fmt: skip
async def test_what_github_says_is_told_by_a_code(rig, trouble, error, reason):
    rig.hub.trouble = trouble
    with pytest.raises(error) as failed:
        await rig.backend.issue(order(rig))
    assert failed.value.reason == reason


async def test_an_end_that_github_does_not_confirm_is_tried_again(rig):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    rig.hub.trouble = answering(503)
    with pytest.raises(ProviderUnreachable):
        await rig.backend.revoke(wanted, made.kept)
    rig.hub.trouble = None
    await rig.backend.revoke(wanted, made.kept)
    assert not await rig.works(made.fields)


async def test_another_apps_key_is_refused(rig):
    rig.secrets = {"private_key": Secret(pem(STRANGER))}
    with pytest.raises(ProviderFailed, match="operator") as failed:
        await rig.backend.issue(order(rig))
    assert failed.value.reason == "status-401"
    with pytest.raises(ProviderFailed):
        await rig.backend.probe(rig.provider, rig.secrets)


async def test_what_is_no_key_is_said_to_be_none(rig):
    rig.secrets = {"private_key": Secret(b"-----BEGIN NONSENSE-----")}
    with pytest.raises(ProviderFailed) as failed:
        await rig.backend.issue(order(rig))
    assert failed.value.reason == "private-key-malformed"


async def test_a_repository_that_the_installation_has_not_and_an_unknown_installation(rig):
    rig.grant = {**GRANT, "repositories": ["payroll"]}
    with pytest.raises(ProviderFailed) as failed:
        await rig.backend.issue(order(rig))
    assert failed.value.reason == "status-422"
    rig.grant = GRANT
    rig.provider = structs.replace(rig.provider, settings={**rig.provider.settings, "installation_id": 1})
    with pytest.raises(ProviderFailed) as failed:
        await rig.backend.issue(order(rig))
    assert failed.value.reason == "status-404"


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {"permissions": {}, "repositories": ["orders"]},
        {"permissions": {"contents": "read"}},
        {"permissions": {"contents": "read"}, "repositories": ["orders"], "all_repositories": True},
        {"permissions": {"contents": "everything"}, "repositories": ["orders"]},
        {"permissions": {"Con tents": "read"}, "repositories": ["orders"]},
        {"permissions": {"contents": "read"}, "repositories": ["acme/orders"]},
        {"permissions": {"contents": "read"}, "repositories": ["r"] * 501},
    ],
)
def test_a_grant_of_nothing_or_of_everything_unsaid_is_refused(grant):
    provider = Provider("hub", "github", {"installation_id": 1, "app_id": 1}, {"private_key": "k"})
    with pytest.raises(MalformedCredential):
        GithubBackend(SafeFetch(), SystemClock()).check_credential(provider, Credential("c", "hub", grant))


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [
        ({"installation_id": 1}, {"private_key": "k"}),
        ({"installation_id": 1, "app_id": 1, "client_id": "Iv1.a"}, {"private_key": "k"}),
        ({"installation_id": 0, "app_id": 1}, {"private_key": "k"}),
        ({"installation_id": 1, "app_id": 1, "api_url": "http://github.example"}, {"private_key": "k"}),
        ({"installation_id": 1, "app_id": 1}, {}),
    ],
)
def test_a_malformed_provider_is_refused(settings, secrets):
    with pytest.raises(MalformedProvider):
        GithubBackend(SafeFetch(), SystemClock()).check_provider(Provider("h", "github", settings, secrets))


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8]
)
def test_a_pem_is_read_in_both_forms(form):
    assert rsa_from_pem(Secret(pem(KEY, form))).public.thumbprint == RsaPublicKey(KEY.public_key()).thumbprint


def test_a_pem_of_another_kind_is_refused():
    locked = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"p"),
    )
    for text in (locked, b"", msgspec.json.encode({})):
        with pytest.raises(MalformedKey):
            rsa_from_pem(Secret(text))
