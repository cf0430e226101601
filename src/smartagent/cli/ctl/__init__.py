# SPDX-License-Identifier: Apache-2.0
"""The verbs of `smartagentctl`, a module for each noun."""

__all__: list[str] = []
