import pytest

from faultlab.faults import Cut, Partition, Refused, Status
from faultlab.lab.plan.scope import overlap, reaches, shows


@pytest.mark.parametrize(
    ("pattern", "path", "meets"),
    [
        ("GET /orders/7", "/orders/{id}", True),
        ("GET /orders/*", "/orders/{id}", True),
        ("GET /orders/{id}", "/orders/{key}", True),
        ("GET /orders/*", "/orders/{id}/lines", True),
        ("GET /*", "/health", True),
        ("GET /orders", "/orders/{id}", False),
        ("GET /health", "/healthy", False),
        ("POST /orders/7", "/orders/{id}", False),
    ],
)
def test_a_pattern_and_a_template_may_mean_one_request(
    pattern: str, path: str, meets: bool
) -> None:
    """An endpoint that no operation can call would arm a fault that never fires."""
    assert overlap(pattern, "GET", path) is meets


def test_a_fault_reaches_its_service_and_endpoint_only() -> None:
    """What is elsewhere does not stand under it."""
    whole = Status(service="core", code=503)
    one = Status(service="core", code=503, endpoint="GET /health")
    assert reaches(whole, "core", "POST", "/query")
    assert not reaches(whole, "side", "POST", "/query")
    assert reaches(one, "core", "GET", "/health")
    assert not reaches(one, "core", "POST", "/query")


def test_an_expected_outcome_tells_what_a_fault_shows() -> None:
    """A partition shows silence to a warm connection, and no answer to a connect."""
    dark = Partition(service="core")
    assert shows(dark, ("connection",)) == ("connect_timeout",)
    assert shows(dark, ("timeout",)) == ("read_timeout_headers",)
    assert shows(dark, ("contract",)) == ("connect_timeout", "read_timeout_headers")


def test_without_a_word_about_it_a_fault_shows_all_it_can() -> None:
    """`open` says nothing of what the fault does."""
    assert shows(Refused(service="core"), ("open",))[0] == "connect_refused"
    assert shows(Cut(service="core", at="request_head"), ("open",)) == ("eof_before_response",)
    assert shows(Status(service="core", sequence=(500, 503)), ("status:503",)) == ("status:503",)
