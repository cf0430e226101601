# SPDX-License-Identifier: Apache-2.0
"""The signature algorithms of the house, by name alone: what they do is `crypto`'s."""

from enum import StrEnum


class Algorithm(StrEnum):
    """An algorithm, by the name that stands in a header (RFC 7518 section 3.1, RFC 8037 section 3.1)."""

    EDDSA = "EdDSA"
    ES256 = "ES256"
    RS256 = "RS256"
