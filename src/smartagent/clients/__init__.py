# SPDX-License-Identifier: Apache-2.0
"""OAuth clients and protected resources: how they come to be known, and what is known of them."""

from smartagent.clients.errors import (
    ClientChanged,
    ClientNotFound,
    ClientsError,
    ClientUnusable,
    InvalidClientMetadata,
    InvalidRedirectUri,
    MalformedResource,
    ResourceChanged,
    ResourceNotFound,
    TooManyRegistrations,
    UnapprovedSoftwareStatement,
)
from smartagent.clients.means import Means
from smartagent.clients.metadata import LOOPBACK, match_redirect, parse_metadata, shown_name
from smartagent.clients.model import AuthMethod, Client, ClientKind, Resource
from smartagent.clients.registration import REGISTER_PATH
from smartagent.clients.routes import clients_routes
from smartagent.clients.service import Clients
from smartagent.clients.store import (
    CLIENTS_TOPIC,
    RESOURCES_TOPIC,
    client_used,
    drop_resource,
    put_resource,
    resource_changed,
)

__all__ = [
    "CLIENTS_TOPIC",
    "LOOPBACK",
    "REGISTER_PATH",
    "RESOURCES_TOPIC",
    "AuthMethod",
    "Client",
    "ClientChanged",
    "ClientKind",
    "ClientNotFound",
    "ClientUnusable",
    "Clients",
    "ClientsError",
    "InvalidClientMetadata",
    "InvalidRedirectUri",
    "MalformedResource",
    "Means",
    "Resource",
    "ResourceChanged",
    "ResourceNotFound",
    "TooManyRegistrations",
    "UnapprovedSoftwareStatement",
    "client_used",
    "clients_routes",
    "drop_resource",
    "match_redirect",
    "parse_metadata",
    "put_resource",
    "resource_changed",
    "shown_name",
]
