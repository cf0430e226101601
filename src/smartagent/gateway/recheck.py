# SPDX-License-Identifier: Apache-2.0
"""Looking again, after roles, policies or upstreams changed, at what is open: may it still be?

A call is asked about as it was when it began: the same caller, upstream, method and path.  What is not allowed any
more ends, and so does a call whose upstream has gone, leads elsewhere, or sends another credential.
"""

from smartagent.approvals import covers, demand_of
from smartagent.edge import NotPermitted
from smartagent.gateway.errors import UpstreamChanged, UpstreamUnknown
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.forward import Tunnel, may_open
from smartagent.gateway.ports import Doors, Upstream
from smartagent.kernel import Denied, NeedsApproval, SmartAgentError


def against_call(exchange: Exchange, doors: Doors) -> SmartAgentError | None:
    """Return why a call may not go on; None when it may, or was not decided about yet."""
    caller, asked, plan = exchange.caller, exchange.asked, exchange.plan
    if caller is None or asked is None:
        return None
    verdict = doors.decide(caller, asked)
    if isinstance(verdict, Denied) and not _is_approved(exchange, verdict):
        return NotPermitted(verdict.missing)
    entry = doors.upstream(asked.upstream)
    if entry is None:
        return UpstreamUnknown("the upstream was deleted during the call")
    if plan is not None and _where(entry) != _where(plan.entry):
        return UpstreamChanged("the upstream was changed during the call")
    return None


def _is_approved(exchange: Exchange, verdict: Denied) -> bool:
    """Tell whether all that speaks against a call is what it was approved for, or is held for."""
    if not isinstance(verdict, NeedsApproval) or exchange.needs is None:
        return False
    return exchange.approved is None or covers(exchange.approved.demand, demand_of(verdict))


def may_stay(tunnel: Tunnel, doors: Doors) -> bool:
    """Tell whether a tunnel would be opened now."""
    return not isinstance(may_open(doors, tunnel.caller, tunnel.place), Denied)


def _where(entry: Upstream) -> tuple[object, ...]:
    # What an open call has acted on; how long it may take, or how often, is for calls to come.
    return entry.base_url, entry.secret, entry.place, entry.allow_private, entry.scrub
