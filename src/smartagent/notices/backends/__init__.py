# SPDX-License-Identifier: Apache-2.0
"""How notices leave: signed webhooks, and mail."""

__all__: list[str] = []
