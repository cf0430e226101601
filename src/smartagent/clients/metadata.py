# SPDX-License-Identifier: Apache-2.0
"""What a client may say of itself.

All of it is a stranger's text: addresses are held to what they are for, names to what can be shown, and
what is not understood is left out or refused, as the specifications say.

Spec: RFC 7591 section 2, RFC 8252 sections 7 and 8, OAuth 2.1 sections 2.3.1 and 8.4.2.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

from smartagent.clients.errors import InvalidClientMetadata, InvalidRedirectUri, MalformedResource
from smartagent.clients.model import AuthMethod, Client, Resource
from smartagent.crypto import MalformedKey, public_key_from_jwk

MAX_URI_CHARS: Final = 2048
MAX_NAME_CHARS: Final = 100
MAX_SCOPE_CHARS: Final = 1000
MAX_REDIRECT_URIS: Final = 20
MAX_KEYS: Final = 10
MAX_SCOPES: Final = 100
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
GRANT_TYPES: Final = (
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:openid:params:grant-type:ciba",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:token-exchange",
)
CONFIDENTIAL_ONLY: Final = frozenset(GRANT_TYPES[3:])
"""Who cannot prove to be itself gets nothing on its own account, and asks nobody in the background."""
_ID_TOKEN_ALGS: Final = ("RS256", "ES256", "EdDSA")
_SYMMETRIC: Final = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
# RFC 8252 section 7.1: a private-use scheme is a reversed domain name, so it has a dot.
_PRIVATE_USE: Final = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def match_redirect(client: Client, uri: str) -> bool:
    """Say whether answers for `client` may be sent to `uri`.

    It must be one of the registered ones, to the letter; of a loopback address the port is free,
    because an application on somebody's machine cannot know it beforehand.

    Spec: OAuth 2.1 section 2.3.1, RFC 8252 section 7.3.
    """
    if uri in client.redirect_uris:
        return True
    asked = _loopback(uri)
    return asked is not None and any(_loopback(known) == asked for known in client.redirect_uris)


def _loopback(uri: str) -> tuple[str, str, str] | None:
    parts = _split(uri)
    if (
        parts is None
        or parts.scheme != "http"
        or parts.hostname not in LOOPBACK
        or parts.username is not None
    ):
        return None
    return parts.hostname, parts.path, parts.query


def check_redirect(uri: object, application_type: str) -> str:
    """Return a redirect URI that can be registered.

    Raises:
        InvalidRedirectUri: It is relative, has a fragment or a login in it, or a scheme that is none of
            https, http to a loopback address, or a private-use one of a native application.
    """
    parts = _split(uri) if isinstance(uri, str) else None
    if parts is None or not isinstance(uri, str):
        raise InvalidRedirectUri("it is not an absolute URI in visible ASCII")
    if parts.fragment or "#" in uri or parts.username is not None or parts.password is not None:
        raise InvalidRedirectUri("it has a fragment, or a login in it")
    if parts.scheme == "https" and parts.hostname:
        return uri
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return uri
    if application_type == "native" and _PRIVATE_USE.fullmatch(parts.scheme) and not parts.netloc:
        return uri
    raise InvalidRedirectUri(
        "use https, http to a loopback address, or (native) a reversed domain name as scheme"
    )


def parse_metadata(said: Mapping[str, object], client: Client, *, symmetric_is_none: bool = False) -> Client:
    """Return `client` with what it says of itself.

    Args:
        said: The members of RFC 7591 section 2; others are ignored.
        client: Its id and kind; the rest is taken from `said`.
        symmetric_is_none: Register a client that asks for a secret as one without (section 2: the
            server may replace what is asked for, and says so).

    Raises:
        InvalidRedirectUri: One of the redirect URIs cannot be used.
        InvalidClientMetadata: Another member cannot be used; names it.
    """
    application_type = _one_of(said, "application_type", ("web", "native"), client.application_type)
    auth_method = _auth_method(said, symmetric_is_none=symmetric_is_none)
    jwks, jwks_uri = _keys(said)
    if (auth_method is AuthMethod.PRIVATE_KEY_JWT) != bool(jwks or jwks_uri):
        raise InvalidClientMetadata("jwks", "private_key_jwt needs jwks or jwks_uri, and nothing else does")
    grant_types = _grant_types(said, public=auth_method is AuthMethod.NONE)
    redirect_uris = _redirect_uris(said, application_type)
    if "authorization_code" in grant_types and not redirect_uris:
        raise InvalidRedirectUri("redirect_uris is needed for authorization_code")
    return Client(
        id=client.id,
        kind=client.kind,
        name=shown_name(_text(said, "client_name", MAX_URI_CHARS)),
        redirect_uris=redirect_uris,
        auth_method=auth_method,
        jwks=jwks,
        jwks_uri=jwks_uri,
        grant_types=grant_types,
        scope=parse_scope(_text(said, "scope", MAX_SCOPE_CHARS)),
        role=client.role,
        dpop_bound=said.get("dpop_bound_access_tokens") is True,
        id_token_alg=_one_of(said, "id_token_signed_response_alg", _ID_TOKEN_ALGS, "RS256"),
        application_type=application_type,
        client_uri=_https(said, "client_uri"),
        logo_uri=_https(said, "logo_uri"),
        software_id=shown_name(_text(said, "software_id", MAX_URI_CHARS)),
        software_version=shown_name(_text(said, "software_version", MAX_URI_CHARS)),
        legacy_audience=client.legacy_audience,
        owner=client.owner,
        created_at=client.created_at,
    )


def parse_scope(scope: str) -> str:
    """Return the scopes of a blank-separated list, each once.

    Raises:
        InvalidClientMetadata: One of them holds what no scope may (RFC 6749 section 3.3).
    """
    scopes = dict.fromkeys(scope.split())
    if len(scopes) > MAX_SCOPES or not all(_SCOPE.fullmatch(each) for each in scopes):
        raise InvalidClientMetadata(
            "scope", "scopes are visible ASCII without quotes, with blanks between them"
        )
    return " ".join(scopes)


def shown_name(raw: str) -> str:
    """Return a stranger's text as it may be shown: one line, no invisible or direction-changing characters."""
    kept = "".join(" " if each.isspace() else each for each in raw if each.isspace() or _is_seen(each))
    return " ".join(kept.split())[:MAX_NAME_CHARS]


