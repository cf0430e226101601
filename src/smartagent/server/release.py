# SPDX-License-Identifier: Apache-2.0
"""Which release this is."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """Return the installed version; a source tree that was not installed has none."""
    try:
        return version("smartagent")
    except PackageNotFoundError:
        return "0+source"
