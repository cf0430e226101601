# SPDX-License-Identifier: Apache-2.0
"""`smartagent scan`: finds long-lived keys in files, says what replaces each, and writes the migration."""

from smartagent.cli.scan.detecting import load_detector
from smartagent.cli.scan.history import History
from smartagent.cli.scan.scanning import Asked, scan

__all__ = ["Asked", "History", "load_detector", "scan"]
