"""A fault from a call's arguments, or one message."""

from __future__ import annotations

import pytest

from faultlab.faults import Cut, Fault, Latency, Refused, Status
from faultlab.lab.errors import FaultError
from faultlab.lab.testing.arguments import built, pairs


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (
            Refused,
            {"service": "core", "live": "rest"},
            "lab.x: live='rest'\n  expected   'close', 'reset' or 'keep'\n  nearest    'reset'",
        ),
        (
            Refused,
            {"service": "core", "live": None},
            "lab.x: live=None\n  expected   'close', 'reset' or 'keep'",
        ),
        (
            Refused,
            {
                "service": 7,
            },
            "lab.x: service=7\n  expected   the name of a service",
        ),
        (
            Refused,
            {
                "service": "",
            },
            "lab.x: service=''\n  expected   the name of a service",
        ),
        (
            Latency,
            {"service": "core", "delay": "500ms"},
            "lab.x: delay='500ms'\n  expected   seconds, 0 or more",
        ),
        (
            Latency,
            {"service": "core", "delay": float("inf")},
            "lab.x: delay=inf\n  expected   seconds, 0 or more",
        ),
        (
            Status,
            {"service": "core", "code": 503, "body": "\ud800"},
            "lab.x: '\\ud800' is no text in UTF-8: surrogates not allowed",
        ),
        (
            Latency,
            {"service": "core", "delay": 0.5, "after": "soon"},
            "lab.x: 'soon': expected seconds, request, open, or a size like 4kB",
        ),
        (
            Status,
            {"service": "core", "code": 99},
            "lab.x: code=99\n  expected   a whole number, from 200 to 599",
        ),
        (
            Status,
            {"service": "core", "code": 503, "first": 0},
            "lab.x: first=0\n  expected   a whole number, 1 or more",
        ),
        (
            Cut,
            {"service": "core", "at": "response_body", "bytes": -1},
            "lab.x: bytes=-1\n  expected   'half' or a whole number, 0 or more",
        ),
        (
            Cut,
            {"service": "core", "at": "accept", "endpoint": "GET /x"},
            "lab.x: it acts on connections, while no request is under way: it takes no `endpoint`",
        ),
        (
            Refused,
            {"service": "core", "lats": 1},
            "lab.x: it takes no lats=\n  expected   after, lasts, live, unfired\n  nearest    lasts",
        ),
        (
            Refused,
            {"service": "core", "unfird": "ok"},
            "lab.x: it takes no unfird=\n  expected   after, lasts, live, unfired\n  nearest    unfired",
        ),
        (
            Cut,
            {"service": "core", "at": "accept", "endpoint": "/x"},
            "lab.x: '/x' is not an endpoint; write one like `GET /orders/*`",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_expected(
    kind: type[Fault], given: dict[str, object], told: str
) -> None:
    """In Python's words, none of them a library's that the test's author never chose."""
    with pytest.raises(FaultError) as caught:
        built("lab.x", kind, {}, **given)
    assert str(caught.value) == told
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_right_arguments_are_the_fault() -> None:
    """Nothing is changed on the way."""
    fault = Status(service="core", code=503, attempt=(1,), lasts=2.0)
    assert built("lab.x", Status, {"attempt": 1, "lasts": 2}, service="core", code=503) == fault


def test_headers_are_pairs_in_order() -> None:
    """Numbers are written out."""
    assert pairs("lab.status", "headers", {"Retry-After": 1, "A": "b"}) == (
        ("Retry-After", "1"),
        ("A", "b"),
    )
    assert pairs("lab.status", "headers", None) == ()


@pytest.mark.parametrize(
    "wrong", [["a"], "a: b", 3, {"a": None}, {1: "b"}, {"a": b"b"}, {"a": 1.5}]
)
def test_what_are_no_headers_is_told_the_form(wrong: object) -> None:
    """A value that only looks right would be sent as its repr."""
    with pytest.raises(FaultError) as caught:
        pairs("lab.status", "headers", wrong)
    assert str(caught.value) == (
        f'lab.status: headers={wrong!r}\n  expected   a mapping like {{"Retry-After": 1}}'
    )
