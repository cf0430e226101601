# SPDX-License-Identifier: Apache-2.0
"""Where programs that speak to Vault call.  Vault takes POST and PUT for the same."""

from typing import Final

from smartagent.edge import Proof, Route
from smartagent.policy import Permission
from smartagent.vaultapi.service import VaultApi
from smartagent.vaultapi.shapes import (
    AccessorRequest,
    Answer,
    LoginRequest,
    RenewLeaseRequest,
    RevokeLeaseRequest,
    refused,
)

# Vault reads a body as JSON whatever its type says, and some clients say nothing.
_ANY: Final = ("application/json", "application/x-www-form-urlencoded", "")


def vaultapi_routes(api: VaultApi) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (*_login_routes(api), *_token_routes(api), *_lease_routes(api))


def _login_routes(api: VaultApi) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/auth/jwt/login",
            proof=Proof.VAULT_LOGIN,
            permission=Permission.TOKENS_ISSUE,
            event="token.issued",
            act=api.login,
            summary="Log in as Vault's JWT auth method does",
            render=refused,
            media_types=_ANY,
            request_schema=LoginRequest,
            reply_schema=Answer,
        ),
        Route(
            method="PUT",
            path="/v1/auth/jwt/login",
            proof=Proof.VAULT_LOGIN,
            permission=Permission.TOKENS_ISSUE,
            event="token.issued",
            act=api.login,
            summary="Log in as Vault's JWT auth method does",
            render=refused,
            media_types=_ANY,
            request_schema=LoginRequest,
            reply_schema=Answer,
        ),
        Route(
            method="GET",
            path="/v1/auth/token/lookup-self",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.LEASES_READ,
            event="token.looked-up",
            act=api.lookup_self,
            summary="Say what the token is, as Vault does",
            render=refused,
            media_types=_ANY,
            reply_schema=Answer,
        ),
    )


def _token_routes(api: VaultApi) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/auth/token/revoke-accessor",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.TOKENS_REVOKE,
            event="revoked",
            act=api.revoke_accessor,
            summary="Revoke a token by its accessor, which is its jti",
            render=refused,
            media_types=_ANY,
            request_schema=AccessorRequest,
            reply_schema=Answer,
        ),
        Route(
            method="PUT",
            path="/v1/auth/token/revoke-accessor",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.TOKENS_REVOKE,
            event="revoked",
            act=api.revoke_accessor,
            summary="Revoke a token by its accessor, which is its jti",
            render=refused,
            media_types=_ANY,
            request_schema=AccessorRequest,
            reply_schema=Answer,
        ),
        *_farewell_routes(api),
    )


def _farewell_routes(api: VaultApi) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/auth/token/revoke-self",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.TOKENS_REVOKE,
            event="revoked",
            act=api.revoke_self,
            summary="End the token's session, and all that hangs on it",
            render=refused,
            media_types=_ANY,
            reply_schema=Answer,
        ),
        Route(
            method="PUT",
            path="/v1/auth/token/revoke-self",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.TOKENS_REVOKE,
            event="revoked",
            act=api.revoke_self,
            summary="End the token's session, and all that hangs on it",
            render=refused,
            media_types=_ANY,
            reply_schema=Answer,
        ),
    )


def _lease_routes(api: VaultApi) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/v1/secret/data/{path}",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.LEASES_CREATE,
            event="lease.issued",
            act=api.read_secret,
            summary="Lease a credential, answered as KV version 2 does",
            render=refused,
            media_types=_ANY,
            reply_schema=Answer,
        ),
        Route(
            method="GET",
            path="/v1/database/creds/{path}",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.LEASES_CREATE,
            event="lease.issued",
            act=api.read_credentials,
            summary="Lease a credential, answered as Vault's database engine does",
            render=refused,
            media_types=_ANY,
            reply_schema=Answer,
        ),
        *_sys_routes(api),
    )


def _sys_routes(api: VaultApi) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/sys/leases/renew",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.LEASES_RENEW,
            event="lease.renewed",
            act=api.renew,
            summary="Put the end of a lease off, as Vault does",
            render=refused,
            media_types=_ANY,
            request_schema=RenewLeaseRequest,
            reply_schema=Answer,
        ),
        Route(
            method="PUT",
            path="/v1/sys/leases/renew",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.LEASES_RENEW,
            event="lease.renewed",
            act=api.renew,
            summary="Put the end of a lease off, as Vault does",
            render=refused,
            media_types=_ANY,
            request_schema=RenewLeaseRequest,
            reply_schema=Answer,
        ),
        *_ending_routes(api),
    )


def _ending_routes(api: VaultApi) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/sys/leases/revoke",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.LEASES_END,
            event="lease.ended-by",
            act=api.revoke,
            summary="End a lease, as Vault does",
            render=refused,
            media_types=_ANY,
            request_schema=RevokeLeaseRequest,
            reply_schema=Answer,
        ),
        Route(
            method="PUT",
            path="/v1/sys/leases/revoke",
            proof=Proof.VAULT_TOKEN,
            permission=Permission.LEASES_END,
            event="lease.ended-by",
            act=api.revoke,
            summary="End a lease, as Vault does",
            render=refused,
            media_types=_ANY,
            request_schema=RevokeLeaseRequest,
            reply_schema=Answer,
        ),
    )
