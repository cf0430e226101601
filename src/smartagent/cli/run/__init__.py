# SPDX-License-Identifier: Apache-2.0
"""`smartagent run`: a program with credentials that live as long as it does, in memory only."""

from smartagent.cli.run.runner import Wanted, run

__all__ = ["Wanted", "run"]
