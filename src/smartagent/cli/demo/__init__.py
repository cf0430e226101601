# SPDX-License-Identifier: Apache-2.0
"""The demo: the authority, a shop's API and an agent, each its own process, and what happens between them."""

from smartagent.cli.demo.story import run

__all__ = ["run"]
