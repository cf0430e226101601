# SPDX-License-Identifier: Apache-2.0
import pytest

from tests.unit.policy.fakes import policy_store


@pytest.fixture
def store():
    made = policy_store()
    yield made
    made.close()
