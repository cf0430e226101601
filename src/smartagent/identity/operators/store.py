# SPDX-License-Identifier: Apache-2.0
"""What is said to the table of operators about their roles."""

from typing import Final

from sqlalchemy import Text, bindparam, exists, or_, update

from smartagent.identity.errors import LastSecurityOfficer
from smartagent.identity.model import Operator
from smartagent.identity.store import operators
from smartagent.kernel import OperatorRole, Scalar, Write

_OTHERS: Final = operators.alias("others")
_SET_ROLE: Final = (
    update(operators)
    .where(
        operators.c.id == bindparam("old_id"),
        operators.c.role == bindparam("old_role"),
        # Of two who demote each other at the same instant, one is late: somebody stays who can change roles.
        or_(
            bindparam("new_role", type_=Text()) == OperatorRole.SECURITY_OFFICER.value,
            exists().where(
                _OTHERS.c.role == OperatorRole.SECURITY_OFFICER.value, _OTHERS.c.id != bindparam("old_id")
            ),
        ),
    )
    .values(role=bindparam("new_role", type_=Text()))
)


def set_role(operator: Operator, role: OperatorRole) -> Write:
    """Give an operator another role, provided that they have the one that was seen, and a security officer is left."""
    values: dict[str, Scalar] = {
        "old_id": operator.id,
        "old_role": operator.role.value,
        "new_role": role.value,
    }
    return Write(_SET_ROLE, values, lost=LastSecurityOfficer("or the role was changed meanwhile"))
