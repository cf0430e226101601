# SPDX-License-Identifier: Apache-2.0
"""Break-glass: another role in an emergency, opened by two people or one and a recovery key; short, loud, reviewed."""

__all__: list[str] = []
