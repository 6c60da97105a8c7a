import http.client
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest

from faultlab.lab.subjects.attribution import HEADER, Attribution, attempt
from faultlab.lab.subjects.clients.http_client import seams
from faultlab.lab.subjects.seams import fitted

Operation = Callable[[int], AbstractContextManager[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Sink:
    """A connected socket's place in http.client: keeps what was sent, and answers."""

    def __init__(self, answer: bytes = OK, limit: int = 1000) -> None:
        self.sent = b""
        self.seen: list[int | None] = []
        self.answer = answer
        self.limit = limit

    def sendall(self, data: bytes) -> None:
        """Keep it."""
        self.seen.append(attempt.get())
        if len(self.sent) + len(data) > self.limit:
            raise BrokenPipeError
        self.sent += data

    def makefile(self, mode: str) -> io.BytesIO:
        """The next answer."""
        return io.BytesIO(self.answer)

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture(autouse=True)
def fitted_(attribution: Attribution) -> Iterator[None]:
    """http.client, instrumented."""
    with fitted({"http.client": partial(seams, attribution)}):
        yield


def connection(sink: Any) -> http.client.HTTPConnection:
    """One that is connected to the sink."""
    made = http.client.HTTPConnection("127.0.0.1", 4000)
    made.sock = sink
    return made


def test_an_attempt_lasts_until_the_head_of_its_answer(
    operation: Operation, told: Callable[[], list[str]]
) -> None:
    """A read time-out is measured to its end, not to that of the request."""
    sink = Sink()
    client = connection(sink)
    with operation(2):
        client.request("GET", "/health")
        assert told() == ["2.1"]
        client.getresponse()
    assert told() == ["2.1", "2.1 ok"]
    assert f"\r\n{HEADER}: 2.1\r\n".encode() in sink.sent
    assert sink.seen == [1]


def test_each_request_of_a_connection_is_one(
    operation: Operation, told: Callable[[], list[str]]
) -> None:
    """Retries of urllib3 and requests are such requests."""
    client = connection(Sink())
    for op in (1, 2):
        with operation(op):
            client.request("GET", "/health")
            client.getresponse().read()
    assert told() == ["1.1", "1.1 ok", "2.1", "2.1 ok"]


def test_an_answer_that_does_not_come_ends_it(
    operation: Operation, told: Callable[[], list[str]]
) -> None:
    """With what the client was told."""
    client = connection(Sink(b""))
    with operation(1):
        client.request("GET", "/health")
        with pytest.raises(http.client.RemoteDisconnected):
            client.getresponse()
    assert told() == ["1.1", "1.1 RemoteDisconnected"]


def test_a_head_that_can_not_be_sent_ends_it(
    operation: Operation, told: Callable[[], list[str]]
) -> None:
    """As a connect that is refused does, which it makes."""
    client = connection(Sink(limit=0))
    with operation(1), pytest.raises(BrokenPipeError):
        client.request("GET", "/health")
    assert told() == ["1.1", "1.1 BrokenPipeError"]


def test_a_body_that_can_not_be_sent_ends_it(
    operation: Operation, told: Callable[[], list[str]]
) -> None:
    """urllib3 sends it behind its head."""
    client = connection(Sink(limit=200))
    with operation(1):
        client.request("POST", "/health", headers={"Content-Length": "300"})
        with pytest.raises(BrokenPipeError):
            client.send(b"x" * 300)
    assert told() == ["1.1", "1.1 BrokenPipeError"]


def test_without_an_operation_a_request_goes_out_as_it_is(told: Callable[[], list[str]]) -> None:
    """A connection that an operation has used belongs to nobody."""
    sink = Sink()
    client = connection(sink)
    client.request("GET", "/health")
    client.getresponse()
    assert HEADER.encode() not in sink.sent
    assert told() == []
