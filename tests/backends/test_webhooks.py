# SPDX-License-Identifier: Apache-2.0
"""Webhooks for real: what a receiver gets is read by somebody else's library, and what it answers is understood."""

import base64
import json
import ssl

import pytest
import standardwebhooks
from cryptography import x509

from smartagent.crypto import SystemClock
from smartagent.federation import SafeFetch
from smartagent.kernel import Secret
from smartagent.notices import Channel, NotDelivered, Notice, NoticeKind, ReceiverGone
from smartagent.notices.backends.webhook import MAX_ANSWER_BYTES, Webhooks, signature
from tests.unit.federation.test_fetching import Origin, answering, certificate
from tests.unit.identity.memory import FakeClock

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOTICE = Notice(
    "ntc_1",
    NoticeKind.ALARMS,
    "honeytoken/a",
    "The honeytoken a was used ü",
    ("one", "two"),
    "https://a/x",
    1_800_000_000,
)


@pytest.fixture
async def receiver():
    receiver = await Origin().start()
    yield receiver
    await receiver.stop()


def site(**more):
    return SafeFetch(allow_private=True, allow_http=True, allow_site=True, **more)


def at(receiver, path="/in?team=ops"):
    return Channel("ops", webhook=f"http://127.0.0.1:{receiver.port}{path}", allow_private=True)


def sent(receiver):
    """The fields and the body of the newest request."""
    head, _, body = receiver.requests[-1].partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    return (
        lines[0],
        {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])},
        body,
    )


def status(receiver, line, more=""):
    receiver.answer = f"HTTP/1.1 {line}\r\n{more}Content-Length: 0\r\n\r\n".encode()


@pytest.mark.requirement("WH-1")
async def test_somebody_elses_library_believes_what_was_signed_and_nothing_else(receiver):
    await Webhooks(SafeFetch(), site(), SystemClock()).send(at(receiver), NOTICE, Secret(KEY))
    line, fields, body = sent(receiver)
    assert line == "POST /in?team=ops HTTP/1.1"
    assert fields["content-type"] == "application/json"
    assert standardwebhooks.Webhook(SECRET).verify(body, fields) == {
        "id": "ntc_1",
        "kind": "alarms",
        "time": "2027-01-15T08:00:00Z",
        "subject": "honeytoken/a",
        "title": "The honeytoken a was used ü",
        "lines": ["one", "two"],
        "link": "https://a/x",
    }
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    for secret, changed, text in (
        (other, fields, body),
        (SECRET, fields | {"webhook-id": "ntc_2"}, body),
        (SECRET, fields, body.replace(b"one", b"two")),
    ):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(secret).verify(text, changed)


@pytest.mark.requirement("WH-2")
async def test_a_repeat_has_the_same_id_and_a_timestamp_of_its_own(receiver):
    clock = FakeClock()
    webhooks = Webhooks(SafeFetch(), site(), clock)
    await webhooks.send(at(receiver), NOTICE, Secret(KEY))
    clock.at += 60
    await webhooks.send(at(receiver), NOTICE, Secret(KEY))
    first, second = (json.loads(raw.partition(b"\r\n\r\n")[2]) for raw in receiver.requests)
    assert first == second
    _, fields, body = sent(receiver)
    assert (fields["webhook-id"], fields["webhook-timestamp"]) == ("ntc_1", "1800000060")
    assert fields["webhook-signature"] == signature(Secret(KEY), "ntc_1", "1800000060", body)


@pytest.mark.requirement("WH-4")
@pytest.mark.parametrize("line", ["200 OK", "201 Created", "202 Accepted", "204 No Content", "299 Odd"])
async def test_any_2xx_is_delivered(receiver, line):
    status(receiver, line)
    await Webhooks(SafeFetch(), site(), SystemClock()).send(at(receiver), NOTICE, Secret(KEY))


