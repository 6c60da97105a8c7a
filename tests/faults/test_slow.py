import pytest
from pydantic import ValidationError

from faultlab.faults import Drip, Frozen, Latency, Stall, Throttle


def test_latency_delays_answers_unless_told_otherwise() -> None:
    """The direction decides who worked before the client gave up."""
    fault = Latency(service="core", delay=0.5)
    assert (fault.direction, fault.jitter) == ("to_client", 0.0)


def test_time_does_not_run_backwards() -> None:
    """Neither delay nor jitter is negative."""
    for values in ({"delay": -1}, {"delay": 1, "jitter": -1}, {}):
        with pytest.raises(ValidationError):
            Latency(service="core", **values)


@pytest.mark.parametrize(
    ("at", "reach", "observable"),
    [
        ("connect", "listener", "connect_timeout"),
        ("response_head", "request", "read_timeout_headers"),
        ("response_body", "request", "read_timeout_body"),
    ],
)
def test_a_stall_shows_as_the_time_out_of_its_point(at: str, reach: str, observable: str) -> None:
    """Where there is silence decides which patience ends it."""
    fault = Stall(service="core", at=at)
    assert (fault.reach, fault.observable()) == (reach, (observable,))


def test_what_a_frozen_process_shows_to_who_asks_it_anew() -> None:
    """The body's time-out is for who was under way."""
    assert Frozen(service="core").observable() == ("read_timeout_headers",)


def test_a_stalled_connect_picks_no_request() -> None:
    """There is none yet; a scope that were ignored would stall more than was asked for."""
    for scope in ({"endpoint": "GET /x"}, {"first": 1}):
        with pytest.raises(
            ValidationError, match="connects, before there is a request: it takes no"
        ):
            Stall(service="core", at="connect", **scope)
        assert Stall(service="core", at="response_body", **scope).scoped


@pytest.mark.parametrize(
    ("direction", "observables"),
    [
        ("to_client", ("slow_drip", "read_timeout_headers")),
        ("to_backend", ("read_timeout_headers",)),
        ("both", ("slow_drip", "read_timeout_headers")),
    ],
)
def test_a_slow_request_is_a_silence_and_no_drip(
    direction: str, observables: tuple[str, ...]
) -> None:
    """Nothing comes to the client while its request is on its way."""
    assert Throttle(service="s", rate=1, direction=direction).observable() == observables
    assert Drip(service="s", direction=direction).observable() == observables


def test_bytes_are_written_with_their_units() -> None:
    """What the lanes show can be pasted into a file."""
    assert Throttle(service="core", rate=64_000).text() == "rate: 64kB/s"
    assert Drip(service="core", size=3, interval=0.05).text() == "size: 3B, interval: 50ms"
    again = Drip.model_validate_json(Drip(service="core", size=2000).model_dump_json())
    assert again.text() == "size: 2kB"


def test_nothing_passes_at_a_rate_of_none() -> None:
    """That is a stall; nor is there a piece of nothing, or no time between two."""
    for kind, values in ((Throttle, {"rate": 0}), (Drip, {"size": 0}), (Drip, {"interval": 0})):
        with pytest.raises(ValidationError):
            kind(service="core", **values)
