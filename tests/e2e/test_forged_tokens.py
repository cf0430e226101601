# SPDX-License-Identifier: Apache-2.0
"""Forged tokens at every place of the running house that takes one: refused, and in the log.

The house's own keys sign some of them, so that a token of one kind can be presented as every other with
everything right but its type.
"""

import asyncio
import json

import aiohttp
import pytest

from tests.conformance.forging import Original, forged, mismade, mistimed
from tests.e2e.site import furnish, until, whole_log
from tests.e2e.taking import (
    ActorToken,
    Assertion,
    BearerAtTheGateway,
    BearerAtTheHouse,
    ClientAssertion,
    DpopProof,
    Ground,
    IdTokenHint,
    Introspected,
    OutsideSubject,
    SubjectToken,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.requirement("RFC8725-3.11-1", "RFC8725-3.1-2")]
KINDS = (
    "at+jwt",
    "JWT",
    "statuslist+jwt",
    "secevent+jwt",
    "oauth-id-jag+jwt",
    "txntoken+jwt",
    "token-introspection+jwt",
    "dpop+jwt",
    "client-authentication+jwt",
    "logout+jwt",
    "",
)
AT_ONCE = 16
PLACES = [
    BearerAtTheHouse,
    BearerAtTheGateway,
    ClientAssertion,
    DpopProof,
    SubjectToken,
    ActorToken,
    Introspected,
    IdTokenHint,
    OutsideSubject,
    Assertion,
]
VARIED = frozenset({"DpopProof"})
"""A bad proof is told what is wrong with it; all else is one answer."""


def attacks_on(place, ground):
    """Return all that must not work there, by name."""
    good = place.good
    found = forged(good, ground.published) | mismade(good, ours=good.key is not ground.key)
    found |= mistimed(good, "exp" if "exp" in good.claims else "iat")
    for kind in KINDS:
        for spelt in {kind, kind.upper(), f"application/{kind}"}:
            if spelt.lower().removeprefix("application/") not in {each.lower() for each in place.kinds}:
                found[f"typ {spelt!r}"] = good.with_header(typ=spelt)
        for algorithm in ground.keys:
            ours = ground.house_token(kind, algorithm)
            if kind not in place.kinds or algorithm not in place.algorithms or good.key is ground.key:
                found[f"the house's {kind!r} by {algorithm}"] = ours.sign()
                kid, key = ground.keys[algorithm]
                head = {"alg": algorithm, "kid": kid, "typ": kind}
                found[f"this as the house's {kind!r} by {algorithm}"] = good.sign(head, key=key)
    found.pop("a megabyte")
    if place.in_header:
        found = {name: token for name, token in found.items() if token.isascii() and token.isprintable()}
    return found


async def presented(place, tokens):
    """Present tokens, a few at a time; return each one's status, body, headers and request id."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession() as session:

        async def one(token):
            async with gate:
                status, body, headers = await place.send(session, token)
                return status, body, headers, headers.get("x-request-id") or instance(body)

        return await asyncio.gather(*(one(token) for token in tokens))


async def all_presented(made, ground):
    """Present all that must not work at a place, and return the answers by name."""
    answers, names = {}, list(attacks_on(made(ground), ground))
    at_once = made.tries or len(names)
    for start in range(0, len(names), at_once):
        if made.tries:
            await ground.another_client()
        place = made(ground)
        attacks = attacks_on(place, ground)
        chosen = names[start : start + at_once]
        found = await presented(place, [attacks[name] for name in chosen])
        answers |= dict(zip(chosen, found, strict=True))
    return answers


def instance(body):
    """What the gateway's own refusals are named by; an upstream's answer has no such name."""
    return json.loads(body)["instance"] if body.startswith(b"{") else ""


def public(status, body, headers):
    """What a stranger sees, but for what is every request's own."""
    shown = {name.lower(): value for name, value in headers.items()}
    for own in ("x-request-id", "date", "dpop-nonce"):
        shown.pop(own, None)
    said = json.loads(body)
    said.pop("instance", None)
    return status, json.dumps(said, sort_keys=True), json.dumps(shown, sort_keys=True)


@pytest.fixture
async def ground(sites, shop, closing):
    site = await sites().start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    ground = await Ground().start(site, operator)
    async with aiohttp.ClientSession() as session:
        head = {
            "dpop": Original(
                {"alg": "EdDSA", "typ": "dpop+jwt", "jwk": ground.key.public.jwk()},
                {"jti": "x", "htm": "POST", "htu": f"{site.issuer}/oauth/token", "iat": ground.now()},
                ground.key,
            ).sign()
        }
        async with session.post(f"{site.url}/oauth/token", data=ground.as_agent(), headers=head) as answer:
            ground.nonce = answer.headers["dpop-nonce"]
    return ground


async def test_no_place_takes_a_forged_token_and_the_log_holds_every_refusal(ground):
    outcomes = {}
    for made in PLACES:
        place = made(ground)
        if place.kinds:
            control = (await presented(place, [made(ground).good.sign()]))[0]
            assert place.took(*control[:2]), (made.__name__, control)
        answers = await all_presented(made, ground)
        assert len(answers) > 150
        taken = {
            name: status
            for name, (status, body, _, _) in answers.items()
            if status not in place.refusals or place.took(status, body)
        }
        assert taken == {}, made.__name__
        seen = {public(*answer[:3]) for answer in answers.values()}
        assert made.__name__ in VARIED or len(seen) == 1, (made.__name__, seen)
        outcomes |= {named: (made.__name__, name) for name, (*_, named) in answers.items()}
    records = {}

    async def all_logged():
        # The log is signed a moment after a record is durable.
        found = await whole_log(ground.site, ground.operator)
        records.update({record["request"]: record for record in found})
        return outcomes.keys() <= records.keys()

    await until(all_logged, what="a record of every request")
    permitted = [
        where
        for named, where in outcomes.items()
        if where[0] != "Introspected" and records[named]["decision"] != "deny"
    ]
    assert permitted == []
