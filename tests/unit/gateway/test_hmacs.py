# SPDX-License-Identifier: Apache-2.0
"""HMAC signatures are those that the services' own documents show."""

import base64
import hashlib
import hmac

import pytest

from smartagent.gateway.head import parse_request_head
from smartagent.gateway.hmacs import hmac_signer
from smartagent.gateway.inject import inject
from smartagent.gateway.plan import plan_for
from smartagent.gateway.signing import Covered, Outgoing
from smartagent.kernel import Secret
from tests.unit.gateway.fakes import Entry

KEY, NOW = b"It's a Secret to Everybody", 1_531_420_618.9
ASKED = Outgoing("POST", "/base/v1/a", "x=1", [("host", "api.example")])


def signed(place, body=b"", digest="", key=KEY, asked=ASKED):
    return dict(hmac_signer(place, Secret(key)).sign(asked, Covered(digest, body), NOW))


def mac(message, key=KEY):
    return hmac.new(key, message, hashlib.sha256)


def test_the_example_of_github_holds():
    # GitHub, "Validating webhook deliveries": the value that its documents give for this key and body.
    made = signed("X-Hub-Signature-256:sha256={hex}:{body}", b"Hello, World!")
    known = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert made == {"x-hub-signature-256": known}


def test_the_example_of_slack_holds():
    # Slack, "Verifying requests from Slack".
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url="
        b"https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id="
        b"398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    place = "X-Slack-Signature,X-Slack-Request-Timestamp:v0={hex}:v0:{timestamp}:{body}"
    made = dict(
        hmac_signer(place, Secret(b"8f742231b10e8888abcd99yyyzzz85a5")).sign(
            ASKED, Covered("", body), 1_531_420_618
        )
    )
    assert made == {
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "x-slack-request-timestamp": "1531420618",
    }


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("X-Sig", mac(b"body").hexdigest()),
        ("X-Sig:{base64}", base64.b64encode(mac(b"body").digest()).decode()),
        ("X-Sig:t={timestamp},v1={hex}", f"t=1531420618,v1={mac(b'body').hexdigest()}"),
        ("X-Sig:{hex}:{method}{newline}{host}{newline}{path}{newline}{query}", mac(b"POST\napi.example\n/base/v1/a\nx=1").hexdigest()),
        ("X-Sig:{hex}:{target}|{timestamp}|{digest}", mac(b"/base/v1/a?x=1|1531420618|abc").hexdigest()),
        ("X-Sig:{hex}:no word at all", mac(b"no word at all").hexdigest()),
        ("X-Sig:{hex}:{body}{body}", mac(b"bodybody").hexdigest()),
    ],
)  # fmt: skip
def test_what_is_signed_and_how_it_is_written_is_what_the_entry_says(place, value):
    assert signed(place, b"body", "abc") == {"x-sig": value}


def test_a_target_without_a_query_has_no_question_mark():
    asked = ASKED._replace(query="")
    assert signed("X-Sig:{hex}:{target}", asked=asked)["x-sig"] == mac(b"/base/v1/a").hexdigest()


def test_a_body_is_signed_byte_for_byte_also_when_it_looks_like_a_word():
    assert signed("X-Sig", b"{hex}{body}\xff\x00")["x-sig"] == mac(b"{hex}{body}\xff\x00").hexdigest()


@pytest.mark.parametrize(
    ("place", "known"),
    [("X-Sig", None), ("X-Sig:{hex}:{digest}", None), ("X-Sig:{hex}:{method}{path}", "")],
)
def test_only_what_is_signed_has_to_be_read_beforehand(place, known):
    head = parse_request_head(b"POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\n")
    assert hmac_signer(place, Secret(KEY)).known(head, tls=True) == known


def test_what_the_agent_sent_in_its_fields_goes_and_no_answer_may_show_the_key():
    plan = plan_for(Entry("crm", "https://api.example", place="hmac:X-Sig,X-Time"), (Secret(KEY),))
    head = parse_request_head(
        b"GET / HTTP/1.1\r\nHost: gw\r\nX-Sig: agent\r\nX_Sig: agent\r\nX-Time: 1\r\nAuthorization: agent\r\nX-Other: kept\r\n"
    )
    raw = inject(head, "/", "", plan, "", (Covered(""), NOW))
    assert b"agent" not in raw
    assert raw.count(b"x-sig: ") == raw.count(b"x-time: ") == 1
    assert b"x-other: kept" in raw
    assert KEY not in raw
    assert KEY in plan.variants.needles
