# SPDX-License-Identifier: Apache-2.0
"""Rotating an agent's own key, in its file: the next key is on disk before the authority hears of it.

    agent.key.next is written --> the authority takes it --> agent.key.next becomes agent.key

Killed anywhere in between, `rotate_key_file` goes on where it was: whichever key the authority knows is in one of the
two files.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from smartagent.crypto import SigningKey
from smartagent.sdk.agent import Agent
from smartagent.sdk.client import Means, system_means
from smartagent.sdk.exchange import FORBIDDEN, UNAUTHORIZED, AuthorityRefused
from smartagent.sdk.keyfile import Holder, add_key_file, load_key_file, next_key_file

DAY_SECONDS: Final = 86_400


async def rotate_key_file(path: Path, *, older_than_days: int = 0, means: Means | None = None) -> bool:
    """Replace the key in `path` by a new one that the authority knows; say whether that was done.

    Args:
        path: An enrolled agent's key file.
        older_than_days: Do nothing when the file is younger, unless a rotation was interrupted.  Nothing is done
            while another process of this machine does it.
        means: For tests.

    Raises:
        KeyFileUnusable: The file cannot be used, or the next one cannot be written.
        AuthorityRefused: The agent may not act.
        AuthorityUnreachable: There was no answer; call it again.
    """
    own = means or system_means()
    try:
        with _alone(path) as alone:
            return alone and await _rotate(path, older_than_days, own)
    finally:
        if means is None:
            await own.exchange.close()


async def _rotate(path: Path, older_than_days: int, own: Means) -> bool:
    following, holder = next_key_file(path), load_key_file(path)
    if following.exists():
        next_holder = load_key_file(following)
        if await _is_in_force(next_holder, own):
            _settle(following, path)
            return True
    elif _age_seconds(path, own) < older_than_days * DAY_SECONDS:
        return False
    else:
        next_holder = Holder(SigningKey.generate(own.entropy), holder.issuer, holder.principal)
        add_key_file(following, next_holder)
    await Agent(Holder(holder.key, holder.issuer, holder.principal), means=own).replace_key(next_holder.key)
    _settle(following, path)
    return True


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Say whether nobody else rotates a key in this directory; the system ends that however this process ends."""
    folder = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(folder)


async def _is_in_force(holder: Holder, means: Means) -> bool:
    try:
        await Agent(Holder(holder.key, holder.issuer, holder.principal), means=means).open_session()
    except AuthorityRefused as refused:
        if refused.status not in {UNAUTHORIZED, FORBIDDEN}:
            raise
        # Whoever is forbidden something was believed to be who they are.
        return refused.status == FORBIDDEN
    return True


def _age_seconds(path: Path, means: Means) -> float:
    return means.clock.now() - path.stat().st_mtime


def _settle(following: Path, path: Path) -> None:
    following.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
