# SPDX-License-Identifier: Apache-2.0
"""A small life of two agents in a log."""

from smartagent.audit import CustodyReader
from smartagent.kernel import Caller, CallerKind, Decision, Record
from tests.unit.audit.small_store import SmallStore

OPERATOR = Caller("opr_1", CallerKind.OPERATOR)
ANN = Caller("agt_ann", CallerKind.AGENT)
BOB = Caller("agt_bob", CallerKind.AGENT)
PERMIT = Decision.PERMIT


class Story:
    """Ann gets a token and uses it; Bob does the same in between."""

    def __init__(self, noise: int = 30) -> None:
        self.store = SmallStore()
        self.store.append(*[b'{"event":"noise","at_ms":1,"request":"req_%d"}' % n for n in range(noise)])
        self.enrolled = self.enrol("ann")
        self.enrol("bob")
        self.challenge("ann", "first")
        self.challenged = self.challenge("ann", "second")
        self.challenge("bob", "third")
        self.issued = self.issue("ann", "aat_1", "ses_1", "second")
        self.issue("bob", "aat_2", "ses_2", "third")

    def enrol(self, who):
        return self.store.record("agent.enrolled", subject=f"agt_{who}", decision=PERMIT)

    def challenge(self, who, name):
        return self.store.record(
            "challenge.issued", subject=f"agt_{who}", decision=PERMIT, detail={"challenge": name}
        )

    def issue(self, who, jti, session, challenge):
        return self.store.record(
            "token.issued",
            caller=f"agt_{who}",
            subject=f"agt_{who}",
            jti=jti,
            session=session,
            decision=PERMIT,
            detail={"challenge": challenge} if challenge else {},
        )

    def use(self, who="ann", jti="aat_1", session="ses_1"):
        """One call through the gateway: intent and outcome under one request id."""
        members = {"caller": f"agt_{who}", "jti": jti, "session": session}
        call = self.store.record("gateway.call", target="GET orders/orders/1", decision=PERMIT, **members)
        request = f"req_{call}"
        done = Record("gateway.done", 1_800_000_000_500, request, outcome="200", **members)
        return call, self.store.append(done.encode())

    def revoke(self, subject):
        return self.store.record("revoked", caller="opr_1", subject=subject, decision=PERMIT)

    async def custody(self, jti="aat_1", caller=OPERATOR, begin=0, limit=100):
        await self.store.settle()
        return await self.custodian().custody(jti, caller, begin, limit)

    def custodian(self):
        return CustodyReader(self.store, self.store.reader())
