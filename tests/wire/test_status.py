"""`status` and `bad_body`: what a naive client sees of wrong answers."""

import json

import pytest

from faultlab.faults import BadBody, Cut, Status
from faultlab.lab.history import FaultFired, RequestComplete, ResponseComplete, ResponseHead

pytestmark = [pytest.mark.wire, pytest.mark.nets]


def test_a_status_is_the_gates_own_answer(stage) -> None:
    """The backend sees nothing, the request is read whole, the connection stays usable."""
    client = stage.connect()
    client.ask("GET /before")
    client.answer()
    fault = stage.arm(Status(service="core", code=503))
    for _ in range(2):
        client.ask("POST /query", b"body")
        status, headers, body = client.answer()
        assert (status, json.loads(body)["status"]) == (503, 503)
        assert headers["content-type"] == "application/json"
    stage.clear(fault)
    client.ask("GET /after")
    assert client.answer()[0] == 200
    assert stage.served(2) == ["GET /before", "GET /after"]
    assert [event.length for event in stage.of(RequestComplete)] == [0, 4, 4, 0]
    heads = stage.of(ResponseHead)
    assert [(e.status, e.source) for e in heads[1:3]] == [(503, "gate")] * 2


def test_a_sequence_answers_once_each_and_then_works(stage) -> None:
    """Two 503 with Retry-After, then work: the story of a restart."""
    stage.arm(
        Status(service="core", sequence=(503, 502), headers=(("Retry-After", "1"),), body="busy")
    )
    client = stage.connect()
    seen = []
    for _ in range(3):
        client.ask()
        status, headers, body = client.answer()
        seen.append((status, headers.get("retry-after"), body))
    assert seen == [(503, "1", b"busy"), (502, "1", b"busy"), (200, None, b'{"ok": true}')]
    assert [event.retry_after for event in stage.of(ResponseHead)] == ["1", "1", None]
    assert len(stage.of(FaultFired)) == 2


def test_the_first_fault_in_scope_wins_and_the_others_do_not_fire(stage) -> None:
    """Both at once can't be true; the one that acted is the one that is told."""
    first = stage.arm(Status(service="core", code=500, endpoint="GET /state"))
    stage.arm(Cut(service="core", at="request_head"))
    client = stage.connect()
    client.ask()
    assert client.answer()[0] == 500
    assert [event.fault for event in stage.of(FaultFired)] == [first]


def test_a_request_that_says_close_is_closed_after_the_gates_answer(stage) -> None:
    """The gate keeps the rules of the backend it stands for."""
    stage.arm(Status(service="core", code=500))
    client = stage.connect()
    client.ask("GET /state", b"", "Connection: close")
    data, end = client.rest()
    assert data.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert end == "fin"


def test_head_gets_no_body(stage) -> None:
    """A body here would be read as the next answer."""
    stage.arm(Status(service="core", code=500))
    client = stage.connect()
    client.ask("HEAD /state", b"", "Connection: close")
    assert client.rest()[0].endswith(b"\r\n\r\n")


def test_an_invalid_body_keeps_its_framing(stage) -> None:
    """Status and headers are the backend's, the length is right, the JSON is not."""
    stage.backend.answers["/state"] = (
        b"HTTP/1.1 201 Made\r\nX-Kept: yes\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\n0\r\n\r\n"
    )
    live = stage.connect()
    stage.arm(BadBody(service="core"))
    for client in (live, stage.connect()):
        client.ask()
        status, headers, body = client.answer()
        assert (status, headers["x-kept"]) == (201, "yes")
        assert headers["content-type"] == "application/json"
        assert "transfer-encoding" not in headers
        with pytest.raises(json.JSONDecodeError):
            json.loads(body)
        client.ask()
        assert client.answer()[0] == 201
    assert {event.damaged for event in stage.see(ResponseComplete, 4)} == {"bad_json"}


@pytest.mark.parametrize(
    ("body", "headers", "data", "seen"),
    [
        ("html", {"content-type": "text/html; charset=utf-8"}, b"<!doctype", "wrong_content_type"),
        ("empty", {"content-length": "0"}, b"", "empty_body"),
        ("wrong_schema", {}, b'{"unexpected": true}', "wrong_schema"),
        ("wrong_type", {}, b'{"ok": {"unexpected": true}}', "wrong_schema"),
        ("bad_gzip", {"content-encoding": "gzip"}, b'{"status"', "bad_gzip"),
        ("other_service", {}, b'{"service": "billing"', "wrong_service"),
    ],
)
def test_each_bad_body_comes_whole_and_the_connection_goes_on(
    stage, body, headers, data, seen
) -> None:
    """Only its content is wrong, on a live connection and on a new one."""
    live = stage.connect()
    live.ask()
    live.answer()
    fault = stage.arm(BadBody(service="core", body=body))
    for client in (live, stage.connect()):
        client.ask()
        status, got, content = client.answer()
        assert status == 200
        assert {name: got[name] for name in headers} == headers
        assert content.startswith(data)
    assert [e.damaged for e in stage.see(ResponseComplete, 3)] == ["", seen, seen]
    assert len(stage.see(FaultFired, 2)) == 2
    stage.clear(fault)
    live.ask()
    assert live.answer()[2] == b'{"ok": true}'


def test_a_bad_chunk_breaks_the_framing_and_ends_the_connection(stage) -> None:
    """A chunk without a size, then FIN: a client that waits for more would wait for ever."""
    live = stage.connect()
    live.ask()
    live.answer()
    stage.arm(BadBody(service="core", body="bad_chunk"))
    for client in (live, stage.connect()):
        client.ask()
        data, end = client.rest()
        assert b"transfer-encoding: chunked\r\n\r\n" in data
        assert data.partition(b"\r\n\r\n")[2].startswith(b'a\r\n{"status":\r\nZZZ\r\n')
        assert end == "fin"
    assert [e.damaged for e in stage.see(ResponseComplete, 3)] == ["", "bad_chunk", "bad_chunk"]


def test_an_answer_without_a_body_can_not_be_damaged(stage) -> None:
    """204 has no body to replace, and the fault hasn't fired."""
    stage.backend.answers["/state"] = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
    stage.arm(BadBody(service="core"))
    client = stage.connect()
    client.ask()
    assert client.answer()[0] == 204
    assert stage.of(FaultFired) == []
