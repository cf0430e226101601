# SPDX-License-Identifier: Apache-2.0
"""One backend for each kind of provider.  Only `server.wiring` builds them."""

__all__: list[str] = []
