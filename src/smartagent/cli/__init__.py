# SPDX-License-Identifier: Apache-2.0
"""The two commands: `smartagent` runs things, `smartagentctl` controls things.  Parse, call, render."""

__all__: list[str] = []
