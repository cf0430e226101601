# SPDX-License-Identifier: Apache-2.0
"""A chapter with a person: an agent asks to refund, and somebody approves it on the command line."""

import asyncio
import json
import sys
from typing import Final

from smartagent.cli.demo.agent import Refund
from smartagent.cli.demo.stage import DoesNotHold
from smartagent.cli.demo.telling import Telling

_ASKS: Final = """
[[allow]]
scope = "orders:refund"
upstream = "shop"
methods = ["POST"]
paths = ["/refunds"]
ask = "four-eyes"
"""
_AMOUNT: Final = 12_900
_PATIENCE_SECONDS: Final = 30.0
_CREATED: Final = 201
_ACCEPTED: Final = 202
_FORBIDDEN: Final = 403


async def approve(story: Telling, role_file: str) -> None:
    """Tell the chapter.

    Args:
        story: Who tells.
        role_file: The agent's role, which may ask for refunds besides.

    Raises:
        DoesNotHold: At the first step that does not.
    """
    story.stage.step("A refund waits until a person approves it on the command line")
    await story.ask("PUT", "/v1/roles/order-reader", {"role_file": role_file + _ASKS})
    await story.have_agent("session")
    link = json.loads(await story.ask("POST", "/v1/claim-links", {}))["link"]
    await _command(story, "login", link, "--name", "Grace")
    await _held(story)
    await _another_amount(story)
    await story.ask("PUT", "/v1/roles/order-reader", {"role_file": role_file})


async def _held(story: Telling) -> None:
    refund = asyncio.create_task(story.have_agent("refund", Refund(_AMOUNT).told))
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not (waiting := json.loads(await _command(story, "approvals", "--json"))):
            pass
    asked: str = waiting[0]["id"]
    story.stage.say("$ smartagentctl approvals show")
    card = await _command(story, "approvals", "show", asked)
    story.stage.say(card)
    story.stage.check(
        "the call is held, and its card says what it will do",
        holds=not refund.done() and str(_AMOUNT) in card and "POST" in card,
    )
    story.stage.say(
        await _command(story, "approvals", "approve", asked, "--yes", "--reason", "the lamp broke")
    )
    done = await refund
    story.stage.check(f"the very call that was held went on: {done.status}", holds=done.status == _CREATED)


async def _another_amount(story: Telling) -> None:
    asks = await story.have_agent("refund", Refund(_AMOUNT, prefer="respond-async").told)
    story.stage.check(
        "the same call again is another call: it waits for its own approval", holds=asks.status == _ACCEPTED
    )
    asked = json.loads(asks.result)["approval"]
    await _command(story, "approvals", "approve", asked, "--yes")
    greedy = await story.have_agent("refund", Refund(_AMOUNT * 10, approval=asked).told)
    story.stage.check(
        f"with another amount it is refused: {greedy.status}",
        holds=greedy.status == _FORBIDDEN and "approval-mismatch" in greedy.result,
    )
    agreed = await story.have_agent("refund", Refund(_AMOUNT, approval=asked).told)
    story.stage.check("as it was approved it is made, once", holds=agreed.status == _CREATED)


async def _command(story: Telling, *words: str) -> str:
    """Run `smartagentctl` as the person at the desk, and return what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from smartagent.cli.smartagentctl import main; main()",
        "--config-home", str(story.cast.folder / "desk"), *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(_PATIENCE_SECONDS):
        said, _ = await process.communicate()
    if process.returncode:
        raise DoesNotHold(f"smartagentctl {words[0]}: {said.decode()[-300:]}")
    return said.decode().rstrip()
