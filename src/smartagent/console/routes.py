# SPDX-License-Identifier: Apache-2.0
"""What browsers can ask of this room, beside its pages; and what operators can ask of it without one."""

from smartagent.console.model import PasskeyList, PasskeyView
from smartagent.console.passkeys import PasskeyRequest, Passkeys
from smartagent.console.service import Console
from smartagent.console.signing import ClaimAnswer, PasskeyAnswer
from smartagent.edge import Proof, Route

_FORM = ("application/x-www-form-urlencoded",)
_REPORTS = ("application/csp-report", "application/reports+json")


def console_routes(console: Console) -> tuple[Route, ...]:
    """Return the routes of the console itself."""
    return (
        *_signing_in(console),
        *_signed_in(console),
        *_claiming(console),
        *_live(console),
        *console.page_routes(),
    )


def passkey_routes(passkeys: Passkeys) -> tuple[Route, ...]:
    """Return the verbs about passkeys, which pages use like anybody else."""
    return (
        Route(
            "GET",
            "/v1/passkeys",
            Proof.ACCESS_TOKEN,
            "sign-ins.manage",
            "passkeys.listed",
            passkeys.list_own,
            summary="List the caller's passkeys",
            reply_schema=PasskeyList,
        ),
        Route(
            "DELETE",
            "/v1/passkeys/{id}",
            Proof.ACCESS_TOKEN,
            "sign-ins.manage",
            "passkey.removed",
            passkeys.remove,
            summary="Forget one of the caller's passkeys",
        ),
    )


def _signing_in(console: Console) -> tuple[Route, ...]:
    signing = console.signing
    return (
        Route(
            "GET",
            "/console/sign-in",
            Proof.NONE,
            "sign-in",
            "sign-in.shown",
            signing.show,
            summary="Show the page to sign in to the console at",
            render=console.frame.refusal,
        ),
        Route(
            "POST",
            "/console/sign-in",
            Proof.NONE,
            "sign-in",
            "signed-in",
            signing.by_code,
            summary="Sign in to the console with a code",
            render=signing.refusal,
            media_types=_FORM,
            max_body_bytes=4096,
        ),
        Route(
            "POST",
            "/console/sign-in/passkey",
            Proof.NONE,
            "sign-in",
            "signed-in",
            signing.by_passkey,
            summary="Sign in to the console with a passkey",
            max_body_bytes=16_384,
            request_schema=PasskeyAnswer,
        ),
    )


def _signed_in(console: Console) -> tuple[Route, ...]:
    return (
        Route(
            "POST",
            "/console/sign-out",
            Proof.CONSOLE_SESSION,
            "console.view",
            "signed-out",
            console.signing.sign_out,
            summary="End the browser's session",
            render=console.frame.refusal,
            media_types=_FORM,
            max_body_bytes=1024,
        ),
        Route(
            "POST",
            "/console/account/passkeys",
            Proof.CONSOLE_SESSION,
            "sign-ins.manage",
            "passkey.added",
            console.passkeys.add,
            summary="Take a passkey that the operator's browser made",
            max_body_bytes=16_384,
            request_schema=PasskeyRequest,
            reply_schema=PasskeyView,
        ),
    )


def _claiming(console: Console) -> tuple[Route, ...]:
    signing = console.signing
    return (
        Route(
            "GET",
            "/console/claim",
            Proof.NONE,
            "sign-in",
            "claim.shown",
            signing.show_claim,
            summary="Show the page of a claim link",
            render=console.frame.refusal,
        ),
        Route(
            "POST",
            "/console/claim",
            Proof.NONE,
            "sign-in",
            "operator.claimed",
            signing.claim,
            summary="Become an operator by a claim link, with a passkey",
            max_body_bytes=16_384,
            request_schema=ClaimAnswer,
        ),
    )


def _live(console: Console) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            "/console/live",
            Proof.CONSOLE_SESSION,
            "console.view",
            "console.followed",
            console.live.follow,
            summary="Follow what changes, as server-sent events",
            render=console.frame.refusal,
        ),
        Route(
            "POST",
            "/console/csp-reports",
            Proof.NONE,
            "sign-in",
            "csp.reported",
            console.count_violation,
            summary="Count that a page broke its policy",
            media_types=_REPORTS,
            max_body_bytes=16_384,
        ),
    )
