# SPDX-License-Identifier: Apache-2.0
"""What a recorded delegation is, what a chain is bounded by, and how kinds of tokens are named."""

from typing import Final, Literal

import msgspec

_TYPE: Final = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN: Final = _TYPE + "access_token"
ID_TOKEN: Final = _TYPE + "id_token"
ID_JAG: Final = _TYPE + "id-jag"
TXN_TOKEN: Final = _TYPE + "txn_token"
EXCHANGE_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ID_JAG_PROFILE: Final = "urn:ietf:params:oauth:grant-profile:id-jag"

MAX_CALL_LIFE_SECONDS: Final = 300
NOT_ACCESS: Final = "N_A"
"""The `token_type` of what is no access token (RFC 8693 section 2.2.1)."""


class Delegation(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What somebody recorded: `to_agent` may act with tokens that `from_id` holds.

    `from_id` is an agent, an operator or a person.  An empty `scope` or `audience` does not restrict:
    what both may have is then what is delegated.  `depth_allowed` says how many further agents may come
    behind `to_agent`.  Instants are Unix seconds; from `until` on it lets nobody act.
    """

    id: str
    from_id: str
    to_agent: str
    scope: str
    audience: str
    until: int
    depth_allowed: int
    created_by: str
    created_at: int
    revoked_at: int | None
    reason: str

    def is_live(self, now: float) -> bool:
        """Say whether it lets anybody act at `now`."""
        return self.revoked_at is None and now < self.until


class OutboundAudience(msgspec.Struct, frozen=True):
    """Another authorization server, for which the house asserts who somebody is (ID-JAG).

    `client_ids` says how that server calls our clients; a client whose id is a URL is called by it
    everywhere.  `scopes` and `resources` are the most that is asserted; no `resources` means none.
    """

    issuer: str
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    client_ids: dict[str, str] = {}
    algorithm: Literal["RS256", "ES256", "EdDSA"] = "RS256"


class Settings(msgspec.Struct, frozen=True):
    """What an operator can choose.

    `trust_domain` is the audience of transaction tokens; empty means that there are none.
    `max_actors` bounds how many may act in one chain, and `call_life_seconds` how long a per-call token
    lives, at most 300.
    """

    trust_domain: str = ""
    max_actors: int = 4
    call_life_seconds: int = MAX_CALL_LIFE_SECONDS
    outbound: tuple[OutboundAudience, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would break a promise."""
        if not 1 <= self.call_life_seconds <= MAX_CALL_LIFE_SECONDS or self.max_actors < 1:
            message = "a per-call token lives 1 to 300 seconds, and a chain has room for one actor or more"
            raise ValueError(message)
        # The audience is what tells a transaction token's readers apart from everybody else's.
        if len({each.issuer for each in self.outbound}) != len(self.outbound):
            message = "an outbound audience stands there twice"
            raise ValueError(message)


class Subject(msgspec.Struct, frozen=True, gc=False):
    """What is exchanged, after it was verified.

    Args:
        sub: Whose it is.
        actors: Who acted so far, the current one first.
        holder: Who may hold it: the current actor, or the agent it was issued to for itself.  Empty
            for a person's.
        client_id: Who got it.
        scopes: What it may do; None when it says nothing of it (an outside id_token).
        audience: Whom it is for; empty when it is for whom the chain may have.
        locations: To which audiences a hand-over restricts what comes of it; none do not.
        expires_at: Unix seconds.
        jti: Its own id; empty when it is none of ours.
        session_at: When its session began; 0 when that is not known.
        lineage: What it derives from.
        may_act: Who may become the actor.
        jkt: The key it is bound to.
        is_person: Whether `sub` is an operator or an outside person.
    """

    sub: str
    actors: tuple[str, ...]
    holder: str
    client_id: str
    scopes: tuple[str, ...] | None
    audience: str
    expires_at: int
    jti: str = ""
    session: str = ""
    session_at: int = 0
    lineage: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    may_act: str = ""
    jkt: str = ""
    is_person: bool = False
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()
    proof_id: str = ""


class Authority(msgspec.Struct, frozen=True, gc=False):
    """By what a client may act with a subject token.

    `via` says it for the log: `own`, `may-act`, `consent`, `resource`, or a delegation's id.  `own`
    is the only one that adds no actor.
    """

    via: str
    scopes: frozenset[str] | None = None
    audience: str = ""
    until: int = 0
    lineage: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether the client holds the token itself."""
        return self.via == "own"
