# SPDX-License-Identifier: Apache-2.0
"""What an authorization request must be.

    1. client and redirect URI    any doubt is told the person on a page: nothing is sent anywhere
    2. all the rest               what is wrong goes back to the client, with its state and our name

Spec: OAuth 2.1 section 4.1.1, RFC 7636 section 4, RFC 8707 section 2.1, OpenID Connect Core section 3.1.2.1.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from smartagent.clients import Client, Resource, match_redirect
from smartagent.consent.model import Asked
from smartagent.crypto import b64u, sha256
from smartagent.oauth import InvalidScope, InvalidTarget, one_target, scopes_at
from smartagent.tokens import ScopeNotGranted, narrow

OIDC_SCOPES: Final = frozenset({"openid", "profile", "offline_access"})
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_MAX_STATE_CHARS: Final = 2048
_MAX_NONCE_CHARS: Final = 512
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_MODES: Final = frozenset({"query", "form_post"})


class Refusal(Exception):
    """A request that is refused, with OAuth's code."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def redirect_of(client: Client, params: Mapping[str, str]) -> str:
    """Return where the answer goes.

    Raises:
        Refusal: It cannot be trusted to be the client's.
    """
    named = params.get("redirect_uri", "")
    if not named and len(client.redirect_uris) == 1:
        named = client.redirect_uris[0]
    if not named or not match_redirect(client, named):
        raise Refusal("invalid_request", "the redirect URI is not one that the client registered")
    return named


def checked(
    params: Mapping[str, str], client: Client, resource: Resource | None, *, issuer: str, jkt: str = ""
) -> Asked:
    """Return the request that `params` are, for a client and a redirect URI that were looked at.

    Args:
        params: As received.
        client: Who asks.
        resource: What `params` name, when it is registered.
        issuer: The house: what a token without a resource is for.
        jkt: The key of the proof that came with a pushed request; empty without.

    Raises:
        Refusal: It cannot be granted so, whoever decides.
    """
    if params.get("response_type") != "code":
        raise Refusal("unsupported_response_type", "the one response type is code")
    if "request" in params:
        raise Refusal("request_not_supported", "push the request instead")
    if "authorization_details" in params:
        raise Refusal("invalid_authorization_details", "details are asked for by token exchange")
    if "authorization_code" not in client.grant_types:
        raise Refusal("unauthorized_client", "the client is not registered for authorization_code")
    target = _target(params, resource, issuer)
    return Asked(
        client_id=client.id,
        redirect_uri=redirect_of(client, params),
        scope=_scope(params, client, resource),
        resource=target,
        code_challenge=_challenge(params),
        state=_bounded(params, "state", _MAX_STATE_CHARS),
        nonce=_bounded(params, "nonce", _MAX_NONCE_CHARS),
        max_age=_max_age(params),
        prompt=_prompt(params),
        jkt=_jkt(params, jkt),
        form_post=_one_of(params, "response_mode", _MODES | {""}) == "form_post",
    )


def is_verified(verifier: str, challenge: str) -> bool:
    """Say whether `verifier` is what `challenge` was made of (RFC 7636 section 4.6)."""
    return _VERIFIER.fullmatch(verifier) is not None and b64u(sha256(verifier.encode())) == challenge


def with_answer(redirect_uri: str, answer: Mapping[str, str]) -> str:
    """Return a redirect URI with the answer in its query, behind what stands there already."""
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return f"{redirect_uri}{joint}{urlencode(answer)}"


def form_target(redirect_uri: str) -> str:
    """Return the source that a content security policy must name so that a form may lead to `redirect_uri`."""
    parts = urlsplit(redirect_uri)
    # The grammar of sources has no IPv6 addresses, and browsers drop what they cannot read.
    if not parts.netloc or "[" in parts.netloc:
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"


def still_askable(asked: Asked, client: Client, resource: Resource | None) -> bool:
    """Say whether `client`, as it is now, could ask for the same again."""
    if "authorization_code" not in client.grant_types or not match_redirect(client, asked.redirect_uri):
        return False
    return still_granted(asked.scope, client, resource) == asked.scope


def still_granted(scope: str, client: Client, resource: Resource | None) -> str:
    """Return what of `scope` the client and the resource, as they are now, still allow."""
    return " ".join(word for word in scope.split() if word in OIDC_SCOPES or _has(resource, client, word))


def _has(resource: Resource | None, client: Client, word: str) -> bool:
    if resource is None:
        return False
    try:
        return scopes_at(resource, client, word) == word
    except (InvalidScope, ScopeNotGranted):
        return False


def _target(params: Mapping[str, str], resource: Resource | None, issuer: str) -> str:
    try:
        named = one_target(params)
    except InvalidTarget as error:
        raise Refusal("invalid_target", str(error)) from None
    if named and resource is None and named != issuer:
        raise Refusal("invalid_target", "the resource is not registered here")
    return named or issuer


def _scope(params: Mapping[str, str], client: Client, resource: Resource | None) -> str:
    asked = params.get("scope", "")
    words = asked.split(" ") if asked else []
    ours = [word for word in words if word in OIDC_SCOPES]
    rest = " ".join(word for word in words if word not in OIDC_SCOPES)
    try:
        if resource is not None and (rest or not asked):
            return " ".join(dict.fromkeys((*ours, *scopes_at(resource, client, rest).split())))
        return narrow(asked, OIDC_SCOPES) if asked else ""
    except (InvalidScope, ScopeNotGranted):
        raise Refusal("invalid_scope", "the resource does not have it, or the client may not") from None


def _challenge(params: Mapping[str, str]) -> str:
    challenge = params.get("code_challenge", "")
    if params.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise Refusal("invalid_request", "send code_challenge and code_challenge_method=S256")
    return challenge


def _max_age(params: Mapping[str, str]) -> int:
    raw = params.get("max_age", "")
    if raw and not (raw.isascii() and raw.isdigit() and len(raw) < len("1000000000")):
        raise Refusal("invalid_request", "max_age is a number of seconds")
    return int(raw) if raw else -1


def _prompt(params: Mapping[str, str]) -> str:
    """Read a list of values (OpenID Connect Core section 3.1.2.1): `none` stands alone."""
    words = params.get("prompt", "").split()
    if not _PROMPTS.issuperset(words) or ("none" in words and len(words) > 1):
        raise Refusal("invalid_request", f"prompt is none, or of {', '.join(sorted(_PROMPTS - {'none'}))}")
    return " ".join(dict.fromkeys(words))


def _jkt(params: Mapping[str, str], proven: str) -> str:
    named = params.get("dpop_jkt", "")
    if named and (not _THUMBPRINT.fullmatch(named) or (proven and proven != named)):
        raise Refusal("invalid_request", "dpop_jkt is not the thumbprint of the proof's key")
    return named or proven


def _bounded(params: Mapping[str, str], name: str, most: int) -> str:
    value = params.get(name, "")
    if len(value) > most:
        raise Refusal("invalid_request", f"{name} has more than {most} characters")
    return value


def _one_of(params: Mapping[str, str], name: str, known: frozenset[str]) -> str:
    value = params.get(name, "")
    if value not in known:
        raise Refusal("invalid_request", f"{name} is none that is known here")
    return value
