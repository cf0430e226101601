# SPDX-License-Identifier: Apache-2.0
"""The room's routes: secrets go in and never come out; upstreams say where they are used."""

from typing import Final

from smartagent.edge import Proof, Route
from smartagent.kernel import Clock, Entropy
from smartagent.keyset import Keyset, Rewrapping
from smartagent.policy import Permission
from smartagent.vault.placeholders import Honeytokens, Placeholders
from smartagent.vault.rewraps import Rewraps, SealingKeysView, SealingKeyView
from smartagent.vault.rules import (
    MAX_SECRET_BYTES,
)
from smartagent.vault.secrets import Secrets
from smartagent.vault.service import Vault
from smartagent.vault.upstreams import Upstreams
from smartagent.vault.views import (
    DestroyRequest,
    HoneytokenList,
    HoneytokenMade,
    HoneytokenRequest,
    RollbackRequest,
    SecretList,
    SecretRequest,
    SecretView,
    SourceRequest,
    UpstreamList,
    UpstreamRequest,
    UpstreamView,
)

_RAW: Final = "application/octet-stream"
_JSON: Final = "application/json"
# As JSON, a byte takes up to six characters (\u0001).
_MAX_BODY_BYTES: Final = 6 * MAX_SECRET_BYTES + 64


def routes(
    vault: Vault,
    placeholders: Placeholders,
    sealing: Keyset,
    rewrapping: Rewrapping,
    clock: Clock,
    entropy: Entropy,
) -> tuple[Route, ...]:
    """Build the room's routes.

    Args:
        vault: This node's memory of the entries.
        placeholders: Stand-ins for keys.
        sealing: Seals what the store keeps.
        rewrapping: Wraps it anew.
        clock: For the time of a change.
        entropy: For ids.
    """
    return (
        *_secret_routes(Secrets(vault, sealing, clock, entropy)),
        *_upstream_routes(Upstreams(vault, placeholders, clock)),
        *_honeytoken_routes(Honeytokens(placeholders, clock, entropy)),
        *_rewrap_routes(Rewraps(rewrapping)),
    )


def _rewrap_routes(acts: Rewraps) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/sealing-keys",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.KEYS_ROTATE,
            event="sealing-key.published",
            act=acts.begin,
            summary="Make a new sealing key, and wrap with it whatever is sealed",
            reply_schema=SealingKeyView,
        ),
        Route(
            method="GET",
            path="/v1/sealing-keys",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.KEYS_ROTATE,
            event="sealing-keys.read",
            act=acts.show,
            summary="Show the sealing keys, and what is still wrapped by older ones",
            reply_schema=SealingKeysView,
        ),
    )


def _secret_routes(acts: Secrets) -> tuple[Route, ...]:
    return (
        *_writing_routes(acts),
        Route(
            method="GET",
            path="/v1/secrets",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_READ,
            event="secrets.read",
            act=acts.show_all,
            summary="List the secrets' names and versions",
            reply_schema=SecretList,
        ),
        Route(
            method="GET",
            path="/v1/secrets/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_READ,
            event="secret.read",
            act=acts.show,
            summary="Show a secret's versions and users, not its value",
            reply_schema=SecretView,
        ),
        *_version_routes(acts),
        Route(
            method="DELETE",
            path="/v1/secrets/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="secret.deleted",
            act=acts.drop,
            summary="Delete a secret that no upstream uses",
        ),
    )


def _writing_routes(acts: Secrets) -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/secrets/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="secret.written",
            act=acts.put,
            summary="Write a secret, or a new version of it; it is never read back",
            media_types=(_RAW, _JSON),
            max_body_bytes=_MAX_BODY_BYTES,
            request_schema=SecretRequest,
            reply_schema=SecretView,
        ),
        Route(
            method="PUT",
            path="/v1/secrets/{name}/source",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="secret.linked",
            act=acts.link,
            summary="Say where another store keeps a secret; it is read there when it is needed",
            request_schema=SourceRequest,
            reply_schema=SecretView,
        ),
    )


def _version_routes(acts: Secrets) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/secrets/{name}/rollback",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="secret.rolled-back",
            act=acts.roll_back,
            summary="Make an earlier version's value the current one again, as a new version",
            request_schema=RollbackRequest,
            reply_schema=SecretView,
        ),
        Route(
            method="POST",
            path="/v1/secrets/{name}/destroy",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="secret.destroyed",
            act=acts.destroy,
            summary="Forget the values of earlier versions for ever",
            request_schema=DestroyRequest,
            reply_schema=SecretView,
        ),
    )


def _honeytoken_routes(acts: Honeytokens) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/honeytokens/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="honeytoken.made",
            act=acts.make,
            summary="Make a honeytoken: a key that opens nothing, and whose use is an alert",
            request_schema=HoneytokenRequest,
            reply_schema=HoneytokenMade,
        ),
        Route(
            method="GET",
            path="/v1/honeytokens",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_READ,
            event="honeytokens.read",
            act=acts.show_all,
            summary="List the honeytokens, without their values",
            reply_schema=HoneytokenList,
        ),
        Route(
            method="DELETE",
            path="/v1/honeytokens/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SECRETS_WRITE,
            event="honeytoken.deleted",
            act=acts.drop,
            summary="Delete a honeytoken",
        ),
    )


def _upstream_routes(acts: Upstreams) -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/upstreams/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.UPSTREAMS_WRITE,
            event="upstream.written",
            act=acts.put,
            summary="Describe an upstream, and where its secret goes",
            request_schema=UpstreamRequest,
            reply_schema=UpstreamView,
        ),
        Route(
            method="GET",
            path="/v1/upstreams",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.UPSTREAMS_READ,
            event="upstreams.read",
            act=acts.show_all,
            summary="List the upstreams",
            reply_schema=UpstreamList,
        ),
        Route(
            method="GET",
            path="/v1/upstreams/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.UPSTREAMS_READ,
            event="upstream.read",
            act=acts.show,
            summary="Show an upstream",
            reply_schema=UpstreamView,
        ),
        Route(
            method="DELETE",
            path="/v1/upstreams/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.UPSTREAMS_WRITE,
            event="upstream.deleted",
            act=acts.drop,
            summary="Delete an upstream",
        ),
    )
