# SPDX-License-Identifier: Apache-2.0
"""SmartAgent: a self-hosted authority that gives AI agents identity, short-lived access and a log."""
