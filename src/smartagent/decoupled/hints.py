# SPDX-License-Identifier: Apache-2.0
"""Whom a client means: exactly one hint, and one answer to all that name nobody.

    login_hint        an operator's id, or their name when only one has it
    id_token_hint     an id_token of ours for this client; it may have expired
    login_hint_token  an access token of ours that this client holds for the person, while it lives: this is how
                      a client that was given too little asks for more

Whatever else a token says, it is a hint and no proof: the person decides.

Spec: CIBA Core sections 7.1 and 7.2; OpenID Connect Core section 3.1.2.1 for `id_token_hint`.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.clients import Client
from smartagent.crypto import BadSignature, MalformedToken, equal, parse_compact
from smartagent.decoupled.errors import ExpiredLoginHintToken, UnknownUserId
from smartagent.decoupled.means import Means
from smartagent.edge import MalformedRequest
from smartagent.identity import Operator
from smartagent.tokens import UNREADABLE, AccessClaims

HINTS: Final = ("login_hint", "id_token_hint", "login_hint_token")
MAX_HINT_CHARS: Final = 8192
ID_TOKEN_GRACE_SECONDS: Final = 7 * 86_400
_ACCESS_TOKEN_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})


_decode: Final = msgspec.json.Decoder(AccessClaims).decode


class Hints:
    """Finds the person that a hint names."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def person(self, form: Mapping[str, str], client: Client) -> Operator:
        """Return whom `form` names.

        Raises:
            MalformedRequest: There is no hint, or more than one.
            UnknownUserId: It names nobody that could be asked.
            ExpiredLoginHintToken: The access token has expired.
        """
        given = [name for name in HINTS if name in form]
        if len(given) != 1:
            raise MalformedRequest(f"send exactly one of {', '.join(HINTS)}")
        hint = form[given[0]]
        if len(hint) > MAX_HINT_CHARS:
            raise UnknownUserId("the hint is too long")
        match given[0]:
            case "login_hint":
                return self._named(hint)
            case "id_token_hint":
                return self._by_id(self._of_id_token(hint, client))
            case _:
                return self._by_id(self._of_access_token(hint, client))

    def _named(self, hint: str) -> Operator:
        # Everybody is compared, whoever it is: how long it takes tells nothing of who exists.
        raw = hint.encode()
        found = [
            operator
            for operator in self._means.directory.operators()
            if equal(operator.id.encode(), raw) | equal(operator.name.encode(), raw)
        ]
        if len(found) != 1:
            raise UnknownUserId(f"login_hint names {len(found)} operators")
        return found[0]

    def _by_id(self, person: str) -> Operator:
        operator = self._means.directory.operator(person)
        if operator is None:
            raise UnknownUserId("the hint is about nobody who is an operator")
        return operator

    def _of_id_token(self, hint: str, client: Client) -> str:
        # An expired one still says whom it is about; a stranger's is no hint of this client's.
        claims = self._means.id_tokens.read(hint, grace_seconds=ID_TOKEN_GRACE_SECONDS)
        if claims is None or claims.aud != client.id:
            raise UnknownUserId("the hint is no id_token of ours for this client, or too old")
        return claims.sub

    def _of_access_token(self, hint: str, client: Client) -> str:
        try:
            claims = _decode(self._payload(hint))
        except UNREADABLE:
            raise UnknownUserId("the claims of the hint are malformed") from None
        if claims.iss != self._means.issuer or claims.client_id != client.id:
            raise UnknownUserId("the access token is another issuer's or another client's")
        if self._means.clock.now() >= claims.exp:
            raise ExpiredLoginHintToken("ask with login_hint or id_token_hint")
        return claims.sub

    def _payload(self, token: str) -> bytes:
        try:
            jws = parse_compact(token)
            key = self._means.tokens.rings.verifier(jws.header.kid)
            if key is None or jws.header.typ.lower() not in _ACCESS_TOKEN_TYPES:
                raise UnknownUserId("the hint is another kind of token, or its key is not ours")
            return jws.verified_payload(key)
        except (MalformedToken, BadSignature):
            raise UnknownUserId("the hint is no token, or its signature does not hold") from None