@pytest.mark.parametrize(
    "line", ["301 Moved", "307 Again", "400 Bad", "404 Not Found", "429 Slow", "500 Oops"]
)
@pytest.mark.requirement("WH-4")
async def test_nothing_else_is_and_no_redirect_is_followed(receiver, line):
    status(receiver, line, f"Location: http://127.0.0.1:{receiver.port}/other\r\n")
    with pytest.raises(NotDelivered) as refused:
        await Webhooks(SafeFetch(), site(), SystemClock()).send(at(receiver), NOTICE, Secret(KEY))
    assert refused.value.reason == f"status {line[:3]}"
    assert len(receiver.requests) == 1


async def test_410_says_that_the_receiver_is_gone(receiver):
    status(receiver, "410 Gone")
    with pytest.raises(ReceiverGone):
        await Webhooks(SafeFetch(), site(), SystemClock()).send(at(receiver), NOTICE, Secret(KEY))


@pytest.mark.requirement("WH-7")
async def test_a_channel_that_may_not_be_private_does_not_reach_this_machine(receiver):
    private = Webhooks(SafeFetch(answering("127.0.0.1")), site(), SystemClock())
    for url in (f"https://hooks.example:{receiver.port}/", f"http://127.0.0.1:{receiver.port}/"):
        with pytest.raises(NotDelivered):
            await private.send(Channel("ops", webhook=url), NOTICE, Secret(KEY))
    assert receiver.requests == []


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "224.0.0.1"])
async def test_what_nobody_may_call_is_not_called_for_a_private_channel_either(address):
    webhooks = Webhooks(SafeFetch(), site(resolver=answering(address)), SystemClock())
    with pytest.raises(NotDelivered, match="never called"):
        await webhooks.send(
            Channel("ops", webhook="https://hooks.example/", allow_private=True), NOTICE, Secret(KEY)
        )


async def test_a_private_channel_is_not_called_in_the_clear_over_the_internet():
    webhooks = Webhooks(SafeFetch(), site(resolver=answering("8.8.8.8")), SystemClock())
    with pytest.raises(NotDelivered, match="TLS"):
        await webhooks.send(
            Channel("ops", webhook="http://hooks.example/", allow_private=True), NOTICE, Secret(KEY)
        )


async def test_who_does_not_answer_is_not_waited_for(receiver):
    receiver.silent = True
    with pytest.raises(NotDelivered):
        await Webhooks(SafeFetch(), site(total_seconds=0.1), SystemClock()).send(
            at(receiver), NOTICE, Secret(KEY)
        )


async def test_a_long_answer_is_not_read(receiver):
    size = MAX_ANSWER_BYTES + 1
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    with pytest.raises(NotDelivered, match="longer"):
        await Webhooks(SafeFetch(), site(), SystemClock()).send(at(receiver), NOTICE, Secret(KEY))


async def test_the_receivers_certificate_is_checked(tmp_path):
    pem, key = certificate(x509.DNSName("hooks.example"))
    (tmp_path / "chain.pem").write_bytes(pem + key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "chain.pem")
    receiver = await Origin().start(server)
    believed = ssl.create_default_context(cadata=pem.decode())
    channel = Channel("ops", webhook=f"https://hooks.example:{receiver.port}/", allow_private=True)
    here = answering("127.0.0.1")
    await Webhooks(SafeFetch(), site(resolver=here, tls=believed), SystemClock()).send(
        channel, NOTICE, Secret(KEY)
    )
    with pytest.raises(NotDelivered):
        await Webhooks(SafeFetch(), site(resolver=here), SystemClock()).send(channel, NOTICE, Secret(KEY))
    assert len(receiver.requests) == 1
    await receiver.stop()


async def test_neither_the_secret_nor_the_receivers_words_are_logged(receiver, caplog):
    caplog.set_level("DEBUG")
    receiver.answer = b"HTTP/1.1 500 hostile-words\r\nContent-Length: 13\r\n\r\nhostile-words"
    with pytest.raises(NotDelivered) as refused:
        await Webhooks(SafeFetch(), site(), SystemClock()).send(at(receiver), NOTICE, Secret(KEY))
    said = caplog.text + str(refused.value)
    assert "hostile-words" not in said
    assert base64.b64encode(KEY).decode() not in said
