# SPDX-License-Identifier: Apache-2.0
"""People who answer for agents, their groups, and the directories that tell of them."""

__all__: list[str] = []
