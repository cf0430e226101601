# SPDX-License-Identifier: Apache-2.0
"""What leases can be asked to do."""

from smartagent.edge import Proof, Route
from smartagent.leases.desk import Desk
from smartagent.leases.entries import Credentials, Ledgering, Providers
from smartagent.leases.service import Leases
from smartagent.leases.views import (
    AvailableList,
    CredentialList,
    CredentialRequest,
    CredentialView,
    EndRequest,
    EndView,
    IssuedView,
    LeaseList,
    LeaseRequest,
    LeaseView,
    ProbeView,
    ProviderList,
    ProviderRequest,
    ProviderView,
    RenewRequest,
)
from smartagent.policy import Permission


def leases_routes(leases: Leases) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (
        *_provider_routes(leases.providers),
        *_credential_routes(leases.credentials),
        *_lease_routes(leases.desk, leases.all),
    )


def _provider_routes(acts: Providers) -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/providers/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.PROVIDERS_WRITE,
            event="provider.written",
            act=acts.put,
            summary="Describe a provider: a place where credentials are made",
            request_schema=ProviderRequest,
            reply_schema=ProviderView,
        ),
        Route(
            method="GET",
            path="/v1/providers",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.PROVIDERS_READ,
            event="providers.read",
            act=acts.show_all,
            summary="List the providers",
            reply_schema=ProviderList,
        ),
        *_provider_reads(acts),
    )


def _provider_reads(acts: Providers) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/v1/providers/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.PROVIDERS_READ,
            event="provider.read",
            act=acts.show,
            summary="Show a provider",
            reply_schema=ProviderView,
        ),
        Route(
            method="DELETE",
            path="/v1/providers/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.PROVIDERS_WRITE,
            event="provider.deleted",
            act=acts.drop,
            summary="Delete a provider that nothing comes from any more",
        ),
        Route(
            method="POST",
            path="/v1/providers/{name}/probe",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.PROVIDERS_WRITE,
            event="provider.probed",
            act=acts.probe,
            summary="Ask a provider whether credentials could be made there",
            reply_schema=ProbeView,
        ),
    )


def _credential_routes(acts: Credentials) -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/credentials/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.CREDENTIALS_WRITE,
            event="credential.written",
            act=acts.put,
            summary="Describe what one lease gives",
            request_schema=CredentialRequest,
            reply_schema=CredentialView,
        ),
        Route(
            method="GET",
            path="/v1/credentials",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.CREDENTIALS_READ,
            event="credentials.read",
            act=acts.show_all,
            summary="List the credentials",
            reply_schema=CredentialList,
        ),
        *_credential_reads(acts),
    )


def _credential_reads(acts: Credentials) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/v1/credentials/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.CREDENTIALS_READ,
            event="credential.read",
            act=acts.show,
            summary="Show a credential",
            reply_schema=CredentialView,
        ),
        Route(
            method="DELETE",
            path="/v1/credentials/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.CREDENTIALS_WRITE,
            event="credential.deleted",
            act=acts.drop,
            summary="Delete a credential; leases of it live on until they end",
        ),
        Route(
            method="GET",
            path="/v1/leases/available",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.LEASES_CREATE,
            event="leases.available",
            act=acts.available,
            summary="List what the caller may lease",
            reply_schema=AvailableList,
        ),
    )


def _lease_routes(desk: Desk, every: Ledgering) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/leases",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.LEASES_CREATE,
            event="lease.issued",
            act=desk.issue,
            summary="Lease a credential for this session; it is told once",
            request_schema=LeaseRequest,
            reply_schema=IssuedView,
        ),
        Route(
            method="POST",
            path="/v1/leases/{id}/renew",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.LEASES_RENEW,
            event="lease.renewed",
            act=desk.renew,
            summary="Put the end of a lease off",
            request_schema=RenewRequest,
            reply_schema=LeaseView,
        ),
        *_lease_reads(desk, every),
    )


def _lease_reads(desk: Desk, every: Ledgering) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/v1/leases/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.LEASES_READ,
            event="lease.read",
            act=desk.show,
            summary="Show a lease, without what was made",
            reply_schema=LeaseView,
        ),
        Route(
            method="DELETE",
            path="/v1/leases/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.LEASES_END,
            event="lease.ended-by",
            act=desk.end,
            summary="End a lease",
            reply_schema=LeaseView,
        ),
        Route(
            method="GET",
            path="/v1/leases",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.LEASES_READ,
            event="leases.read",
            act=every.show_all,
            summary="List leases: an agent's own, or all",
            reply_schema=LeaseList,
        ),
        Route(
            method="POST",
            path="/v1/lease-revocations",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.LEASE_REVOCATIONS_CREATE,
            event="leases.revoked",
            act=every.end,
            summary="End every lease of a session, agent, role, credential or provider",
            request_schema=EndRequest,
            reply_schema=EndView,
        ),
    )
