"""`partition`: what a naive client sees of a network that passes nothing."""

import pytest

from faultlab.faults import Partition
from faultlab.lab.history import (
    ConnClosed,
    FaultArmed,
    FaultFired,
    RequestStarted,
    ResponseHead,
)
from faultlab.lab.proxy.proxy import FaultRefused

pytestmark = [pytest.mark.wire, pytest.mark.nets]


@pytest.mark.parametrize(
    ("live", "said"),
    [
        ("hold", "live connections held"),
        ("unplugged", "live connections unplugged by {unplugged}"),
        ("keep", "live connections kept"),
    ],
)
def test_a_new_connection_stays_unanswered_until_the_heal(stage, live: str, said: str) -> None:
    """Silence, not refusal; after the heal the port answers again."""
    fault = stage.arm(Partition(service="core", live=live))
    with pytest.raises(TimeoutError):
        stage.dial(0.1)
    assert stage.of(FaultArmed)[0].mechanism == (
        f"listener {stage.means['dark']}; {said.format_map(stage.means)}"
    )
    stage.clear(fault)
    client = stage.connect()
    client.ask()
    assert client.answer()[0] == 200


def test_a_live_connection_falls_silent_and_goes_on_after_the_heal(stage) -> None:
    """The request is seen when it arrives and carried out when the network is back."""
    client = stage.connect()
    client.ask("GET /before")
    client.answer()
    fault = stage.arm(Partition(service="core"))
    client.ask("POST /query", b"held")
    stage.see(RequestStarted, 2)
    assert client.silent(0.05)
    assert len(stage.backend.requests) == 1
    stage.clear(fault)
    assert client.answer()[0] == 200
    assert stage.served(2) == ["GET /before", "POST /query"]
    assert [(e.on, e.request) for e in stage.of(FaultFired)] == [
        ("connection", None),
        ("request", 2),
    ]


def test_an_answer_under_way_is_held_too(stage) -> None:
    """Both directions: the backend worked, the client must not hear of it."""
    client = stage.connect()

    def ask_and_arm() -> None:
        client.ask("GET /state")
        stage.proxy.drain()
        stage.proxy.arm(1, Partition(service="core"))

    stage.call(ask_and_arm)
    stage.served(1)
    assert client.silent(0.05)
    stage.clear(1)
    assert client.answer()[0] == 200


def test_a_held_request_is_carried_out_late_though_its_client_has_gone(stage) -> None:
    """The late effect is the danger of a partition; the FIN is told when it arrived."""
    client = stage.connect()
    client.ask("GET /before")
    client.answer()
    fault = stage.arm(Partition(service="core"))
    client.ask("POST /query", b"late")
    client.close()
    assert stage.see(ConnClosed)[0].by == "client"
    assert len(stage.backend.requests) == 1
    stage.clear(fault)
    assert stage.served(2) == ["GET /before", "POST /query"]
    assert len(stage.of(ResponseHead)) == 1
    stage.until(lambda: not stage.proxy._links)


def test_half_a_request_is_held_and_passed_on_as_half(stage) -> None:
    """What the client never finished the backend must not finish either."""
    client = stage.connect()
    fault = stage.arm(Partition(service="core"))
    client.send(b"POST /query HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
    stage.see(RequestStarted)
    client.close()
    stage.see(ConnClosed)
    stage.clear(fault)
    stage.until(lambda: stage.backend.received.endswith(b"half"))
    stage.until(lambda: not stage.proxy._links)
    assert stage.backend.requests == []


def test_a_full_backlog_is_dark_as_well(stage_without_ttl) -> None:
    """Where the minimum TTL can't be set, the fallback shows the same to a client."""
    stage = stage_without_ttl
    for _ in range(5):
        fault = stage.arm(Partition(service="core"))
        with pytest.raises(TimeoutError):
            stage.dial(0.02)
        stage.clear(fault)
        client = stage.connect()
        client.ask()
        assert client.answer()[0] == 200
    assert stage.of(FaultArmed)[0].mechanism.startswith("listener full backlog")
    with pytest.raises(FaultRefused, match="this kernel has no minimum TTL"):
        stage.arm(Partition(service="core", live="unplugged"))


def test_an_unplugged_connection_gets_no_answer_from_any_kernel(stage) -> None:
    """As when the cable is out: no ACK, nothing recorded; after the heal TCP sends it again."""
    client = stage.connect()
    client.ask("GET /before")
    client.answer()
    fault = stage.arm(Partition(service="core", live="unplugged"))
    client.ask("POST /query", b"again")
    assert client.silent(0.05)
    assert stage.unacknowledged(client) > 0
    assert len(stage.of(RequestStarted)) == 1
    stage.clear(fault)
    assert client.answer()[0] == 200
    assert stage.unacknowledged(client) == 0
    assert stage.served(2) == ["GET /before", "POST /query"]
    assert [(e.on, e.heard) for e in stage.of(FaultFired)] == [("connection", False)]


def test_what_an_unplugged_client_left_behind_arrives_after_the_heal(stage) -> None:
    """It gave up long ago; the late effect comes all the same, and the lab cuts none off."""
    client = stage.connect()
    client.ask("GET /before")
    client.answer()
    fault = stage.arm(Partition(service="core", live="unplugged"))
    client.ask("POST /query", b"late")
    client.close()
    assert not stage.of(ConnClosed)
    stage.clear(fault)
    stage.call(stage.proxy.fresh)
    assert stage.served(2) == ["GET /before", "POST /query"]
    assert [event.by for event in stage.see(ConnClosed)] == ["client"]
    stage.until(lambda: not stage.proxy._links)


def test_kept_connections_live_on_while_new_ones_stay_unanswered(stage) -> None:
    """A pool that is warm does not notice."""
    client = stage.connect()
    stage.arm(Partition(service="core", live="keep"))
    client.ask()
    assert client.answer()[0] == 200
    assert stage.of(FaultFired) == []
    with pytest.raises(TimeoutError):
        stage.dial(0.05)


def test_without_the_way_back_the_work_is_done_and_its_answer_waits(stage) -> None:
    """The one-way cut that doubles effects: the client can't tell it from a lost request."""
    client = stage.connect()
    fault = stage.arm(Partition(service="core", direction="to_client"))
    client.ask("POST /query", b"done")
    assert stage.served(1) == ["POST /query"]
    assert client.silent(0.05)
    assert [(e.on, e.request) for e in stage.of(FaultFired)] == [
        ("connection", None),
        ("request", 1),
    ]
    stage.clear(fault)
    assert client.answer()[0] == 200


def test_without_the_way_there_an_answer_under_way_arrives(stage) -> None:
    """The request of before is answered, the one of now waits for the heal."""
    client = stage.connect()

    def ask_and_arm() -> None:
        client.ask("GET /state")
        stage.proxy.drain()
        stage.proxy.arm(1, Partition(service="core", direction="to_backend"))

    stage.call(ask_and_arm)
    assert client.answer()[0] == 200
    client.ask("POST /query", b"held")
    stage.see(RequestStarted, 2)
    assert client.silent(0.05)
    assert len(stage.backend.requests) == 1
    stage.clear(1)
    assert client.answer()[0] == 200
