# SPDX-License-Identifier: Apache-2.0
"""Elevation: an agent has another role for a while, for a reason, and it ends by itself."""

__all__: list[str] = []
