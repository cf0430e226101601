# SPDX-License-Identifier: Apache-2.0
"""The catalog: providers, and the credentials that come from them."""

__all__: list[str] = []
