# SPDX-License-Identifier: Apache-2.0
"""Notices from real nodes: an alarm at the gateway is a webhook and a letter, and a killed node's are sent by the next."""

import asyncio
import ipaddress
import json
import ssl
from email import message_from_bytes
from email.policy import default

import msgspec
import pytest
import standardwebhooks
from aiosmtpd.smtp import SMTP
from cryptography import x509

from tests.backends.test_mail import PASSWORD, Postbox
from tests.e2e.howtos_of_notices import received
from tests.e2e.site import call, furnish, until
from tests.unit.federation.test_fetching import Origin, certificate

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]


@pytest.fixture
async def receiver():
    made = await Origin().start()
    yield made
    await made.stop()


@pytest.fixture
async def mail(tmp_path):
    """A mail server with TLS and a password, and the settings that lead there."""
    pem, key = certificate(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    (tmp_path / "chain.pem").write_bytes(pem + key)
    (tmp_path / "ca.pem").write_bytes(pem)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "password").chmod(0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem")
    postbox, loop = Postbox(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(
            postbox,
            hostname="mail.example",
            loop=loop,
            authenticator=postbox.check,
            auth_required=True,
            auth_require_tls=False,
        ),
        "127.0.0.1",
        0,
        ssl=context,
    )
    postbox.settings = {
        "SMARTAGENT_SMTP_URL": f"smtps://bot@127.0.0.1:{server.sockets[0].getsockname()[1]}",
        "SMARTAGENT_SMTP_FROM": "smartagent@example.com",
        "SMARTAGENT_SMTP_PASSWORD_FILE": str(tmp_path / "password"),
        "SMARTAGENT_SMTP_CA_FILE": str(tmp_path / "ca.pem"),
    }
    yield postbox
    server.close()
    await server.wait_closed()


async def asked(operator, method, path, body=None):
    return msgspec.json.decode(await operator.request(method, path, body))


def hook(receiver, **more):
    return {"webhook": f"http://127.0.0.1:{receiver.port}/in", "allow_private": True, **more}


async def test_a_used_honeytoken_is_a_signed_webhook_and_a_letter(sites, shop, closing, receiver, mail):
    site = await sites(environment=mail.settings).start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    secret = (await asked(operator, "PUT", "/v1/channels/ops", hook(receiver, takes=["alarms"])))["secret"]
    await asked(operator, "PUT", "/v1/channels/ada", {"email": "ada@example.com"})
    await asked(operator, "PUT", "/v1/channels/reviewers", hook(receiver, takes=["reviews"]))
    honey = (await asked(operator, "POST", "/v1/honeytokens/wiki", {"note": "in the wiki"}))["value"]

    async def alarmed():
        await call(site.gateway, honey)
        return receiver.requests and mail.letters

    await until(alarmed, what="the alarm")
    (raw,) = receiver.requests
    fields, body = received(raw)
    told = standardwebhooks.Webhook(secret).verify(body, fields)
    assert (told["kind"], told["subject"]) == ("alarms", "honeytoken/wiki")
    assert told["title"] == "The honeytoken wiki was used"
    assert told["link"] == f"{site.issuer}/v1/audit?subject=wiki"
    ((_, to, letter),) = mail.letters
    read = message_from_bytes(letter, policy=default)
    assert to == ["ada@example.com"]
    assert told["title"] in read["Subject"]
    assert told["link"] in read.get_content()

    async def recorded():
        trail = await asked(operator, "GET", "/v1/audit?subject=channel/ada")
        return any(entry["record"]["event"] == "notice.delivered" for entry in trail["entries"])

    await until(recorded, what="the record of the delivery")
    said = raw + letter + site.output.read_bytes()
    for hidden in (honey, PASSWORD, secret):
        assert hidden.encode() not in said


@pytest.mark.slow
async def test_a_review_is_told_of_also_by_the_node_after_one_that_was_killed_while_it_sent(
    sites, shop, closing, receiver
):
    site = await sites("one").start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    agent, _ = await site.agent(operator)
    closing(agent)
    await asked(operator, "PUT", "/v1/channels/ops", hook(receiver))
    receiver.silent = True
    review = {"name": "q3", "due_seconds": 86_400, "unanswered": "keep"}

    async def begun():
        return (
            await operator.send("POST", "/v1/reviews", json.dumps(review).encode(), "application/json")
        ).status == 201

    await until(begun, what="the review")

    async def sending():
        return bool(receiver.requests)

    await until(sending, what="the first delivery")
    await site.kill()
    receiver.silent = False
    await site.start()

    async def again():
        return len(receiver.requests) > 1

    # The dead node's turn lives for twenty seconds.
    await until(again, seconds=40, what="the second delivery")
    first, second = (received(raw) for raw in receiver.requests)
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]

    async def delivered():
        (channel,) = (await asked(operator, "GET", "/v1/channels"))["channels"]
        return (channel["state"], channel["waiting"]) == ("working", 0) and channel["delivered_at"]

    await until(delivered, what="the delivery")
