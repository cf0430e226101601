# SPDX-License-Identifier: Apache-2.0
"""Federation as one thing: whom the house trusts outside, in this node's memory, and what their tokens prove."""

from collections.abc import Sequence

from msgspec import structs

from smartagent.crypto import BadSignature, UnverifiedJws, VerifyingKey
from smartagent.edge import AuthenticationFailed
from smartagent.federation.errors import FederationError, IssuerNotFound, KeysUnavailable
from smartagent.federation.keys import ForeignKeys, KeySet, KeySource, parse_key_set
from smartagent.federation.means import Means
from smartagent.federation.model import Purpose, StoredIssuer, TrustedIssuer
from smartagent.federation.store import ISSUERS_TOPIC, read_issuers
from smartagent.federation.verify import Foreign, foreign_of, parse_claims, parse_token
from smartagent.storage import Feed


class Federation:
    """Finds trusted issuers without asking the store, and verifies their tokens."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._by_name: dict[str, StoredIssuer] = {}
        self._by_issuer: dict[str, StoredIssuer] = {}
        self._given: dict[str, KeySet] = {}
        self.keys = ForeignKeys(means.fetch, means.clock)

    def follow(self, feed: Feed) -> None:
        """Keep the memory fresh by the store's feed.  Call it before the store starts."""
        feed.register(ISSUERS_TOPIC, self.reload)

    async def reload(self, names: Sequence[str]) -> None:
        """Read the issuers `names` again; with no names, all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        known = dict(self._by_name) if names else {}
        for name in dict.fromkeys(names or ("",)):
            found = await read_issuers(self._means.database, name)
            known.pop(name, None)
            known |= {stored.issuer.name: stored for stored in found}
        # What was fetched for an entry that was written anew is fetched anew.
        for old in self._by_name.values():
            if known.get(old.issuer.name) != old:
                self.keys.forget(_source(old.issuer))
        self._by_name = known
        self._by_issuer = {stored.issuer.issuer: stored for stored in known.values()}
        self._given = {
            name: parse_key_set({"keys": list(stored.issuer.jwks)})
            for name, stored in known.items()
            if stored.issuer.jwks
        }

    def issuer(self, issuer: str) -> TrustedIssuer | None:
        """Return the trusted issuer whose tokens say this `iss`, to the letter."""
        stored = self._by_issuer.get(issuer)
        return None if stored is None else stored.issuer

    def stored(self, name: str) -> StoredIssuer:
        """Return the entry `name` with its version.

        Raises:
            IssuerNotFound: There is none.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise IssuerNotFound(name[:64]) from None

    def issuers(self) -> list[StoredIssuer]:
        """Return all entries by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    async def verify(self, token: str, *, purpose: Purpose, now: float) -> Foreign:
        """Return what an outside token (claimed) proves at `now`.

        The caller commits `Foreign.once` where a token may work only once.

        Raises:
            AuthenticationFailed: It proves nothing; the reason is for the log.
        """
        jws = parse_token(token, purpose)
        claims = parse_claims(jws.payload)
        iss = claims.get("iss")
        stored = self._by_issuer.get(iss) if isinstance(iss, str) else None
        if stored is None:
            raise AuthenticationFailed("the outside token's issuer is not trusted")
        if purpose not in stored.issuer.purposes:
            raise AuthenticationFailed(f"the issuer {stored.issuer.name} is not trusted for this")
        await self._check_signature(jws, stored.issuer)
        foreign = foreign_of(jws, claims, stored.issuer, purpose, now)
        return structs.replace(foreign, configured_by=stored.changed_by)

    async def _check_signature(self, jws: UnverifiedJws, issuer: TrustedIssuer) -> None:
        if jws.header.alg not in issuer.algorithms:
            raise AuthenticationFailed(f"the issuer {issuer.name} does not sign with that algorithm")
        try:
            key = await self._key(jws, issuer)
            jws.verified_payload(key)
        except FederationError as error:
            raise AuthenticationFailed(f"the keys of the issuer {issuer.name}: {error}") from None
        except BadSignature as error:
            raise AuthenticationFailed(f"the issuer {issuer.name}: {error}") from None

    async def _key(self, jws: UnverifiedJws, issuer: TrustedIssuer) -> VerifyingKey:
        given = self._given.get(issuer.name)
        if given is None:
            return await self.keys.find(_source(issuer), jws.header.kid, jws.header.alg)
        key = given.match(jws.header.kid, jws.header.alg)
        if key is None:
            raise KeysUnavailable("there is no key of that name for that algorithm, or not only one")
        return key


def _source(issuer: TrustedIssuer) -> KeySource:
    return KeySource(issuer.issuer, issuer.jwks_uri)
