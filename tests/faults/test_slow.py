import pytest
from pydantic import ValidationError

from faultlab.faults import Latency, Stall


def test_latency_delays_answers_unless_told_otherwise() -> None:
    """The direction decides who worked before the client gave up."""
    fault = Latency(service="core", delay=0.5)
    assert (fault.direction, fault.jitter) == ("to_client", 0.0)


def test_time_does_not_run_backwards() -> None:
    """Neither delay nor jitter is negative."""
    for values in ({"delay": -1}, {"delay": 1, "jitter": -1}, {}):
        with pytest.raises(ValidationError):
            Latency(service="core", **values)


def test_stall_stands_where_the_head_should_begin() -> None:
    """The other places come with another issue, and are refused until then."""
    assert Stall(service="core").at == "response_head"
    with pytest.raises(ValidationError):
        Stall(service="core", at="response_body")
