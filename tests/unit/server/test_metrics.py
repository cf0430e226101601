# SPDX-License-Identifier: Apache-2.0
"""Counters of several workers as one."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from smartagent.edge import Proof, Route
from smartagent.server.metrics import Meter


async def act(caller, inbound):
    raise NotImplementedError


ONE = Route("GET", "/v1/one", Proof.NONE, "p", "e", act)
TWO = Route("POST", "/v1/two", Proof.NONE, "p", "e", act)


def samples(meter):
    families = text_string_to_metric_families(meter.render().decode())
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def meters(tmp_path):
    made = [Meter([ONE, TWO], tmp_path, worker) for worker in range(2)]
    yield made
    for meter in made:
        meter.close()


def test_any_worker_tells_the_sum_of_all(meters):
    meters[0].request(ONE, 200, 0.002)
    meters[1].request(ONE, 200, 0.2)
    meters[1].request(TWO, 201, 0.002)
    meters[1].request(None, 404, 0.0001)

    for meter in meters:
        found = samples(meter)
        one = (("method", "GET"), ("route", "/v1/one"))
        assert found["smartagent_requests_total", *one, ("status", "200")] == 2
        assert (
            found["smartagent_requests_total", ("method", "POST"), ("route", "/v1/two"), ("status", "201")]
            == 1
        )
        assert found["smartagent_requests_total", ("method", ""), ("route", ""), ("status", "404")] == 1
        name = "smartagent_request_duration_seconds"
        assert found[f"{name}_count", *one] == 2
        assert found[f"{name}_sum", *one] == pytest.approx(0.202)
        assert found[f"{name}_bucket", ("le", "0.0025"), *one] == 1
        assert found[f"{name}_bucket", ("le", "+Inf"), *one] == 2


def test_a_worker_that_takes_anothers_place_goes_on_from_its_counts(tmp_path):
    first = Meter([ONE], tmp_path, 0)
    first.request(ONE, 200, 0.1)
    first.close()

    second = Meter([ONE], tmp_path, 0)
    second.request(ONE, 200, 0.1)

    key = ("smartagent_requests_total", ("method", "GET"), ("route", "/v1/one"), ("status", "200"))
    assert samples(second)[key] == 2
    second.close()


def test_an_unusual_status_is_counted_as_other(meters):
    meters[0].request(ONE, 418, 0.1)

    key = ("smartagent_requests_total", ("method", "GET"), ("route", "/v1/one"), ("status", "other"))
    assert samples(meters[0])[key] == 1


def test_gauges_are_read_when_asked(meters):
    value = 1.0
    meters[0].gauge("smartagent_feed_version", "How far memory reached.", lambda: value)
    value = 7.0

    assert samples(meters[0])["smartagent_feed_version",] == 7
