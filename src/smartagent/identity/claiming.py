# SPDX-License-Identifier: Apache-2.0
"""Claiming: how a person becomes an operator, by a one-time link and a key of their own.

The first start prints the first link; later links are made by operators.  The code stands
in the link's fragment, which browsers and proxies do not send or log.
"""

from typing import Final

from smartagent.crypto import PublicKey, b64u, sha256, unb64u
from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.identity.errors import KeyAlreadyKnown
from smartagent.identity.inventory import operator_view
from smartagent.identity.means import Means
from smartagent.identity.model import ClaimLink, Operator
from smartagent.identity.rules import CLAIM_LINK_LIFE_SECONDS, parse_name
from smartagent.identity.shapes import ClaimLinkView, ClaimRequest
from smartagent.identity.store import (
    add_claim_link,
    add_key,
    add_operator,
    is_key_known,
    operator_changed,
    read_claim_link,
    use_claim_link,
)
from smartagent.identity.usable import CLAIM_CODE_PREFIX, check_unused
from smartagent.kernel import (
    Caller,
    Decision,
    IdPrefix,
    Ledger,
    OperatorRole,
    Record,
    Secret,
    Work,
    Write,
    rfc3339,
)

LINK_PATH: Final = "/claim#"
_CODE_BYTES: Final = 32


class Claiming:
    """Makes claim links, and operators of them."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def first_claim(self, ledger: Ledger) -> Secret[str]:
        """Make the link for the first operator, to be printed where only who started the house sees it.

        Raises:
            StoreUnavailable: It could not be made durable.
        """
        link, url, write = self._make(created_by="")
        record = Record(
            event="claim-link.created",
            at_ms=int(self._means.clock.now() * 1000),
            request="",
            subject=link.id,
            decision=Decision.PERMIT,
            rule="first-start",
            detail={"expires_at": link.expires_at},
        )
        await ledger.commit(Work((record,), writes=(write,)))
        return Secret(url)

    async def invite(self, caller: Caller, _inbound: Inbound) -> Outcome:
        """Make a claim link for another operator."""
        link, url, write = self._make(created_by=caller.principal)
        return Outcome(
            Reply(
                201, ClaimLinkView(url, rfc3339(link.expires_at)), headers=(("cache-control", "no-store"),)
            ),
            subject=link.id,
            detail={"expires_at": link.expires_at},
            writes=(write,),
        )

    async def claim(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Make an operator of a link and a key.  The link, the key and the operator are one commit.

        Raises:
            AuthenticationFailed: The link was used meanwhile.
            KeyAlreadyKnown: Somebody has, or had, this key.
            MalformedName: The name is none.
        """
        request = parse_json(inbound.body, ClaimRequest)
        now = int(self._means.clock.now())
        found = await read_claim_link(self._means.database, sha256(request.code.encode()))
        link = check_unused(found, now=now)
        key = PublicKey.parse(unb64u(request.public_key))
        if await is_key_known(self._means.database, key.thumbprint):
            raise KeyAlreadyKnown
        operator = Operator(
            id=self._means.ids.new(IdPrefix.OPERATOR),
            name=parse_name(request.name),
            public_key=key.raw,
            created_at=now,
            # Whoever started the house says who may what in it.
            role=OperatorRole.OPERATOR if link.created_by else OperatorRole.SECURITY_OFFICER,
        )
        return Outcome(
            Reply(201, operator_view(operator)),
            subject=operator.id,
            detail={"link": link.id, "invited_by": link.created_by, "key": key.thumbprint},
            writes=(
                *use_claim_link(link, operator.id, now=now),
                add_key(key.thumbprint, operator.id),
                add_operator(operator),
            ),
            changes=(operator_changed(operator.id),),
        )

    def _make(self, *, created_by: str) -> tuple[ClaimLink, str, Write]:
        code = CLAIM_CODE_PREFIX + b64u(self._means.entropy(_CODE_BYTES))
        expires_at = int(self._means.clock.now()) + CLAIM_LINK_LIFE_SECONDS
        link = ClaimLink(self._means.ids.new(IdPrefix.CLAIM_LINK), created_by, expires_at, None)
        return link, self._means.issuer + LINK_PATH + code, add_claim_link(link, sha256(code.encode()))
