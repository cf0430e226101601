# SPDX-License-Identifier: Apache-2.0
"""One rotator for each kind of secret.  Only `server.wiring` builds them."""

__all__: list[str] = []
