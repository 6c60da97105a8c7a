import pytest

from faultlab.lab.history import RequestStarted, ResponseCut
from faultlab.lab.proxy.exchange import Exchange
from faultlab.lab.proxy.force import Force
from faultlab.lab.proxy.framer import RequestHead, ResponseHead
from faultlab.lab.proxy.notes import Notes
from faultlab.lab.proxy.waiting import Waiting


@pytest.fixture
def told() -> list:
    """What was recorded."""
    return []


@pytest.fixture
def notes(net, told) -> Notes:
    """The entries of connection 4."""
    return Notes(
        Force(
            net,
            "core",
            told.append,
            0.0,
            lambda fault, op, attempt: 0.5,
            Waiting(net, None, None),
        ),
        4,
    )


def test_a_request_is_stamped_with_its_first_byte_and_holds_no_secret(notes, told) -> None:
    """An attempt began when it began on the wire; a history may be handed on."""
    headers = (("authorization", "Bearer x"), ("accept", "*/*"))
    head = RequestHead(b"", "GET", "/x?token=t", headers=headers, minor=1, body="none", length=0)
    notes.started(Exchange(2, 0.25, (), op=1, attempt=3), head)
    assert told == [
        RequestStarted(
            t=0.25,
            service="core",
            conn=4,
            request=2,
            op=1,
            attempt=3,
            method="GET",
            target="/x?token=[redacted]",
            headers={"authorization": "[redacted]", "accept": "*/*"},
            reused=True,
        )
    ]


def test_a_cut_names_the_bytes_that_were_released(notes, told) -> None:
    """Not those that had come from the backend."""
    exchange = Exchange(1, 0.0, ())
    notes.released(exchange, 3)
    notes.released(exchange, 2)
    notes.cut(exchange, "rst")
    assert exchange.finished
    assert [(event.at, event.how) for event in told if isinstance(event, ResponseCut)] == [
        (5, "rst")
    ]


def test_what_a_peer_sends_at_length_is_recorded_in_short(notes, told) -> None:
    """Histories are held in memory, and read by people."""
    long = "9" * 60_000
    headers = (("accept", long), ("retry-after", long), ("content-type", long))
    notes.started(Exchange(1, 0.0, ()), RequestHead(b"", long, long, 1, headers, "none", 0))
    notes.head(
        Exchange(1, 0.0, ()), "backend", ResponseHead(b"", 200, headers, "none", 0, False), 0
    )
    started, head = told
    assert started.method == "9" * 32 + "...(60000 characters)"
    assert len(started.target) < 2100
    assert started.headers["accept"] == "9" * 256 + "...(60000 characters)"
    assert {len(head.retry_after), len(head.content_type)} == {256 + len("...(60000 characters)")}
