# SPDX-License-Identifier: Apache-2.0
"""People by OIDC groups: whoever signs in and is in a group can answer for agents; whoever is not any more has left."""

__all__: list[str] = []
