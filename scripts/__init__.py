# SPDX-License-Identifier: Apache-2.0
"""Generators: what is written down twice is written by a machine."""
