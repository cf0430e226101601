# SPDX-License-Identifier: Apache-2.0
"""The token service on two nodes of one store: what dies on one is dead on the other, and once means once.

No test here measures a time: what starts on any node after a revocation was answered is refused, however
soon; the bench prints how soon a node refuses that was asked meanwhile.
"""

import asyncio
import json
import shutil
import time
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest

from smartagent.crypto import b64u
from tests.e2e.site import call, claims_of, furnish, post_form, token_form, until, whole_log
from tests.interop.person import Person

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("nodes")]
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
REDIRECT = "http://127.0.0.1:8913/callback"
VERIFIER = "a-verifier-of-forty-three-characters-or-more-4711"


class Pair:
    """Two nodes on one database, and what people and agents do at either."""

    def __init__(self, first, second, operator):
        self.first, self.second, self.operator = first, second, operator
        self.issuer = first.issuer

    async def agents(self, count):
        return [(await self.first.agent(self.operator))[1] for _ in range(count)]

    async def token(self, holder, node=None):
        status, answer = await post_form((node or self.first).url, token_form(holder, self.issuer))
        assert status == 200, answer
        return answer["access_token"]

    async def exchange(self, holder, subject_token, node=None, **more):
        """Ask for a token with which `holder` acts for the subject, or for itself."""
        form = token_form(holder, self.issuer) | {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN,
            **more,
        }
        return await post_form((node or self.first).url, form)

    async def exchanged(self, holder, subject_token, node=None, **more):
        status, answer = await self.exchange(holder, subject_token, node, **more)
        assert status == 200, answer
        return answer["access_token"]

    async def delegate(self, from_holder, to_holder):
        body = {
            "from": from_holder.principal,
            "to": to_holder.principal,
            "depth_allowed": 2,
            "reason": "test",
        }
        return json.loads(await self.operator.request("POST", "/v1/delegations", body))["id"]

    async def revoke(self, kind, subject):
        await self.operator.request(
            "POST", "/v1/revocations", {"kind": kind, "id": subject, "reason": "test"}
        )

    async def refused_everywhere(self, token):
        """Return whether both gateways refuse it, now."""
        statuses = [(await call(node.gateway, token))[0] for node in (self.second, self.first)]
        return statuses == [401, 401]


@pytest.fixture
async def pair(sites, shop, closing, postgres_site):
    first = await sites("one", store=postgres_site.url).start()
    operator = await first.operator()
    closing(operator)
    await furnish(operator, shop)
    second = sites("two", store=postgres_site.url, issuer=first.issuer, gateway=first.audience)
    second.folder.mkdir(mode=0o700)
    shutil.copy2(first.folder / "root.key", second.folder / "root.key")
    return Pair(first, await second.start(), operator)


async def chain_of_three(pair):
    """Return three agents, the delegations between them, and the token of each link."""
    agents = await pair.agents(3)
    delegations = [await pair.delegate(*two) for two in ((agents[0], agents[1]), (agents[1], agents[2]))]
    own = await pair.token(agents[0])
    second = await pair.exchanged(agents[1], own, pair.second)
    third = await pair.exchanged(agents[2], second)
    return agents, delegations, (own, second, third)


async def test_an_agent_that_is_revoked_on_one_node_takes_with_it_what_derives_from_it(pair, record_property):
    agents, _, tokens = await chain_of_three(pair)
    claims = claims_of(tokens[2])
    assert (claims["sub"], claims["act"]["sub"]) == (agents[0].principal, agents[2].principal)
    assert claims["act"]["act"]["sub"] == agents[1].principal
    for token in tokens:
        assert (await call(pair.second.gateway, token))[0] == 200
    await pair.revoke("agent", agents[1].principal)
    answered = time.monotonic()
    # The middle one is dead, and all that was made by it; the first one's own token is not.
    assert (await call(pair.second.gateway, tokens[2]))[0] == 401
    record_property("refused_after_ms", (time.monotonic() - answered) * 1000)
    assert await pair.refused_everywhere(tokens[1])
    assert (await call(pair.second.gateway, tokens[0]))[0] == 200
    assert (await pair.exchange(agents[2], tokens[1], pair.second))[0] == 400
    await pair.revoke("agent", agents[0].principal)
    assert await pair.refused_everywhere(tokens[0])


async def test_a_delegation_that_is_revoked_on_one_node_refuses_on_the_other(pair):
    agents, delegations, tokens = await chain_of_three(pair)
    await pair.operator.request("DELETE", f"/v1/delegations/{delegations[0]}")
    for token in tokens[1:]:
        assert await pair.refused_everywhere(token)
    assert (await pair.exchange(agents[1], tokens[0], pair.second))[0] == 400
    assert (await call(pair.second.gateway, tokens[0]))[0] == 200
    events = []

    async def logged():
        # The log is signed a moment after a record is durable.
        records = await whole_log(pair.first, pair.operator)
        # A node that heard of it between a call's intent and its answer says so in the outcome.
        events[:] = [(record.get("outcome") == "unauthenticated", record["event"]) for record in records]
        return sum(refused for refused, _ in events) >= 4

    await until(logged, what="four refusals in the log")
    # In the one order that the log has, nothing was refused before, and everything after.
    refusals = [at for at, (refused, _) in enumerate(events) if refused]
    assert min(refusals) > [event for _, event in events].index("delegation.revoked")


