# SPDX-License-Identifier: Apache-2.0
"""Federation: whom the house trusts outside itself, and the one safe way to call what others name."""

from smartagent.federation.addresses import Address, check_address, is_public
from smartagent.federation.destinations import Destination, parse_destination
from smartagent.federation.errors import (
    FederationError,
    FetchFailed,
    FetchRefused,
    IssuerChanged,
    IssuerNotFound,
    IssuerTaken,
    KeysUnavailable,
    MalformedIssuer,
    TrustsEverybody,
)
from smartagent.federation.fetching import Getter, SafeFetch
from smartagent.federation.keys import ForeignKey, ForeignKeys, KeySet, KeySource, parse_key_set
from smartagent.federation.means import Means
from smartagent.federation.message import Answer, Fetched, Posted
from smartagent.federation.model import IssuerKind, Purpose, Rule, StoredIssuer, TrustedIssuer
from smartagent.federation.persons import person_id
from smartagent.federation.resolving import Resolver, system_resolver
from smartagent.federation.routes import federation_routes
from smartagent.federation.service import Federation
from smartagent.federation.store import ISSUERS_TOPIC
from smartagent.federation.verify import Foreign

__all__ = [
    "ISSUERS_TOPIC",
    "Address",
    "Answer",
    "Destination",
    "Federation",
    "FederationError",
    "FetchFailed",
    "FetchRefused",
    "Fetched",
    "Foreign",
    "ForeignKey",
    "ForeignKeys",
    "Getter",
    "IssuerChanged",
    "IssuerKind",
    "IssuerNotFound",
    "IssuerTaken",
    "KeySet",
    "KeySource",
    "KeysUnavailable",
    "MalformedIssuer",
    "Means",
    "Posted",
    "Purpose",
    "Resolver",
    "Rule",
    "SafeFetch",
    "StoredIssuer",
    "TrustedIssuer",
    "TrustsEverybody",
    "check_address",
    "federation_routes",
    "is_public",
    "parse_destination",
    "parse_key_set",
    "person_id",
    "system_resolver",
]
