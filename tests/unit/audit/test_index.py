# SPDX-License-Identifier: Apache-2.0
"""Looking up in which bundles a subject occurs, over any number of eras."""

from hypothesis import given
from hypothesis import strategies as st

from smartagent.audit.store import bundles_back_from, bundles_from
from tests.unit.audit.small_store import SmallStore

BUNDLES = st.one_of(st.integers(0, 1000), st.integers(0, 100_000))


@given(st.sets(BUNDLES, max_size=30), BUNDLES, BUNDLES, st.integers(1, 20))
async def test_bundles_are_found_in_order_and_within_bounds(bundles, first, last, limit):
    store = SmallStore()
    rows = [(bundle // 256, subject, bundle) for bundle in bundles for subject in ("aat_1", "aat_2")]
    store.connection.executemany("INSERT INTO log_index VALUES (?, ?, ?)", rows)

    within = sorted(bundle for bundle in bundles if first <= bundle <= last)
    before = sorted((bundle for bundle in bundles if bundle <= last), reverse=True)

    assert await bundles_from(store, "aat_1", first, last, limit) == within[:limit]
    assert await bundles_back_from(store, "aat_1", last, limit) == before[:limit]
    assert await bundles_from(store, "aat_3", 0, last, limit) == []
