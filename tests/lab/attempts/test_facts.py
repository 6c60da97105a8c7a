"""What the facts say of themselves."""

from __future__ import annotations

from typing import Any

from faultlab.lab.history import ConnectAttempted, ListenerMode

Tell = Any  # the writer of events in conftest.py


def test_an_attempt_without_a_head_sent_nothing(tell: Tell) -> None:
    """Only such a one is safe to repeat whatever it asked for."""
    refused = tell.reading(
        ListenerMode(t=0.05, service="core", mode="refusing"),
        tell.invoked(0.1),
        ConnectAttempted(t=0.11, op=1, service="core", port=4001, local=5001),
    )
    answered = tell.reading(tell.invoked(0.1), *tell.exchange(0.1, tell.head(0.2)))
    assert (tell.only(refused).headless, tell.only(answered).headless) == (True, False)


def test_an_operation_knows_the_method_of_its_endpoint(tell: Tell) -> None:
    """Promises depend on it."""
    assert tell.reading(tell.invoked(0.1)).operations[0].method == "GET"


def test_missing_evidence_says_why(tell: Tell) -> None:
    """A finding that needs it repeats the reason."""
    reading = tell.reading(tell.invoked(0.1))
    assert reading.lacks("end") == "operations [1] were still running when the run ended"
    assert reading.lacks("connects") is None
