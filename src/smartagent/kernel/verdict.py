# SPDX-License-Identifier: Apache-2.0
"""The answer to "may this caller do this, here, now".  Being refused is not exceptional."""

import msgspec


class Permitted(msgspec.Struct, frozen=True, gc=False):
    """Yes, and the rules that said so."""

    rules: tuple[str, ...] = ()


class Denied(msgspec.Struct, frozen=True, gc=False):
    """No.  `reason` is for the log; `missing` may be shown: the permission that was lacking."""

    reason: str
    missing: str = ""
    rules: tuple[str, ...] = ()


class NeedsApproval(Denied, frozen=True, gc=False):
    """Not before somebody has approved it; whoever does not know of approvals reads a plain no.

    `rules` are those that ask, and `permitting` those that allow it then.  `confirm` asks the person the caller acts for; `people` is how many approvers have to
    agree, each another one, and none of them the requester.
    """

    confirm: bool = False
    people: int = 0
    permitting: tuple[str, ...] = ()


Verdict = Permitted | Denied
