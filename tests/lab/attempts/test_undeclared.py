"""What operations call that declare nothing but a name."""

from __future__ import annotations

from typing import Any

from faultlab.lab.attempts.facts import Attempt
from faultlab.lab.attempts.undeclared import Called, called
from faultlab.lab.history import (
    ConnectAttempted,
    ConnOpened,
    ListenerMode,
    OpInvoked,
    RequestStarted,
)

Tell = Any  # the writer of events in conftest.py


def marked(t: float, op: int = 1, name: str = "get", **fields: Any) -> OpInvoked:
    """An operation that a test marked."""
    return OpInvoked(t=t, op=op, name=name, **{"idempotent": None, **fields})


def attempt(target: str = "", method: str = "GET", service: str = "core") -> Attempt:
    """An attempt; without a target it is a refused connect."""
    sent = 0.1 if target else None
    return Attempt(1, 1, service, method, target, 0.1, 0.2, "ok", sent=sent)


def test_the_last_request_of_the_first_that_sent_one_tells() -> None:
    """A login comes before it; one that was refused tells no more than the service."""
    found = called(
        [
            (marked(0.1), [attempt()]),
            (marked(0.2), [attempt("/login", "POST"), attempt("/orders/7?full=1")]),
            (marked(0.3), [attempt("/orders/8")]),
            (marked(0.4, name="add"), [attempt(service="orders")]),
            (marked(0.5, name="declared", endpoint="GET /x"), [attempt("/y")]),
        ]
    )
    assert found == {"get": Called("core", "GET /orders/7"), "add": Called("orders")}
    assert (found["get"].idempotent, found["add"].idempotent) == (True, None)
    assert Called("core", "POST /orders").idempotent is False


def test_one_that_was_only_refused_is_known_by_its_namesake(tell: Tell) -> None:
    """Its control call said what it sends."""
    reading = tell.reading(
        marked(0.1),
        *tell.exchange(0.1, tell.head(0.2), tell.complete(0.2)),
        tell.failed(0.3),
        ListenerMode(t=0.4, service="core", mode="refusing"),
        marked(0.5, op=2),
        ConnectAttempted(t=0.6, op=2, attempt=1, service="core", port=4001, local=5001),
        tell.failed(0.7, op=2),
    )
    first, second = reading.operations
    assert first.endpoint == second.endpoint == "GET /health"
    assert (second.service, second.idempotent, second.undeclared) == ("core", True, False)


def test_one_of_which_no_request_was_seen_is_undeclared_unless_it_says_itself(tell: Tell) -> None:
    """Whether it may be repeated would be a guess."""
    reading = tell.reading(marked(0.1), marked(0.2, op=2, idempotent=True))
    assert [(one.idempotent, one.undeclared) for one in reading.operations] == [
        (False, True),
        (True, False),
    ]


def test_a_key_on_the_wire_is_a_key(tell: Tell) -> None:
    """A write with one may be repeated, though nobody declared it."""
    request = RequestStarted(
        t=0.2,
        op=1,
        conn=1,
        request=1,
        service="core",
        method="POST",
        target="/orders",
        headers={"idempotency-key": "0a1b"},
    )
    opened = ConnOpened(t=0.1, conn=1, service="core", port=5001)
    (operation,) = tell.reading(marked(0.1), opened, request).operations
    assert (operation.keyed, operation.idempotent) == (True, False)
