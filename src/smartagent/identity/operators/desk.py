# SPDX-License-Identifier: Apache-2.0
"""What security officers can do with operators: give them roles."""

from msgspec import structs

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.identity.directory import Directory
from smartagent.identity.errors import LastSecurityOfficer, OperatorNotFound
from smartagent.identity.inventory import operator_view
from smartagent.identity.operators.store import set_role
from smartagent.identity.rules import parse_reason
from smartagent.identity.shapes import OperatorRoleRequest
from smartagent.identity.store import operator_changed
from smartagent.kernel import Caller, IdPrefix, OperatorRole, parse_id


class OperatorDesk:
    """Changes what operators may do."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def change_role(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Give an operator a role; it holds on every node from the next request on.

        Raises:
            OperatorNotFound: There is none with this id.
            LastSecurityOfficer: Nobody would be left who can change roles.
            MalformedName: The reason is none.
        """
        asked = parse_json(inbound.body, OperatorRoleRequest)
        reason = parse_reason(asked.reason)
        operator = self._directory.operator(parse_id(inbound.params["id"], IdPrefix.OPERATOR))
        if operator is None:
            raise OperatorNotFound("check the id: smartagentctl operator list")
        officers = [
            each for each in self._directory.operators() if each.role is OperatorRole.SECURITY_OFFICER
        ]
        if officers == [operator] and asked.role is not OperatorRole.SECURITY_OFFICER:
            raise LastSecurityOfficer("make somebody else one first")
        changed = structs.replace(operator, role=asked.role)
        return Outcome(
            Reply(200, operator_view(changed)),
            subject=operator.id,
            detail={"from": operator.role.value, "to": asked.role.value, "reason": reason},
            writes=(set_role(operator, asked.role),),
            changes=(operator_changed(operator.id),),
        )
