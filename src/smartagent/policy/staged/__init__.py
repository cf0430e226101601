# SPDX-License-Identifier: Apache-2.0
"""Texts of roles and policies that are on their way into force: how far each is, and whom it decides about."""
