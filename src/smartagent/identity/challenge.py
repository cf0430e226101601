# SPDX-License-Identifier: Apache-2.0
"""Challenges: a nonce for an agent or an operator to sign."""

from smartagent.edge import AuthenticationFailed, Inbound, MalformedRequest, Outcome, Reply, parse_json
from smartagent.identity.directory import Directory
from smartagent.identity.means import Means
from smartagent.identity.model import Purpose
from smartagent.identity.nonce import NONCE_CHANCE_BYTES, NONCE_LIFE_SECONDS, make_nonce, short_id
from smartagent.identity.shapes import ChallengeRequest, ChallengeView
from smartagent.identity.usable import check_active
from smartagent.kernel import Caller, rfc3339


class Challenges:
    """Gives out nonces."""

    def __init__(self, means: Means, directory: Directory) -> None:
        self._means = means
        self._directory = directory

    async def create(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Make a nonce, bound to who asks and to what it is for.  Nothing is stored.

        Raises:
            AuthenticationFailed: The agent or operator is unknown or may not act.
            MalformedRequest: The purpose does not go with who asks.
        """
        request = parse_json(inbound.body, ChallengeRequest)
        principal = self._principal(request)
        now = self._means.clock.now()
        chance = self._means.entropy(NONCE_CHANCE_BYTES)
        nonce = make_nonce(self._means.nonce_key, request.purpose, principal, now=now, chance=chance)
        view = ChallengeView(nonce, rfc3339(int(now) + NONCE_LIFE_SECONDS), NONCE_LIFE_SECONDS)
        return Outcome(
            Reply(201, view, headers=(("cache-control", "no-store"),)),
            subject=principal,
            detail={"challenge": short_id(nonce), "purpose": request.purpose.value},
        )

    def _principal(self, request: ChallengeRequest) -> str:
        if bool(request.agent) == bool(request.operator):
            raise MalformedRequest("name an agent or an operator")
        if (request.purpose is Purpose.OPERATOR_SESSION) == bool(request.agent):
            raise MalformedRequest("an agent asks for `session` or `key`, an operator for `operator-session`")
        if request.agent:
            return check_active(self._directory.agent(request.agent)).id
        operator = self._directory.operator(request.operator)
        if operator is None:
            raise AuthenticationFailed("the operator is unknown")
        return operator.id
