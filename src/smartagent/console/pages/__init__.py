# SPDX-License-Identifier: Apache-2.0
"""The pages: a module and a template each."""

__all__: list[str] = []
