import pytest
from pydantic import ValidationError

from faultlab.faults import Cut, Killed, Refused, Stopped


def test_refused_closes_live_connections_unless_told_otherwise() -> None:
    """A stopped process takes its connections with it."""
    assert Refused(service="core").live == "close"
    with pytest.raises(ValidationError):
        Refused(service="core", live="hold")


@pytest.mark.parametrize("kind", [Stopped, Killed])
def test_a_process_that_ended_is_back_when_the_fault_is_over_unless_told_otherwise(kind) -> None:
    """A time is seconds; nothing else is one."""
    assert kind(service="core").restart == "never"
    assert kind(service="core", restart=2).restart == 2.0
    assert kind(service="core", restart=0.5).text() == "restart: 500ms"
    for wrong in (-1, "soon", float("inf")):
        with pytest.raises(ValidationError):
            kind(service="core", restart=wrong)


def test_a_process_that_ends_with_a_request_under_way_shows_that_first() -> None:
    """What the plan counts by is what the first request meets."""
    assert Killed(service="core").observable()[0] == "connect_refused"
    assert Killed(service="core", after="request").observable()[:3] == (
        "eof_before_response",
        "reset_before_response",
        "connect_refused",
    )
    assert Stopped(service="core", after="request").observable()[0] == "eof_before_response"


@pytest.mark.parametrize(
    ("at", "by", "seen"),
    [
        ("accept", "fin", ("eof_on_accept",)),
        ("accept", "rst", ("reset_on_accept",)),
        ("request_complete", "fin", ("eof_before_response",)),
        ("response_head", "rst", ("reset_before_response",)),
        ("request_head", "fin", ("eof_before_response",)),
        ("request_head", "rst", ("reset_before_response",)),
        ("response_body", "fin", ("truncated_length", "truncated_chunked")),
        ("response_body", "rst", ("reset_mid_body",)),
    ],
)
def test_a_cut_shows_as(at, by, seen) -> None:
    """Contracts are keyed by what a client sees."""
    assert Cut(service="core", at=at, by=by).observable() == seen


def test_bytes_belong_to_a_body() -> None:
    """A head has no n-th byte of its body."""
    with pytest.raises(ValidationError, match="belongs to a cut at response_body"):
        Cut(service="core", at="request_head", bytes=3)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Cut(service="core", at="response_body", bytes=-1)
    with pytest.raises(ValidationError):
        Cut(service="core")


def test_at_accept_no_endpoint_can_be_picked() -> None:
    """Nothing of a request is known yet; the first n connections are."""
    assert Cut(service="core", at="accept", first=2).first == 2
    with pytest.raises(
        ValidationError, match="connections, while no request is under way: it takes no `endpoint`"
    ):
        Cut(service="core", at="accept", endpoint="GET /x")
