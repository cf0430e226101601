# SPDX-License-Identifier: Apache-2.0
"""The leaf of the log: one record, one sequence of bytes."""

import msgspec
import pytest

from smartagent.kernel import Decision, Record


def test_a_leaf_is_compact_json_in_the_order_of_the_members():
    record = Record(
        event="token.issued",
        at_ms=1,
        request="req_1",
        caller="agt_1",
        decision=Decision.PERMIT,
        detail={"aud": "x", "exp": 9},
    )
    assert record.encode() == (
        b'{"event":"token.issued","at_ms":1,"request":"req_1","caller":"agt_1",'
        b'"decision":"permit","detail":{"aud":"x","exp":9}}'
    )


def test_a_leaf_reads_back_as_it_was():
    record = Record(event="e", at_ms=2, request="r", reason="why", rule="house.agent", outcome="403")
    assert Record.decode(record.encode()) == record


def test_what_is_no_record_is_refused():
    with pytest.raises(msgspec.ValidationError):
        Record.decode(b'{"event":1}')
