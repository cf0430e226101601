# SPDX-License-Identifier: Apache-2.0
"""What can be asked about break-glasses and recovery keys."""

from smartagent.edge import Proof, Route
from smartagent.governance.breakglass.desk import BreakGlasses
from smartagent.governance.breakglass.keys import RecoveryKeys
from smartagent.governance.breakglass.views import (
    BreakGlassList,
    BreakGlassRequest,
    BreakGlassView,
    MadeKeyView,
    RecoveryKeyList,
)
from smartagent.policy import Permission


def break_glass_routes(desk: BreakGlasses, keys: RecoveryKeys) -> tuple[Route, ...]:
    """Return the routes on break-glasses, and on recovery keys."""
    return (*_opening(desk), *_keeping(keys))


def _opening(desk: BreakGlasses) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/break-glass",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.BREAK_GLASS_WRITE,
            event="break-glass.opened",
            act=desk.open,
            summary="Open a break-glass: another operator confirms it, or a recovery key stands for one",
            request_schema=BreakGlassRequest,
            reply_schema=BreakGlassView,
        ),
        Route(
            method="GET",
            path="/v1/break-glass",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.BREAK_GLASS_READ,
            event="break-glass.listed",
            act=desk.show_all,
            summary="List the newest break-glasses",
            reply_schema=BreakGlassList,
        ),
        Route(
            method="POST",
            path="/v1/break-glass/{id}/confirmation",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.BREAK_GLASS_WRITE,
            event="break-glass.confirmed",
            act=desk.confirm,
            summary="Put a break-glass in force that another operator opened within ten minutes",
            reply_schema=BreakGlassView,
        ),
        Route(
            method="DELETE",
            path="/v1/break-glass/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.BREAK_GLASS_WRITE,
            event="break-glass.ended",
            act=desk.end,
            summary="End a break-glass early, or give one up that waits",
            reply_schema=BreakGlassView,
        ),
    )


def _keeping(keys: RecoveryKeys) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/recovery-keys",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.BREAK_GLASS_WRITE,
            event="recovery-key.created",
            act=keys.create,
            summary="Make a recovery key; it is shown once, and opens one break-glass",
            reply_schema=MadeKeyView,
        ),
        Route(
            method="GET",
            path="/v1/recovery-keys",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.BREAK_GLASS_READ,
            event="recovery-keys.listed",
            act=keys.show_all,
            summary="List the recovery keys, also those that were used or revoked",
            reply_schema=RecoveryKeyList,
        ),
        Route(
            method="DELETE",
            path="/v1/recovery-keys/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.BREAK_GLASS_WRITE,
            event="recovery-key.revoked",
            act=keys.revoke,
            summary="Let a recovery key open nothing any more",
        ),
    )
