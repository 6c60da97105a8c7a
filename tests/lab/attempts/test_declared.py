"""A subject whose operations are not what they claim is no subject of a verdict."""

from __future__ import annotations

import pytest

from faultlab.lab.attempts import Attempt, Operation, misdeclared


def operation(endpoint: str, *requests: str) -> Operation:
    """An operation that sent these, `METHOD target` each; an empty one is a refused connect."""
    attempts = []
    for number, request in enumerate(requests, 1):
        method, _, target = request.partition(" ")
        attempts.append(
            Attempt(
                op=1,
                number=number,
                service="orders",
                method=method,
                target=target,
                begun=0.1,
                seen=0.2,
                observable="ok" if request else "connect_refused",
                sent=0.1 if request else None,
            )
        )
    return Operation(
        id=1,
        name="read",
        service="orders",
        endpoint=endpoint,
        idempotent=True,
        keyed=False,
        phase="control",
        invoked=0.0,
        ended=1.0,
        ending="ok",
        attempts=tuple(attempts),
    )


@pytest.mark.parametrize(
    "requests",
    [
        ["GET /orders/7"],
        ["GET /orders/7?expand=1"],
        ["GET http://127.0.0.1:4001/orders/7"],
        ["GET /orders/a%20b"],
        ["POST /login", "GET /orders/7"],
        [""],
        [],
    ],
)
def test_what_was_declared_or_not_seen_is_no_contradiction(requests: list[str]) -> None:
    """Queries, a login on the way and refused connects say nothing against a declaration."""
    assert misdeclared(operation("GET /orders/{id}", *requests)) is None


@pytest.mark.parametrize("request_", ["POST /orders/7", "GET /orders", "GET /order/7"])
def test_another_method_or_path_is_one(request_: str) -> None:
    """The wire shows what was called, whatever the adapter says."""
    found = misdeclared(operation("GET /orders/{id}", "", request_))
    assert found is not None
    assert f"{found.method} {found.target}" == request_
