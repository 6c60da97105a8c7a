"""Streams of events, as their reader takes them apart."""

from __future__ import annotations

import json
from typing import Any

from faultlab.lab.backends.maximus import EPOCH, maximus_routes
from faultlab.lab.backends.maximus.shape import Decision
from faultlab.lab.backends.maximus.streams import Announcements, frame
from faultlab.lab.backends.routes import Frames, Request, Routes

PREFIX = "/api/v1/governance"


def opened(routes: Routes, target: str) -> Frames:
    """The parts of a stream."""
    reply = routes.answer(Request("GET", target))
    assert (reply.status, reply.content_type) == (200, "text/event-stream; charset=utf-8")
    assert reply.frames is not None
    return reply.frames()


def names(part: bytes) -> list[str]:
    """The ids of the events in a part."""
    return [line[4:] for line in part.decode().splitlines() if line.startswith("id: ")]


def session(routes: Routes, operator: str) -> str:
    """A new session."""
    body = json.dumps({"operator_id": operator, "operator_name": operator}).encode()
    reply = routes.answer(Request("POST", f"{PREFIX}/session/create", body=body))
    return str(json.loads(reply.body)["session_id"])


def test_a_frame_is_written_in_the_wire_s_order() -> None:
    """id, event, data, a blank line; what is absent has no line."""
    assert frame({"a": 1}, "connected", "x") == b'id: x\nevent: connected\ndata: {"a": 1}\n\n'
    assert frame({"a": 1}) == b'data: {"a": 1}\n\n'


def test_an_operator_hears_of_what_waits_and_what_came_of_it() -> None:
    """Connected, each decision once, then its end."""
    routes = maximus_routes("core")
    known = session(routes, "ann")
    stream = opened(routes, f"{PREFIX}/stream/ann?session_id={known}")
    assert next(stream) == (
        frame(
            {
                "message": "Connected to Governance SSE Stream",
                "operator_id": "ann",
                "session_id": known,
            },
            "connected",
            f"conn_{known}",
        ),
        0.0,
    )
    part, wait = next(stream)
    assert (names(part), wait) == (["dec_dec-1", "dec_dec-2", "dec_dec-3"], 1.0)
    assert next(stream)[0] == b""
    body = json.dumps({"session_id": known}).encode()
    routes.answer(Request("POST", f"{PREFIX}/decision/dec-2/approve", body=body))
    assert names(next(stream)[0]) == ["resolved_dec-2"]


def test_who_comes_second_does_not_hear_of_what_was_said_before() -> None:
    """The service's own gap; when all have gone, the next one hears everything again."""
    routes = maximus_routes("core")
    first = opened(routes, f"{PREFIX}/stream/ann?session_id={session(routes, 'ann')}")
    next(first)
    next(first)
    second = opened(routes, f"{PREFIX}/stream/bob?session_id={session(routes, 'bob')}")
    next(second)
    assert next(second)[0] == b""
    health: dict[str, Any] = json.loads(routes.answer(Request("GET", f"{PREFIX}/health")).body)
    assert (health["active_connections"], health["total_connections"]) == (2, 2)
    first.close()
    second.close()
    third = opened(routes, f"{PREFIX}/stream/bob?session_id={session(routes, 'bob')}")
    next(third)
    assert len(names(next(third)[0])) == 3


def test_a_quiet_stream_has_a_heartbeat() -> None:
    """Every thirty seconds, so that a reader can tell quiet from dead."""
    announcements = Announcements(lambda: EPOCH, dict)
    stream = announcements.stream("ann", "s")
    parts = [next(stream)[0] for _ in range(31)]
    assert [number for number, part in enumerate(parts) if part] == [0, 30]
    assert names(parts[30]) == [f"hb_{EPOCH}"]


def test_what_overflows_an_operator_s_queue_is_dropped() -> None:
    """A hundred frames wait, as in the service; a reader that sleeps loses the rest."""
    waiting = {f"d{number}": (Decision(f"d{number}", "low", "x"), EPOCH) for number in range(120)}
    announcements = Announcements(lambda: EPOCH, lambda: waiting)
    stream = announcements.stream("ann", "s")
    next(stream)
    assert len(names(next(stream)[0])) == 100


def test_a_decision_is_watched_in_vain() -> None:
    """One error within a 200, then the end."""
    routes = maximus_routes("core")
    for decision, text in (
        ("dec-1", "'QueuedDecision' object has no attribute 'status'"),
        ("nope", "Decision not found"),
    ):
        (part, _), *rest = opened(routes, f"{PREFIX}/decision/{decision}/watch")
        assert rest == []
        assert part == frame({"error": text, "decision_id": decision}, "error")


def test_consciousness_is_told_every_five_seconds() -> None:
    """Frames of data only."""
    stream = opened(maximus_routes("core"), "/api/consciousness/stream/sse")
    kinds = []
    for _ in range(3):
        part, wait = next(stream)
        kinds.append(json.loads(part.removeprefix(b"data: "))["type"])
        assert wait == 5.0
    assert kinds == ["connection_ack", "state_snapshot", "state_snapshot"]