async def test_a_token_that_is_revoked_takes_the_chain_with_it(pair):
    _, _, tokens = await chain_of_three(pair)
    await pair.revoke("token", claims_of(tokens[0])["jti"])
    for token in tokens:
        assert await pair.refused_everywhere(token)


async def test_a_token_for_one_use_works_once_over_two_nodes(pair, shop):
    (agent,) = await pair.agents(1)
    detail = {
        "type": "smartagent_call",
        "locations": [pair.first.audience],
        "method": "GET",
        "path": "/shop/x?once=1",
        "once": True,
    }
    once = [
        await pair.exchanged(agent, await pair.token(agent), authorization_details=json.dumps([detail]))
        for _ in range(4)
    ]
    gateways = (pair.first.gateway, pair.second.gateway) * 4
    for token in once:
        answers = await asyncio.gather(*(call(each, token, "/shop/x?once=1") for each in gateways))
        assert sorted(status for status, _ in answers) == [200] + [401] * 7
    assert len([head for head, _ in shop.seen if "once=1" in head]) == len(once)


async def sent_away(pair, person):
    """Let a person consent to a new client, and return the client's id and the form that redeems its code."""
    metadata = {"client_name": "An app", "redirect_uris": [REDIRECT]}
    client = json.loads(await pair.operator.request("POST", "/v1/clients", metadata))["id"]
    request = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": REDIRECT,
        "scope": "openid offline_access",
        "state": "s",
        "code_challenge": b64u(sha256(VERIFIER.encode()).digest()),
        "code_challenge_method": "S256",
    }
    away = await person.visit(f"{pair.issuer}/oauth/authorize?{urlencode(request)}")
    return client, {
        "grant_type": "authorization_code",
        "client_id": client,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        "code": parse_qs(urlsplit(away).query)["code"][0],
    }


async def refreshed(node, client, refresh_token):
    form = {"grant_type": "refresh_token", "client_id": client, "refresh_token": refresh_token}
    return await post_form(node.url, form)


async def userinfo(node, token):
    headers = {"authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{node.url}/oauth/userinfo", headers=headers) as answer,
    ):
        return answer.status


def won(answers):
    """Return what the one that came first was given: nothing, when the second came before it was answered."""
    given = [tokens for status, tokens in answers if status == 200]
    assert len(given) <= 1
    assert {answer["error"] for status, answer in answers if status != 200} == {"invalid_grant"}
    return given


async def dead_everywhere(pair, client, *given):
    """Return whether no node takes any of these tokens, now."""
    for tokens in given:
        for node in (pair.second, pair.first):
            _, answer = await refreshed(node, client, tokens["refresh_token"])
            if answer.get("error") != "invalid_grant" or await userinfo(node, tokens["access_token"]) != 401:
                return False
    return True


@pytest.fixture
async def person(pair, closing):
    person = Person(pair.operator, pair.issuer)
    closing(person)
    return person


async def test_a_code_that_is_redeemed_on_two_nodes_at_once_gives_nothing_that_lasts(pair, person):
    client, code = await sent_away(pair, person)
    nodes = (pair.second, pair.first)
    answers = await asyncio.gather(*(post_form(node.url, code) for node in nodes))
    # RFC 6749 section 4.1.2: a code that came twice was stolen, and what it gave is dead.
    assert await dead_everywhere(pair, client, *won(answers))


async def test_a_refresh_token_that_is_used_on_both_nodes_kills_its_family(pair, person):
    client, code = await sent_away(pair, person)
    status, tokens = await post_form(pair.second.url, code)
    assert (status, await userinfo(pair.first, tokens["access_token"])) == (200, 200)
    nodes = (pair.first, pair.second)
    answers = await asyncio.gather(*(refreshed(node, client, tokens["refresh_token"]) for node in nodes))
    assert await dead_everywhere(pair, client, tokens, *won(answers))


async def test_a_grant_that_is_revoked_on_one_node_is_dead_on_the_other(pair, person):
    client, code = await sent_away(pair, person)
    status, tokens = await post_form(pair.first.url, code)
    assert (status, await userinfo(pair.second, tokens["access_token"])) == (200, 200)
    form = {"client_id": client, "token": tokens["refresh_token"]}
    url = f"{pair.first.url}/oauth/revoke"
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        assert answer.status == 200
    assert await userinfo(pair.second, tokens["access_token"]) == 401
    assert await dead_everywhere(pair, client, tokens)
