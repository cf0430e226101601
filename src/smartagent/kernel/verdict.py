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


Verdict = Permitted | Denied
