# SPDX-License-Identifier: Apache-2.0
"""What operators are to the house: their roles."""

__all__: list[str] = []
