from typing import Any

import pytest
from pydantic import ValidationError

from faultlab.faults import BadBody, Capacity, Duplicate, LostAnswer, Stale


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("invalid_json", "bad_json"),
        ("html", "wrong_content_type"),
        ("empty", "empty_body"),
        ("wrong_schema", "wrong_schema"),
        ("wrong_type", "wrong_schema"),
        ("bad_chunk", "bad_chunk"),
        ("bad_gzip", "bad_gzip"),
        ("other_service", "wrong_service"),
    ],
)
def test_a_bad_body_shows_as_what_it_is(body: Any, seen: str) -> None:
    """Contracts are keyed by what a client sees."""
    assert BadBody(service="core", body=body).observable() == (seen,)


def test_a_body_that_is_not_listed_is_refused() -> None:
    """A misspelt body would be another fault."""
    assert BadBody(service="core").body == "invalid_json"
    with pytest.raises(ValidationError):
        BadBody(service="core", body="xml")


def test_a_lost_answer_shows_as_an_end_before_it() -> None:
    """To the client it is the same as a cut head: that is the danger."""
    assert LostAnswer(service="core").observable() == ("eof_before_response",)
    assert LostAnswer(service="core", by="rst").observable() == ("reset_before_response",)


def test_a_stale_connection_shows_as_its_end() -> None:
    """Whichever the server sent."""
    assert Stale(service="core").observable() == ("stale_eof",)
    assert Stale(service="core", by="rst").observable() == ("stale_reset",)


@pytest.mark.parametrize("wrong", [{"endpoint": "GET /a"}, {"idle": -1}])
def test_an_idle_connection_has_no_request_to_pick(wrong: dict[str, Any]) -> None:
    """A scope that were ignored would end more connections than asked for."""
    with pytest.raises(ValidationError):
        Stale(service="core", **wrong)


def test_a_duplicate_shows_as_nothing() -> None:
    """The client gets one answer; what is done twice is between network and backend."""
    assert Duplicate(service="core").observable() == ()
    with pytest.raises(ValidationError):
        Duplicate(service="core", copies=0)


def test_a_full_backend_shows_as_silence_or_refusal() -> None:
    """Whoever waits too long, and whoever may not wait."""
    assert Capacity(service="core", workers=2).observable() == (
        "status:503",
        "read_timeout_headers",
    )
    for wrong in ({}, {"workers": 0}, {"workers": 1, "queue": -1}):
        with pytest.raises(ValidationError):
            Capacity(service="core", **wrong)
