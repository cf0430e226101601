# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: what a test needs, and that CI skips none of it.

A test that needs more than pip can bring says so with `@pytest.mark.needs("node")`.  Where that
program is absent it is skipped, with the reason; where `SMARTAGENT_CI_MUST_RUN` is set, every skip
is a failure, whoever asked for it.
"""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

MUST_RUN = os.environ.get("SMARTAGENT_CI_MUST_RUN") == "1"  # noqa: TID251 -- says where we run; no setting of the house

# The machines that run this are shared: an example's time says nothing about the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program) is None:
                pytest.skip(f"needs {program}, which is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if MUST_RUN and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"CI must run {item.nodeid}: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if MUST_RUN and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"CI must run {collector.nodeid}: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
