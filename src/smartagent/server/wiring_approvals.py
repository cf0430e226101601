# SPDX-License-Identifier: Apache-2.0
"""The composition root's part for approvals: who may decide, and what is still alive."""

from collections.abc import Awaitable, Callable

from smartagent.approvals import Approvals, Lives
from smartagent.approvals import Means as ApprovalsMeans
from smartagent.governance import is_person_here
from smartagent.identity import AgentStatus, Identity
from smartagent.kernel import Caller, Committed, Work
from smartagent.server.foundation import Foundation
from smartagent.tokens import Tokens

Commit = Callable[[Work, Caller], Awaitable[Committed]]
