# SPDX-License-Identifier: Apache-2.0
"""What every part of the story uses: the stage, the cast, the operator, and the secret to keep."""

from smartagent.cli.demo.agent import Report
from smartagent.cli.demo.cast import Cast, StageFright
from smartagent.cli.demo.recorder import Recorder
from smartagent.cli.demo.stage import Stage
from smartagent.crypto import SystemClock, b64u, system_entropy
from smartagent.sdk import Means, Operator


class Telling:
    """One telling of the story."""

    def __init__(self, stage: Stage, cast: Cast) -> None:
        self.stage = stage
        self.cast = cast
        self.clock = SystemClock()
        self.recorder = Recorder()
        # A real API key would come from the shop; it is made here so that no two demos share one.
        self.shop_key = "shop_live_" + b64u(system_entropy(24))
        self.means = Means(self.recorder, self.clock, system_entropy)
        self._operator: Operator | None = None

    @property
    def operator(self) -> Operator:
        """The operator, once the authority was claimed."""
        if self._operator is None:
            raise StageFright("nobody has claimed the authority")
        return self._operator

    def become(self, operator: Operator) -> None:
        """Go on as this operator."""
        self._operator = operator

    async def ask(self, method: str, target: str, body: object = None) -> bytes:
        """Have the operator do something, and show it."""
        try:
            return await self.operator.request(method, target, body)
        finally:
            self.stage.show(self.recorder.take())

    async def have_agent(self, do: str, argument: str = "", *, method: str = "GET", path: str = "") -> Report:
        """Have the agent do something, and show it."""
        report = await self.cast.agent(do, argument, method=method, path=path)
        self.stage.show(report.shown)
        return report

    def unseen(self, text: str) -> bool:
        """Say whether the shop's key is nowhere in `text`."""
        return self.shop_key not in text and self.shop_key[10:] not in text
