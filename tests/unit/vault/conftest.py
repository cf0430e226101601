# SPDX-License-Identifier: Apache-2.0
import pytest

from tests.unit.vault.fakes import vault_store


@pytest.fixture
def store():
    made = vault_store()
    yield made
    made.close()
