# SPDX-License-Identifier: Apache-2.0
"""Holds the stored log against its newest checkpoint, without a running authority."""

import asyncio
from pathlib import Path

from smartagent.audit import check_log
from smartagent.crypto import SystemClock
from smartagent.server.rootkey import read_root_key, root_key_exists
from smartagent.server.rootkeys import log_signer
from smartagent.server.settings import Settings
from smartagent.server.stores import opened_store


def check_head(settings: Settings) -> str:
    """Say how far the log was found to be what was signed.

    Raises:
        FileNotFoundError: There is no store or no root key yet.
        LogDamaged: The log is not what was signed.
    """
    if not root_key_exists(settings):
        raise FileNotFoundError(settings.root_key)
    if not settings.is_postgres and not Path(settings.store).exists():
        raise FileNotFoundError(settings.store)
    vkey = log_signer(read_root_key(settings)).vkey
    size = asyncio.run(_check(settings, vkey))
    return f"the first {size} entries are those that were signed" if size else "nothing was signed yet"


async def _check(settings: Settings, vkey: str) -> int:
    async with opened_store(settings) as store:
        return await check_log(store.database, SystemClock(), vkey)
