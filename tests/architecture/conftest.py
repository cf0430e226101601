# SPDX-License-Identifier: Apache-2.0
"""The import graph, built once."""

import grimp
import pytest


@pytest.fixture(scope="session")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("smartagent", include_external_packages=True, cache_dir=None)
