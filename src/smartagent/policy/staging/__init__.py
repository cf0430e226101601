# SPDX-License-Identifier: Apache-2.0
"""Staging: how a text goes from a draft into force, step by step, and what is told of it on the way."""
