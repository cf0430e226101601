# SPDX-License-Identifier: Apache-2.0
"""What can be asked of clients and resources."""

from smartagent.clients.desk import (
    ClientPage,
    ClientRequest,
    ClientView,
    ResourceList,
    ResourceRequest,
    ResourceView,
)
from smartagent.clients.registration import REGISTER_PATH
from smartagent.clients.service import Clients
from smartagent.edge import Proof, Route

_MANAGED = REGISTER_PATH + "/{client_id}"


def clients_routes(clients: Clients) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (*_registering(clients), *_operating(clients), *_protecting(clients))


def _registering(clients: Clients) -> tuple[Route, ...]:
    acts = clients.registration
    return (
        Route(
            "POST",
            REGISTER_PATH,
            Proof.NONE,
            "clients.register",
            "client.registered",
            acts.register,
            summary="Register a client (RFC 7591)",
            oauth=True,
            max_body_bytes=16_384,
        ),
        Route(
            "GET",
            _MANAGED,
            Proof.REGISTRATION_TOKEN,
            "clients.manage",
            "client.shown",
            acts.show,
            summary="Show a client its registration (RFC 7592)",
            oauth=True,
        ),
        Route(
            "PUT",
            _MANAGED,
            Proof.REGISTRATION_TOKEN,
            "clients.manage",
            "client.changed",
            acts.change,
            summary="Replace a client's registration (RFC 7592)",
            oauth=True,
            max_body_bytes=16_384,
        ),
        Route(
            "DELETE",
            _MANAGED,
            Proof.REGISTRATION_TOKEN,
            "clients.manage",
            "client.removed",
            acts.remove,
            summary="Remove a client's registration (RFC 7592)",
            oauth=True,
        ),
    )


def _operating(clients: Clients) -> tuple[Route, ...]:
    acts = clients.desk
    return (
        Route(
            "POST",
            "/v1/clients",
            Proof.ACCESS_TOKEN,
            "clients.write",
            "client.registered",
            acts.add,
            summary="Register an OAuth client",
            request_schema=ClientRequest,
            reply_schema=ClientView,
        ),
        Route(
            "GET",
            "/v1/clients",
            Proof.ACCESS_TOKEN,
            "clients.read",
            "clients.listed",
            acts.list_clients,
            summary="List OAuth clients",
            reply_schema=ClientPage,
        ),
        Route(
            "GET",
            "/v1/clients/{id}",
            Proof.ACCESS_TOKEN,
            "clients.read",
            "client.read",
            acts.show,
            summary="Show an OAuth client",
            reply_schema=ClientView,
        ),
        Route(
            "DELETE",
            "/v1/clients/{id}",
            Proof.ACCESS_TOKEN,
            "clients.write",
            "client.removed",
            acts.remove,
            summary="Remove an OAuth client, and end all that it was given",
        ),
    )


def _protecting(clients: Clients) -> tuple[Route, ...]:
    acts = clients.desk
    return (
        Route(
            "PUT",
            "/v1/resources",
            Proof.ACCESS_TOKEN,
            "resources.write",
            "resource.written",
            acts.put_resource,
            summary="Describe a protected resource, or change it",
            request_schema=ResourceRequest,
            reply_schema=ResourceView,
        ),
        Route(
            "GET",
            "/v1/resources",
            Proof.ACCESS_TOKEN,
            "resources.read",
            "resources.listed",
            acts.list_resources,
            summary="List the protected resources",
            reply_schema=ResourceList,
        ),
        Route(
            "DELETE",
            "/v1/resources",
            Proof.ACCESS_TOKEN,
            "resources.write",
            "resource.removed",
            acts.remove_resource,
            summary="Remove the protected resource that the query names",
        ),
    )
