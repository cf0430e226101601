# SPDX-License-Identifier: Apache-2.0
"""The story, in the order that it happens, each sentence checked as it is told."""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from smartagent.cli.demo.approving import approve
from smartagent.cli.demo.cast import Cast, StageFright
from smartagent.cli.demo.database import lease
from smartagent.cli.demo.proofs import audit, verify_offline
from smartagent.cli.demo.stage import DoesNotHold, Stage
from smartagent.cli.demo.telling import Telling
from smartagent.crypto import SystemClock, system_entropy
from smartagent.kernel import SmartAgentError
from smartagent.sdk import Operator, claim_house, make_key_file, save_key_file

ROLE: Final = """\
name = "order-reader"
description = "Reads orders."
ttl = "{ttl}"
networks = ["127.0.0.0/8"]
audiences = ["https://reports.example"]

[[allow]]
scope = "orders:read"
upstream = "shop"
methods = ["GET"]
paths = ["/orders/**"]
"""
UNAUTHENTICATED: Final = "unauthenticated"
_OK: Final = 200
_PRIVATE: Final = 0o600
_DOTS_OF_A_TOKEN: Final = 2
_REVOKE_WITHIN_MS: Final = 1000
_EXPIRED_AFTER_SECONDS: Final = 2.1


class Story(Telling):
    """One telling, from the claim to the rotated key."""

    async def tell(self) -> None:
        """Tell it all.

        Raises:
            DoesNotHold: At the first step that does not.
        """
        await self.claim()
        await self.set_up()
        agent_id = await self.enrol()
        token = await self.prove()
        await verify_offline(self, token)
        await self.call()
        await self.refusals()
        await audit(self, token)
        await approve(self, ROLE.format(ttl="15m"))
        await self.revoke(agent_id)
        await self.rotate(agent_id)
        await lease(self, ROLE.format(ttl="15m"))

    async def claim(self) -> None:
        """The authority starts with no owner; a person claims it with a key of their own."""
        self.stage.step("A first start, and an operator who claims it with a key of their own")
        link = await self.cast.start_authority()
        self.stage.say(f"The authority made its keys and printed a link that works once: {link[:60]}...")
        key_file = self.cast.folder / "operator.key"
        holder = await claim_house(make_key_file(key_file, system_entropy), link, "Ada", means=self.means)
        save_key_file(key_file, holder)
        self.stage.show(self.recorder.take())
        self.become(Operator(holder, means=self.means))
        await self.ask("GET", "/v1/operators")
        self.stage.check(
            "the operator's key is in a file of mode 0600", holds=key_file.stat().st_mode & 0o777 == _PRIVATE
        )
        try:
            await claim_house(
                make_key_file(self.cast.folder / "second.key", system_entropy), link, "Eve", means=self.means
            )
        except SmartAgentError:
            self.stage.show(self.recorder.take())
        else:
            raise DoesNotHold("the link worked twice")
        self.stage.check("the link does not work twice", holds=True)

    async def set_up(self) -> None:
        """The operator puts the shop's key into the vault, and says who may do what with it."""
        self.stage.step("A secret, an upstream and a role")
        base_url = await self.cast.start_shop(self.shop_key)
        answer = await self.operator.send(
            "PUT", "/v1/secrets/shop-key", self.shop_key.encode(), "application/octet-stream"
        )
        self.stage.show(self.recorder.take())
        self.stage.check(
            "the vault took the shop's key, and does not show it",
            holds=answer.status in {200, 201} and self.unseen(answer.body.decode()),
        )
        await self.ask(
            "PUT",
            "/v1/upstreams/shop",
            {"base_url": base_url, "secret": "shop-key", "place": "bearer", "allow_private": True},
        )
        await self.ask("PUT", "/v1/roles/order-reader", {"role_file": ROLE.format(ttl="15m")})
        self.stage.check(
            "the role order-reader may GET /orders/** at the shop, from 127.0.0.0/8, for 15 minutes",
            holds=True,
        )

    async def enrol(self) -> str:
        """An agent makes its key, and enrols it with a token that works once."""
        self.stage.step("An agent enrols with a key that only it holds")
        await self.cast.start_agent()
        first = await self._enrolment()
        enrolled = await self.have_agent("enrol", first)
        self.stage.check(f"the agent is {enrolled.result}", holds=enrolled.result.startswith("agt_"))
        again = await self.have_agent("enrol-other-key", first)
        self.stage.check("the enrolment token does not work twice", holds=UNAUTHENTICATED in again.error)
        known = await self.have_agent("enrol-again", await self._enrolment())
        self.stage.check("a key that is known already is refused", holds=bool(known.error))
        agents = msgspec.json.decode(await self.ask("GET", "/v1/agents"))
        mine = [agent for agent in agents["agents"] if agent["id"] == enrolled.result]
        self.stage.check(
            "it stands in the inventory, with its role and its owner",
            holds=[(a["role"], a["owner"], a["status"]) for a in mine]
            == [("order-reader", self.operator.id, "active")],
        )
        return enrolled.result

    async def prove(self) -> str:
        """The agent proves who it is, and gets a token that lives for minutes."""
        self.stage.step("A signed nonce becomes a short-lived token; plain OAuth gives the same")
        oauth = await self.have_agent("oauth")
        self.stage.check(
            "client_credentials with private_key_jwt gives a token",
            holds=oauth.result.count(".") == _DOTS_OF_A_TOKEN,
        )
        session = await self.have_agent("session")
        self.stage.check("so does the nonce handshake", holds=session.result.count(".") == _DOTS_OF_A_TOKEN)
        return session.result

    async def call(self) -> None:
        """The agent uses the shop, whose key it never sees."""
        self.stage.step("The agent calls the shop through the gateway; the gateway puts the key in")
        order = await self.have_agent("call", path="/shop/orders/7")
        self.stage.check("the shop answered 200", holds=order.status == _OK)
        mirror = await self.have_agent("call", path="/shop/orders/mirror")
        self.stage.check(
            "the shop sent its key back, and no byte of it reached the agent",
            holds=mirror.status == _OK
            and "authorization" in mirror.result.lower()
            and self.unseen(mirror.result),
        )

    async def refusals(self) -> None:
        """Whatever is not allowed is refused, with a code that says which rule of the game it broke."""
        self.stage.step("What is not allowed is refused")
        await self._refused(
            "a call outside the scope", "DELETE /orders/7 on shop", method="DELETE", path="/shop/orders/7"
        )
        await self._refused(
            "another path of the same shop", "GET /customers/1 on shop", path="/shop/customers/1"
        )
        await self._refused("a path that tries to climb out", "target", path="/shop/orders/..%2f..%2fadmin")
        await self.have_agent("session", "https://reports.example")
        await self._refused("a token for another audience", UNAUTHENTICATED, path="/shop/orders/7")
        replay = await self.have_agent("replay")
        self.stage.check(
            "a nonce does not work twice", holds=[each.status for each in replay.shown] == [201, 201, 401]
        )
        stranger = await self.have_agent("stranger")
        self.stage.check(
            "an unknown agent gets no challenge", holds=[each.status for each in stranger.shown] == [401]
        )
        await self.ask("PUT", "/v1/roles/order-reader", {"role_file": ROLE.format(ttl="1s")})
        await self.have_agent("session")
        await asyncio.sleep(_EXPIRED_AFTER_SECONDS)
        await self._refused("an expired token", UNAUTHENTICATED, path="/shop/orders/7")
        await self.ask("PUT", "/v1/roles/order-reader", {"role_file": ROLE.format(ttl="15m")})

    async def revoke(self, agent_id: str) -> None:
        """One command ends everything that the agent can do, also what is flowing."""
        self.stage.step("Revoking the agent stops it at once, in the middle of a stream too")
        await self.have_agent("session")
        flowing = await self.cast.agent("stream", path="/shop/orders/events")
        self.stage.check(f"events flow through the gateway ({flowing.result})", holds=flowing.status == _OK)
        began = self.clock.now()
        await self.ask(
            "POST", "/v1/revocations", {"kind": "agent", "id": agent_id, "reason": "the story wants it"}
        )
        answered = self.clock.now()
        cut = await self.cast.report()
        ms = (cut.at - began) * 1000
        self.stage.check(
            f"the stream was cut {ms:.1f} ms after the command was sent (it was answered after {(answered - began) * 1000:.1f} ms)",
            holds=not cut.error and ms < _REVOKE_WITHIN_MS,
        )
        await self._refused("its next call", UNAUTHENTICATED, path="/shop/orders/7")
        challenge = await self.have_agent("session")
        self.stage.check("its next challenge is refused", holds=UNAUTHENTICATED in challenge.error)
        token = await self.have_agent("oauth")
        self.stage.check("its next token request is refused", holds="invalid_client" in token.error)

    async def rotate(self, agent_id: str) -> None:
        """The signing key changes, and nobody who verifies tokens notices."""
        self.stage.step("The signing key rotates without one failed verification")
        await self.ask(
            "POST", f"/v1/agents/{agent_id}/status", {"status": "active", "reason": "the story goes on"}
        )
        before = await self.have_agent("oauth")
        await verify_offline(self, before.result, rotate=lambda: self.ask("POST", "/v1/keys/rotate", {}))

    async def _enrolment(self) -> str:
        made = msgspec.json.decode(await self.ask("POST", "/v1/enrolments", {"role": "order-reader"}))
        token: str = made["enrolment_token"]
        return token

    async def _refused(self, what: str, code: str, *, path: str, method: str = "GET") -> None:
        report = await self.have_agent("call", method=method, path=path)
        self.stage.check(
            f"{what} is refused: {report.status}",
            holds=report.status in {400, 401, 403} and code in report.result,
        )


def run() -> int:
    """Tell the story, and return the exit code: 0, or 1 at the first step that does not hold."""
    folder = Path(tempfile.mkdtemp(prefix="smartagent-demo-"))
    try:
        return asyncio.run(_run(folder, keep=bool(os.environ.get("KEEP"))))  # noqa: TID251 -- what `make` hands over
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(folder: Path, *, keep: bool) -> int:
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    stage, cast = Stage(console), Cast(folder)
    clock = SystemClock()
    began = clock.monotonic()
    story = Story(stage, cast)
    try:
        await story.tell()
        stage.say(f"\nEverything held, in {clock.monotonic() - began:.1f} s.")
        if keep:
            stage.say(f"authority {cast.issuer}   gateway {cast.gateway}   files {folder}   Ctrl-C ends it")
            await asyncio.Event().wait()
    except (DoesNotHold, StageFright, SmartAgentError) as error:
        stage.show(story.recorder.take())
        stage.say(f"\nThis does not hold: {error}")
        return 1
    except asyncio.CancelledError:
        return 0
    finally:
        await story.recorder.close()
        await cast.end()
    return 0
