# SPDX-License-Identifier: Apache-2.0
"""Recovery keys: made beforehand, shown once, good for one break-glass.

Whoever made a key cannot open with it: so a break-glass has always taken two people, one of them perhaps long ago.
"""

from typing import Final

from smartagent.crypto import b64u, sha256
from smartagent.edge import Inbound, Outcome, Reply
from smartagent.governance.breakglass.model import RecoveryKey
from smartagent.governance.breakglass.store import add_key, key_of_hash, read_keys, revoke_key
from smartagent.governance.breakglass.views import MadeKeyView, RecoveryKeyList, key_view
from smartagent.governance.errors import RecoveryKeyRefused, SamePerson
from smartagent.governance.means import Means
from smartagent.kernel import Caller, IdPrefix, parse_id

KEY_PREFIX: Final = "srk_"
_KEY_BYTES: Final = 32


class RecoveryKeys:
    """The acts on recovery keys."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def create(self, caller: Caller, _inbound: Inbound) -> Outcome:
        """Make a recovery key.  It is shown here, and never again."""
        key = RecoveryKey(
            self._means.ids.new(IdPrefix.RECOVERY_KEY), caller.principal, int(self._means.clock.now())
        )
        shown = KEY_PREFIX + b64u(self._means.entropy(_KEY_BYTES))
        return Outcome(
            Reply(201, MadeKeyView(key_view(key), shown), headers=(("cache-control", "no-store"),)),
            target=f"recovery-key/{key.id}",
            writes=(add_key(key, sha256(shown.encode())),),
        )

    async def show_all(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """List the recovery keys, also those that were used or revoked."""
        keys = await read_keys(self._means.database)
        return Outcome(Reply(200, RecoveryKeyList([key_view(each) for each in keys])))

    async def revoke(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Let a recovery key open nothing any more.

        Raises:
            RecoveryKeyNotFound: None that could be used has this id.
        """
        key = parse_id(inbound.params["id"], IdPrefix.RECOVERY_KEY)
        now = int(self._means.clock.now())
        return Outcome(
            Reply(204),
            target=f"recovery-key/{key}",
            writes=(revoke_key(key, caller.principal, now=now),),
        )

    async def find(self, shown: str, opener: str) -> RecoveryKey:
        """Return the key that `shown` is, when `opener` may use it.

        Raises:
            RecoveryKeyRefused: It is none, or was used or revoked.
            SamePerson: The opener made it.
        """
        key = await key_of_hash(self._means.database, sha256(shown.encode()))
        if key is None or key.ended_at:
            raise RecoveryKeyRefused("it is none, or was used or revoked")
        if key.created_by == opener:
            raise SamePerson("whoever made a recovery key cannot open with it")
        return key
