# SPDX-License-Identifier: Apache-2.0
"""Access reviews: what each agent may use, looked at by a due date, and what came of it."""

__all__: list[str] = []