def parse_resource(resource: Resource) -> Resource:
    """Return a resource's entry when it can be meant.

    Raises:
        MalformedResource: The identifier is no absolute https URI (http only for loopback) without a fragment, or
            a scope is none.
    """
    parts = _split(resource.identifier)
    secure = parts is not None and (parts.scheme == "https" or parts.hostname in LOOPBACK)
    if parts is None or not secure or not parts.hostname or "#" in resource.identifier:
        raise MalformedResource(
            "the identifier is an absolute https URI without a fragment; http for loopback only"
        )
    if (
        parts.username is not None
        or parts.hostname != parts.hostname.lower()
        or parts.scheme not in {"http", "https"}
    ):
        raise MalformedResource("the identifier has a login in it, or is not in lower case")
    if len(resource.scopes) > MAX_SCOPES or not all(_SCOPE.fullmatch(scope) for scope in resource.scopes):
        raise MalformedResource("scopes are visible ASCII without quotes")
    if shown_name(resource.name) != resource.name:
        raise MalformedResource(f"a name is one line of at most {MAX_NAME_CHARS} visible characters")
    return resource


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter) not in _UNSEEN


def _split(uri: str) -> SplitResult | None:
    if not 0 < len(uri) <= MAX_URI_CHARS or not _VISIBLE.fullmatch(uri) or "\\" in uri:
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and (parts.netloc or parts.path) else None


def _auth_method(said: Mapping[str, object], *, symmetric_is_none: bool) -> AuthMethod:
    asked = said.get("token_endpoint_auth_method")
    if asked is None:
        return AuthMethod.NONE
    if symmetric_is_none and asked in _SYMMETRIC:
        return AuthMethod.NONE
    if asked not in {AuthMethod.NONE.value, AuthMethod.PRIVATE_KEY_JWT.value}:
        raise InvalidClientMetadata(
            "token_endpoint_auth_method", "use none or private_key_jwt; there are no secrets"
        )
    return AuthMethod(str(asked))


def _grant_types(said: Mapping[str, object], *, public: bool) -> tuple[str, ...]:
    asked = _list(said, "grant_types", ["authorization_code"])
    kept = tuple(each for each in GRANT_TYPES if each in asked and not (public and each in CONFIDENTIAL_ONLY))
    if not kept or kept == ("refresh_token",):
        raise InvalidClientMetadata("grant_types", "none of them can be had")
    responses = _list(said, "response_types", ["code"])
    if "authorization_code" in kept and "code" not in responses:
        raise InvalidClientMetadata("response_types", "the one response type is code")
    return kept


def _redirect_uris(said: Mapping[str, object], application_type: str) -> tuple[str, ...]:
    found = said.get("redirect_uris", [])
    if not isinstance(found, Sequence) or isinstance(found, str) or len(found) > MAX_REDIRECT_URIS:
        raise InvalidRedirectUri(f"redirect_uris is a list of at most {MAX_REDIRECT_URIS}")
    return tuple(dict.fromkeys(check_redirect(uri, application_type) for uri in found))


def _keys(said: Mapping[str, object]) -> tuple[tuple[dict[str, object], ...], str]:
    jwks, jwks_uri = said.get("jwks"), _https(said, "jwks_uri")
    if jwks is None:
        return (), jwks_uri
    entries = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if jwks_uri or not isinstance(entries, list) or not 0 < len(entries) <= MAX_KEYS:
        raise InvalidClientMetadata("jwks", f"give jwks with 1 to {MAX_KEYS} keys, or jwks_uri, and not both")
    try:
        for entry in entries:
            public_key_from_jwk(entry)
    except MalformedKey as error:
        raise InvalidClientMetadata("jwks", str(error)) from None
    return tuple(dict(entry) for entry in entries), ""


def _https(said: Mapping[str, object], name: str) -> str:
    uri = _text(said, name, MAX_URI_CHARS)
    parts = _split(uri) if uri else None
    if uri and (parts is None or parts.scheme != "https" or not parts.hostname or parts.username is not None):
        raise InvalidClientMetadata(name, "it is not an https URL")
    return uri


def _text(said: Mapping[str, object], name: str, most: int) -> str:
    value = said.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most:
        raise InvalidClientMetadata(name, f"it is not a text of at most {most} characters")
    return value


def _list(said: Mapping[str, object], name: str, default: list[str]) -> list[str]:
    value = said.get(name)
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidClientMetadata(name, "it is not a list of texts")
    return [str(each) for each in value]


def _one_of(said: Mapping[str, object], name: str, known: tuple[str, ...], default: str) -> str:
    value = said.get(name)
    if value is None:
        return default
    if value not in known:
        raise InvalidClientMetadata(name, f"use one of {', '.join(known)}")
    return str(value)
