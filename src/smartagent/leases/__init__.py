# SPDX-License-Identifier: Apache-2.0
"""Leases: credentials that are made for one session of one agent, and are dead when it ends."""

__all__: list[str] = []
