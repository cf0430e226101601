# SPDX-License-Identifier: Apache-2.0
"""Calls whose body must be known before their head leaves: nothing of it goes upstream before all of it has come."""

from smartagent.crypto import b64u, sha256
from smartagent.edge import AuthenticationFailed
from smartagent.gateway.errors import PlaceholderRefused
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.jsonbody import check_json, with_member
from smartagent.gateway.placeholders import found_in_body
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


async def read_body(exchange: Exchange, plan: Plan) -> bytes:
    """Return the body where the credential's place asks for all of it, else nothing.

    Raises:
        BodyUnfit: The body has no place for the credential.
        CredentialUnusable: The body is of a kind that cannot be signed.
        SmartAgentError: The body did not come, or is too long to be looked at beforehand.
    """
    head = exchange.head
    if plan.member:
        check_json(head)
    elif plan.signer is None or plan.signer.known(head, tls=plan.origin.tls) is not None or not head.body:
        return b""
    return await exchange.whole_body()


def cover(exchange: Exchange, plan: Plan, body: bytes) -> None:
    """Put the credential into the body that was read, or keep what is signed of it.

    Raises:
        BodyUnfit: The body has no place for the credential.
        PlaceholderRefused: A placeholder stands in it beside that place.
    """
    if plan.member:
        made = with_member(body, plan.member, plan.credential)
        if found_in_body(made):
            where = "/".join(plan.member)
            raise PlaceholderRefused(f"a placeholder stands in the body; it belongs in its member /{where}")
        exchange.replace_body(made)
    if plan.signer is not None:
        known = plan.signer.known(exchange.head, tls=plan.origin.tls)
        exchange.covered = Covered(sha256(body).hex() if known is None else known, body)
