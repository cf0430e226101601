# SPDX-License-Identifier: Apache-2.0
"""Step-up: what a resource needs beyond a good token, and how it asks for it.

A token that is good and reaches too short is answered with everything that is needed, so that
one more round is enough.  More scope is a 403; a better or more recent sign-in is a 401.

Spec: RFC 9470 sections 3, 5 and 6; RFC 6750 section 3.1 (`insufficient_scope`).
"""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from smartagent.edge import MalformedRequest
from smartagent.oauth.challenge import challenges
from smartagent.oauth.errors import InsufficientScope, InsufficientUserAuthentication

LEEWAY_SECONDS: Final = 60
MAX_AGE_SECONDS: Final = 366 * 86_400
MAX_ACR_VALUES: Final = 16


class Demand(msgspec.Struct, frozen=True):
    """How, and how recently, a person must have signed in.

    `acr_values` are alternatives, the preferred one first; empty means any.  `max_age_seconds` is None when
    any age will do.
    """

    acr_values: tuple[str, ...] = ()
    max_age_seconds: int | None = None


class SignIn(msgspec.Struct, frozen=True, gc=False):
    """How a person signed in, as a token says it: at `auth_time` (Unix seconds; 0 when nobody did), by `acr`."""

    auth_time: int = 0
    acr: str = ""


ANY_SIGN_IN: Final = Demand()


def is_met(demand: Demand, sign_in: SignIn, *, now: float) -> bool:
    """Say whether `sign_in` is what `demand` asks for at `now` (Unix seconds).

    A sign-in of another kind does not count as a stronger one: the values have no order.

    Spec: RFC 9470 section 6.2.
    """
    if demand.acr_values and sign_in.acr not in demand.acr_values:
        return False
    if demand.max_age_seconds is None:
        return True
    # No instant, or one from the future, is not recent: it is unknown.
    age = now - sign_in.auth_time
    return sign_in.auth_time > 0 and -LEEWAY_SECONDS <= age <= demand.max_age_seconds


def check_sign_in(demand: Demand, sign_in: SignIn, *, now: float, metadata_url: str = "") -> None:
    """Let pass whoever signed in as `demand` asks.

    Raises:
        InsufficientUserAuthentication: They did not; the challenge says all that is needed.

    Spec: RFC 9470 section 3.
    """
    if is_met(demand, sign_in, now=now):
        return
    max_age = "" if demand.max_age_seconds is None else demand.max_age_seconds
    raise InsufficientUserAuthentication(
        challenges(
            error=InsufficientUserAuthentication.oauth_code,
            error_description="A different or more recent sign-in is needed.",
            acr_values=" ".join(demand.acr_values),
            max_age=max_age,
            resource_metadata=metadata_url,
        )
    )


def check_scope(needed: Collection[str], held: Collection[str], *, metadata_url: str = "") -> None:
    """Let pass whoever holds every scope that is `needed`.

    Raises:
        InsufficientScope: They do not; the challenge lists all that are needed, and not only what is missing,
            because what a client asks for next replaces what it has.

    Spec: RFC 6750 section 3.1.
    """
    missing = [scope for scope in needed if scope not in held]
    if not missing:
        return
    headers = challenges(
        error=InsufficientScope.oauth_code, scope=" ".join(needed), resource_metadata=metadata_url
    )
    raise InsufficientScope(" ".join(missing), headers)


def parse_demand(parameters: Mapping[str, str]) -> Demand:
    """Read what an authorization request asks of the sign-in: `acr_values` and `max_age`.

    Raises:
        MalformedRequest: `max_age` is no number of seconds, or there are too many values.

    Spec: RFC 9470 section 5, OpenID Connect Core section 3.1.2.1.
    """
    values = tuple(dict.fromkeys(parameters.get("acr_values", "").split()))
    if len(values) > MAX_ACR_VALUES:
        raise MalformedRequest(f"more than {MAX_ACR_VALUES} acr_values")
    raw = parameters.get("max_age")
    if raw is None:
        return Demand(values)
    if not (raw.isascii() and raw.isdigit()) or len(raw) > len(str(MAX_AGE_SECONDS)):
        raise MalformedRequest("max_age is a number of seconds")
    return Demand(values, min(int(raw), MAX_AGE_SECONDS))
