# SPDX-License-Identifier: Apache-2.0
"""The log as a history of decisions: from leaves to requests that can be decided again.

A record can be decided again when it says on what was decided: the role, the scopes and the address
(`kernel.circumstances`).  Older records do not, and are counted.  Refusals that no policy made (an unknown
upstream, a target that is ambiguous, a lost lease) are not decisions, and are passed over.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import structs

from smartagent.audit import LogReader
from smartagent.kernel import UNKNOWN_BUDGET, Caller, CallerKind, Decision, Record, Standing
from smartagent.policy import CREDENTIAL_SCOPE, Call

PAGE: Final = 8192
"""How many entries of the log are looked at for one answer."""
_CALL: Final = b'{"event":"gateway.call",'
_LEASE: Final = b'{"event":"lease.requested",'
_NOT_PERMITTED: Final = "not-permitted"


class Past(msgspec.Struct, frozen=True, gc=False):
    """A recorded request that was decided by policy.  `credential` is what was leased, when it was a lease.

    `approved` says that somebody had to approve what was allowed.
    """

    index: int
    at_ms: int
    request: str
    caller: Caller
    call: Call
    allowed: bool
    credential: str = ""
    approved: bool = False


class Unreplayable(msgspec.Struct, frozen=True, gc=False):
    """A decision whose record does not say on what it was made."""

    index: int


async def begin_of(log: LogReader, since: int, size: int) -> int:
    """Return the first entry that was recorded at `since` (Unix seconds) or later; `size` when there is none.

    Entries stand nearly in the order of their times: nodes' clocks differ by a little.

    Raises:
        LogDamaged: Entries are missing.
    """
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        leaves = await log.leaves(middle, 1)
        if _at_ms(leaves[0]) < since * 1000:
            low = middle + 1
        else:
            high = middle
    return low


def past_of(begin: int, leaves: Iterable[bytes]) -> Iterator[Past | Unreplayable]:
    """Yield the decisions among `leaves`, the first of which stands at `begin`."""
    for index, leaf in enumerate(leaves, start=begin):
        if leaf.startswith((_CALL, _LEASE)):
            found = _past(index, Record.decode(leaf))
            if found is not None:
                yield found


def _past(index: int, record: Record) -> Past | Unreplayable | None:
    denied = record.decision is Decision.DENY
    if record.decision is None or not record.caller or (denied and record.outcome != _NOT_PERMITTED):
        return None
    detail = record.detail
    if "role" not in detail:
        # A honeytoken's refusal has a rule that let the call through until then.
        return None if denied and not record.reason else Unreplayable(index)
    credential = str(detail.get("credential", ""))
    caller = Caller(
        principal=record.caller,
        kind=CallerKind.AGENT,
        role=str(detail["role"]),
        session=record.session,
        jti=record.jti,
        scopes=frozenset(str(detail.get("scope", "")).split()),
        client_ip=str(detail.get("ip", "")),
        subject=str(detail.get("for", "")),
        subject_role=str(detail.get("for_role", "")),
    )
    return Past(
        index=index,
        at_ms=record.at_ms,
        request=record.request,
        caller=_in_its_circumstances(caller, record),
        call=_lease_of(credential) if credential else _call_of(record),
        allowed=not denied,
        credential=credential,
        approved="approval" in detail,
    )


def _in_its_circumstances(caller: Caller, record: Record) -> Caller:
    """Return a caller with what the record says that policies may ask for; the rest is not known."""
    detail = record.detail
    labels = detail.get("labels")
    # A normal standing is not written, and the binding is, by every release that knows of standings.
    unsaid = Standing.NORMAL.value if "binding" in detail else ""
    return structs.replace(
        caller,
        actors=("",) * max(0, int(detail.get("depth", 0)) - bool(caller.subject)),
        session_at=int(detail.get("session_at", 0)),
        authn=str(detail.get("authn", "")),
        binding=str(detail.get("binding", "")),
        standing=str(detail.get("standing", unsaid)),
        labels=None if labels is None else frozenset(str(labels).split()),
        budget=int(detail.get("budget", UNKNOWN_BUDGET)),
        asked_at=record.at_ms // 1000,
    )


def _call_of(record: Record) -> Call:
    method, _, path = record.target.partition(" ")
    upstream, _, rest = path[1:].partition("/")
    return Call(
        upstream=upstream,
        method=method,
        path=f"/{rest}",
        content_type=str(record.detail.get("content_type", "")),
        operation=str(record.detail.get("operation", "")),
        fields=tuple(str(record.detail.get("fields", "")).split()),
    )


def _lease_of(credential: str) -> Call:
    return Call(f"{CREDENTIAL_SCOPE}{credential}", "LEASE", f"/{credential}")


class _Time(msgspec.Struct, gc=False):
    at_ms: int = 0


_time: Final = msgspec.json.Decoder(_Time).decode


def _at_ms(leaf: bytes) -> int:
    return _time(leaf).at_ms
