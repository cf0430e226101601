# SPDX-License-Identifier: Apache-2.0
"""ID tokens: who signed in, when and how, for one client.

They are RS256 unless the client chose another: every client can read that.  An id token is not an access
token and is taken for none: its type, its audience and its lack of a scope all say so.

Spec: OpenID Connect Core 1.0 sections 2, 3.1.3.6, 3.1.3.7 and 15.1; RFC 8725 section 3.11.
"""

from hashlib import sha256, sha512
from typing import Final

import msgspec
from msgspec import structs

from smartagent.clients import Client
from smartagent.crypto import ASYMMETRIC, BadSignature, MalformedToken, b64u, parse_compact
from smartagent.kernel import Algorithm
from smartagent.oauth.agentclaims import NO_AGENT, AgentClaims, Delegated, Hop, agent_claims
from smartagent.oauth.means import Means
from smartagent.tokens import UNREADABLE, Act

ID_TOKEN_TYPE: Final = "JWT"  # noqa: S105 -- a media type
ID_TOKEN_LIFE_SECONDS: Final = 900
HINT_GRACE_SECONDS: Final = 7 * 86_400
"""How long after its end an id token still says whom a client means.  Its key may leave the set earlier."""
SIGNING_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
"""What an id token can be signed with; the first is the default, which discovery demands."""
ID_TOKEN_CLAIMS: Final = (
    "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "sid",
)  # fmt: skip
# The hash is the one inside the signature's algorithm: Ed25519 has SHA-512 in it.
_AT_HASHES: Final = {Algorithm.RS256: sha256, Algorithm.ES256: sha256, Algorithm.EDDSA: sha512}


class IdTokenClaims(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The claims of an id token of ours."""

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    azp: str
    auth_time: int = 0
    nonce: str = ""
    acr: str = ""
    amr: tuple[str, ...] = ()
    at_hash: str = ""
    sid: str = ""
    act: Act | None = None
    agent_type: str = ""
    agent_instance_id: str = ""
    delegator_sub: str = ""
    delegation_chain: tuple[Hop, ...] = ()


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(IdTokenClaims).decode


class IdTokens:
    """Makes id tokens, and reads them back."""

    def __init__(self, means: Means) -> None:
        self._issuer = means.issuer
        self._keys = means.tokens.rings
        self._clock = means.clock
        self._find = means.directory.agent

    def make(  # noqa: PLR0913 -- each is a claim of its own, and all but one have a default
        self,
        client: Client,
        person: str,
        *,
        now: int,
        nonce: str = "",
        auth_time: int = 0,
        acr: str = "",
        amr: tuple[str, ...] = (),
        access_token: str = "",
        sid: str = "",
        act: Act | None = None,
        scope: str = "",
    ) -> str:
        """Return a signed id token about `person` for `client`, whose `id_token_alg` says how it is signed.

        `person` signed in at `auth_time` by `acr` and `amr`; instants are Unix seconds.  `access_token` is what
        is given beside it, with this `sid`, `scope`, and `act` when an agent acts for the person.

        Raises:
            KeysNotReady: There is nothing to sign with.

        Spec: OpenID Connect Core section 2.
        """
        algorithm = Algorithm(client.id_token_alg)
        claims = IdTokenClaims(
            iss=self._issuer,
            sub=person,
            aud=client.id,
            exp=now + ID_TOKEN_LIFE_SECONDS,
            iat=now,
            azp=client.id,
            auth_time=auth_time,
            nonce=nonce,
            acr=acr,
            amr=amr,
            at_hash=at_hash(access_token, algorithm) if access_token else "",
            sid=sid,
            act=act,
            **structs.asdict(self._told(Delegated(person, act, now, scope))),
        )
        return self._keys.sign(algorithm, ID_TOKEN_TYPE, _encode(claims))

    def _told(self, delegated: Delegated) -> AgentClaims:
        # An id token is about a person: of an agent it tells only when one acts for them.
        return NO_AGENT if delegated.act is None else agent_claims(self._issuer, delegated, self._find)

    def read(self, token: str, *, grace_seconds: int = 0) -> IdTokenClaims | None:
        """Return what an id token of ours says; None when it is none, or expired.

        Args:
            token: As received; it may be anything.
            grace_seconds: How long after its end it is still read.

        Spec: OpenID Connect Core section 3.1.3.7, without what only the client knows.
        """
        try:
            unverified = parse_compact(token, algorithms=ASYMMETRIC)
            key = self._keys.verifier(unverified.header.kid)
            # Access tokens, transaction tokens and others are signed with the same keys, and say another type.
            if key is None or unverified.header.typ != ID_TOKEN_TYPE:
                return None
            claims = _decode(unverified.verified_payload(key))
        except (MalformedToken, BadSignature, *UNREADABLE):
            return None
        if claims.iss != self._issuer or self._clock.now() >= claims.exp + grace_seconds:
            return None
        return claims

    def read_hint(self, token: str) -> str | None:
        """Return whom an `id_token_hint` means; None when it is none of ours, or too old.

        It may have expired: it says who is meant, and proves nothing of who is there.

        Spec: OpenID Connect Core section 3.1.2.1, CIBA Core section 7.1.
        """
        claims = self.read(token, grace_seconds=HINT_GRACE_SECONDS)
        return None if claims is None else claims.sub


def at_hash(access_token: str, algorithm: Algorithm) -> str:
    """Return the left half of the hash of `access_token`, by the hash that goes with `algorithm`.

    Spec: OpenID Connect Core section 3.1.3.6; for EdDSA with Ed25519 that is SHA-512.
    """
    digest = _AT_HASHES[algorithm](access_token.encode("ascii")).digest()
    return b64u(digest[: len(digest) // 2])
