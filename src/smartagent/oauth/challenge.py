# SPDX-License-Identifier: Apache-2.0
"""What a protected resource answers with when it says no: the `WWW-Authenticate` header, for both schemes.

Spec: RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3, RFC 9728 section 5.1; RFC 9110
section 11.6.1 for the form.
"""

import re
from typing import Final

from msgspec import structs

from smartagent.crypto import ASYMMETRIC
from smartagent.edge import Reply

Headers = tuple[tuple[str, str], ...]

HEADER: Final = "www-authenticate"
DPOP_ALGORITHMS: Final = tuple(sorted(ASYMMETRIC))
# A value that could end its own quotes, or the header, is a mistake of ours and not somebody's input.
_QUOTABLE: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")
_ERROR: Final = re.compile(r' error="[^"]*"(?:, |\Z)')


def challenges(**parameters: str | int) -> Headers:
    """Return a challenge for each scheme in which a token of ours can be sent.

    Args:
        parameters: `error`, `scope`, `acr_values`, `max_age`, `resource_metadata`; an empty one is left out.

    Raises:
        ValueError: A value cannot stand in quotes.
    """
    # A number of seconds may be 0 and still be said; an empty text says nothing.
    said = {name: value for name, value in parameters.items() if value != ""}
    algorithms = " ".join(DPOP_ALGORITHMS)
    return ((HEADER, _challenge("Bearer", said)), (HEADER, _challenge("DPoP", said | {"algs": algorithms})))


def completed(reply: Reply, *, metadata_url: str, token_was_sent: bool) -> Reply:
    """Return `reply`, whose challenges say where the resource's metadata are.

    Who sent no token did nothing wrong, and is told no error: it has yet to learn how to get one.

    Args:
        reply: Any answer of a protected resource; without a challenge it is returned as it is.
        metadata_url: Where the resource's metadata are.
        token_was_sent: Whether the request had an `Authorization` header.

    Spec: RFC 9728 section 5.1, RFC 6750 section 3.1.
    """
    if all(name != HEADER for name, _ in reply.headers):
        return reply
    headers = tuple(
        (name, _complete(value, metadata_url, token_was_sent=token_was_sent) if name == HEADER else value)
        for name, value in reply.headers
    )
    return structs.replace(reply, headers=headers)


def _complete(value: str, metadata_url: str, *, token_was_sent: bool) -> str:
    if not token_was_sent:
        value = _ERROR.sub(" ", value, count=1).rstrip()
    if "resource_metadata=" in value:
        return value
    return f'{value}{", " if " " in value else " "}resource_metadata="{metadata_url}"'


def _challenge(scheme: str, parameters: dict[str, str | int]) -> str:
    written = ", ".join(f'{name}="{_quotable(str(value))}"' for name, value in parameters.items())
    return f"{scheme} {written}".rstrip()


def _quotable(value: str) -> str:
    if _QUOTABLE.fullmatch(value) is None:
        message = "a challenge's value holds a quote, a backslash or a control character"
        raise ValueError(message)
    return value
