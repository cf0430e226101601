# SPDX-License-Identifier: Apache-2.0
"""Requests for access: an agent asks for what was denied to it, and a person decides about the narrowest rule."""

__all__: list[str] = []
