# SPDX-License-Identifier: Apache-2.0
"""A house with a memory: it writes down what each step was given, in order."""

from smartagent.edge import AuthenticationFailed, Proof
from smartagent.kernel import Caller, CallerKind, Claim, Committed, Permitted, SmartAgentError

NOW = 1_800_000_000.5
LOST = AuthenticationFailed("used before")
CLAIM = Claim(b"k" * 16, 1_800_000_060, LOST)
CALLER = Caller(
    principal="agt_1",
    kind=CallerKind.AGENT,
    role="reader",
    session="ses_1",
    jti="aat_1",
    claims=(CLAIM,),
)
YES = Permitted(("house/agents",))


class FakeHouse:
    def __init__(self, *, caller: Caller = CALLER, verdict=YES, refuse: SmartAgentError | None = None):
        self.caller = caller
        self.verdict = verdict
        self.refuse = refuse
        self.lost: list[SmartAgentError] = []
        self.steps: list[tuple[object, ...]] = []

    def now(self) -> float:
        return NOW

    async def authenticate(self, inbound, proof: Proof) -> Caller:
        self.steps.append(("authenticate", inbound, proof))
        if self.refuse is not None:
            raise self.refuse
        return self.caller

    def authorise(self, caller, permission, inbound):
        self.steps.append(("authorise", caller, permission, inbound))
        return self.verdict

    async def commit(self, work, caller, holder=None) -> Committed:
        """Fail with what is in `lost`, first to last, then succeed."""
        self.steps.append(("commit", work, caller))
        if self.lost:
            raise self.lost.pop(0)
        return Committed(7, 3)

    @property
    def names(self) -> list[object]:
        return [step[0] for step in self.steps]

    @property
    def works(self) -> list[object]:
        return [step[1] for step in self.steps if step[0] == "commit"]
