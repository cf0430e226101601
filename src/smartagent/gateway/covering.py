# SPDX-License-Identifier: Apache-2.0
"""Calls whose body must be known before their head leaves: nothing of it goes upstream before all of it has come."""

from smartagent.crypto import b64u, sha256
from smartagent.edge import AuthenticationFailed
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.jsonbody import check_json, with_member
from smartagent.gateway.plan import Plan
from smartagent.gateway.signing import Covered
from smartagent.kernel import CallRestriction


async def check_body(restriction: CallRestriction, exchange: Exchange) -> None:
    """Let a call pass whose token is for one body only: this one.

    Raises:
        AuthenticationFailed: It is another body.
        SmartAgentError: It did not come, or is too long to be looked at beforehand.
    """
    if restriction.digest and b64u(sha256(await exchange.whole_body())) != restriction.digest:
        raise AuthenticationFailed("the token is for another body")


async def cover(exchange: Exchange, plan: Plan) -> None:
    """Do with the body what the credential's place asks for: put it in, or read what is signed.

    Raises:
        BodyUnfit: The body has no place for the credential.
        CredentialUnusable: The body is of a kind that cannot be signed.
        SmartAgentError: The body did not come, or is too long to be looked at beforehand.
    """
    head, signer = exchange.head, plan.signer
    if plan.member:
        check_json(head)
        exchange.replace_body(with_member(await exchange.whole_body(), plan.member, plan.credential))
    if signer is not None:
        known = signer.known(head, tls=plan.origin.tls)
        body = await exchange.whole_body() if known is None and head.body else b""
        exchange.covered = Covered(sha256(body).hex() if known is None else known, body)
