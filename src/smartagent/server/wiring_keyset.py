# SPDX-License-Identifier: Apache-2.0
"""The composition root's part for the keyset: every column that holds envelopes is named here."""

from typing import Final

from smartagent.accounts.store import ACCESS_TOKENS, REFRESH_TOKENS
from smartagent.kernel import IdPrefix
from smartagent.keyset import KEYSET_TOPIC, Envelopes, Means, Rewrapping
from smartagent.leases.store import KEPT_VALUES
from smartagent.notices.store import CHANNEL_SECRETS
from smartagent.rotation.store import FORMER_VALUES, PENDING_VALUES
from smartagent.server.foundation import Foundation
from smartagent.signals import LedgerLease
from smartagent.signals.store import SEALED_HEADERS
from smartagent.tokens.store import SEALED_SEEDS
from smartagent.vault.store import SEALED_VALUES

TURN_SECONDS: Final = 30
COLUMNS: Final[tuple[Envelopes, ...]] = (
    SEALED_VALUES,
    SEALED_SEEDS,
    SEALED_HEADERS,
    KEPT_VALUES,
    PENDING_VALUES,
    FORMER_VALUES,
    REFRESH_TOKENS,
    ACCESS_TOKENS,
    CHANNEL_SECRETS,
)


def wire_keyset(base: Foundation) -> Rewrapping:
    """Build what wraps everything anew.  Call it before any room registers with the feed: keys come first."""
    store = base.store
    holder = base.ids.new(IdPrefix.REQUEST)
    turn = LedgerLease(store.database, store.ledger, base.clock, "keyset", holder, TURN_SECONDS)
    rewrapping = Rewrapping(Means(base.clock, store.database, store.ledger, turn, COLUMNS), base.keyset)
    store.feed.register(KEYSET_TOPIC, rewrapping.reload)
    return rewrapping
