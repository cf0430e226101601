# SPDX-License-Identifier: Apache-2.0
"""The parts of the story that need nobody's word: tokens and the log, checked offline."""

import base64
from collections.abc import Awaitable, Callable

import jwt
import msgspec

from smartagent.cli.demo.telling import Telling
from smartagent.sdk import ReceiptError, Verifier, verify_custody


async def verify_offline(
    story: Telling, token: str, *, rotate: Callable[[], Awaitable[bytes]] | None = None
) -> None:
    """Verify tokens with PyJWT, which knows nothing of us, and with our own `Verifier`.

    With `rotate`, the verifiers keep the key set that they fetched before the rotation.
    """
    if rotate is None:
        story.stage.step("Anybody verifies the token offline, with the published keys")
    answer = await story.recorder("GET", f"{story.cast.issuer}/.well-known/jwks.json", {}, b"")
    story.stage.show(story.recorder.take())
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(msgspec.json.decode(answer.body)).keys}
    verifier = Verifier(story.cast.issuer, story.cast.gateway)
    await _check(story, token, keys, verifier)
    if rotate is None:
        return
    await rotate()
    story.stage.say("The verifiers still have the key set from before.")
    after = await story.have_agent("session")
    old, new = jwt.get_unverified_header(token)["kid"], jwt.get_unverified_header(after.result)["kid"]
    story.stage.check("the new token is signed by the next key", holds=old != new)
    await _check(story, token, keys, verifier)
    await _check(story, after.result, keys, verifier)


async def audit(story: Telling, token: str) -> None:
    """Fetch the chain of custody of `token`, and check it against the log's key alone."""
    story.stage.step("The chain of custody, and its receipts, checked offline")
    claims = msgspec.json.decode(_claims(token))
    target = claims["audit_url"].removeprefix(story.cast.issuer)
    document = await story.ask("GET", target)
    about = await story.recorder("GET", f"{story.cast.issuer}/.well-known/smartagent", {}, b"")
    story.recorder.take()
    vkey = msgspec.json.decode(about.body)["log_vkey"]
    verified = verify_custody(document, vkey)
    events = [
        (entry["record"]["event"], entry["record"].get("decision", ""))
        for entry in msgspec.json.decode(document)["entries"]
    ]
    for event, decision in events:
        story.stage.say(f"   {event} {decision}")
    story.stage.check(
        f"{len(events)} entries, each with a receipt that leads to the signed root of {verified.size}",
        holds={"agent.enrolled", "challenge.issued", "token.issued", "gateway.call"}
        <= {event for event, _ in events},
    )
    story.stage.check("no secret stands in it", holds=story.unseen(document.decode()))
    try:
        verify_custody(
            document.replace(b"order-reader", b"order-writer").replace(b'"permit"', b'"deny"', 1), vkey
        )
    except ReceiptError as error:
        story.stage.check(f"one changed word, and it no longer verifies: {error.code}", holds=True)
    else:
        story.stage.check("a changed document is refused", holds=False)


async def _check(story: Telling, token: str, keys: dict[str | None, jwt.PyJWK], verifier: Verifier) -> None:
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token, key, algorithms=["EdDSA"], audience=story.cast.gateway, issuer=story.cast.issuer
    )
    verified = await verifier.verify(token)
    story.stage.check(
        f"PyJWT and smartagent.sdk.Verifier both say: {claims['sub']}, {claims['scope']}, for {claims['exp'] - claims['iat']} s",
        holds=(claims["sub"], claims["jti"]) == (verified.subject, verified.jti),
    )


def _claims(token: str) -> bytes:
    payload = token.split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
