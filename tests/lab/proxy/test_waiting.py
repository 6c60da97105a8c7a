from __future__ import annotations

import pytest

from faultlab.faults import Latency, Partition, Refused, Stall, Status
from faultlab.lab.history import FaultArmed, FaultAwaited, FaultCleared, FaultFired
from faultlab.lab.proxy.proxy import FaultRefused

GET = b"GET /x HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def told(house) -> list[tuple[str, float, str]]:
    """What the history says of its faults: what, when, why."""
    rows = []
    for event in house.events:
        match event:
            case FaultAwaited():
                rows.append(("waits", event.t, event.awaits))
            case FaultArmed():
                rows.append(("comes", event.t, event.why))
            case FaultCleared():
                rows.append(("over", event.t, event.why))
    return rows


def test_a_fault_comes_into_force_after_its_time_and_lasts_for_its_time(house) -> None:
    """The same listener is open, shut and open again, without anybody asking."""
    house.arm(Refused(service="core", after=1.5, lasts=2.0))
    seen = []
    for _ in range(5):
        seen.append(house.proxy.mode)
        house.net.move(1.0)
    assert seen == ["open", "open", "refusing", "refusing", "open"]
    assert told(house) == [
        ("waits", 0.0, "1.5s are over"),
        ("comes", 1.5, "1.5s are over"),
        ("over", 3.5, "it lasted 2 s"),
    ]


def test_a_fault_that_is_cleared_before_its_time_never_comes(house) -> None:
    """No timer is left behind."""
    house.arm(Refused(service="core", after=1.5))
    house.net.move(1.0)
    house.proxy.clear(1)
    house.net.move(9.0)
    assert house.proxy.mode == "open"
    assert [what for what, *_ in told(house)] == ["waits", "over"]


def test_a_fault_that_is_cleared_in_its_time_is_over_once(house) -> None:
    """The end of its own time finds nothing to do."""
    house.arm(Stall(service="core", lasts=2.0))
    house.net.move(1.0)
    house.proxy.clear(1)
    house.net.move(9.0)
    assert [what for what, *_ in told(house)] == ["comes", "over"]


def test_a_request_that_is_waited_for_is_older_than_the_fault(house) -> None:
    """It is carried out and answered; what comes behind it isn't."""
    house.arm(Status(service="core", code=503, after="request", endpoint="GET /x"))
    client, backend = house.connect()
    client.says(b"GET /y HTTP/1.1\r\n\r\n")
    house.net.move(0.0)
    backend.says(OK)
    assert [what for what, *_ in told(house)] == ["waits"]
    client.says(GET)
    house.net.move(0.0)
    backend.says(OK)
    assert client.took() == OK + OK
    assert told(house)[-1] == ("comes", 0.0, "GET /x arrived")
    client.says(GET)
    assert client.took().startswith(b"HTTP/1.1 503 ")


def test_a_service_goes_down_while_a_request_is_under_way(house) -> None:
    """What a request alone can't be timed for: its connection ends before its answer."""
    house.arm(Refused(service="core", live="reset", after="request"))
    client, backend = house.connect()
    client.says(GET)
    assert client.end == "rst"
    assert backend.took() == GET


def test_a_request_has_arrived_when_all_of_it_has(house) -> None:
    """A client may send head and body apart; what is under way is a request that is carried out."""
    house.arm(Refused(service="core", live="reset", after="request"))
    client, backend = house.connect()
    client.says(b"POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
    assert client.end == ""
    client.says(b"{}")
    assert client.end == "rst"
    assert backend.took().endswith(b"\r\n\r\n{}")


def test_what_acts_on_requests_comes_with_the_head_of_one(house) -> None:
    """A client that is slow with its body lets no other request through meanwhile."""
    house.arm(Status(service="core", code=503, after="request"))
    slow, backend = house.connect()
    slow.says(b"POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
    other, _ = house.connect()
    other.says(GET)
    assert other.took().startswith(b"HTTP/1.1 503 ")
    slow.says(b"{}")
    house.net.move(0.0)
    backend.says(OK)
    assert slow.took() == OK


def test_bytes_of_answers_are_counted_over_all_connections(house) -> None:
    """From the step on, heads included."""
    house.arm(Stall(service="core", after=f"{2 * len(OK)}B"))
    for n, comes in enumerate((["waits"], ["waits", "comes"])):
        client, backend = house.connect()
        client.says(GET)
        backend.says(OK)
        house.net.move(0.0)
        assert [what for what, *_ in told(house)] == comes, n


def test_a_breaker_that_opened_is_told(house) -> None:
    """By the conductor, who knows the contract."""
    house.arm(Stall(service="core", after="open"))
    house.net.move(9.0)
    assert [what for what, *_ in told(house)] == ["waits"]
    house.proxy.opened()
    assert told(house)[-1] == ("comes", 9.0, "a breaker is open")


def test_what_takes_its_place_ends_a_fault_that_waits_or_is_in_force(house) -> None:
    """The same kind for the same service and endpoint, whatever its schedule."""
    house.arm(Refused(service="core"))
    house.arm(Refused(service="core", after=1.0))
    assert house.proxy.mode == "open"
    house.arm(Refused(service="core", after=2.0))
    house.net.move(1.5)
    assert house.proxy.mode == "open"
    house.net.move(1.0)
    assert house.proxy.mode == "refusing"


@pytest.mark.parametrize(
    ("first", "then", "meets"),
    [
        (Refused(service="core", lasts=1.0), Partition(service="core", after=1.0), False),
        (Refused(service="core", lasts=1.1), Partition(service="core", after=1.0), True),
        (Refused(service="core"), Partition(service="core", after=1.0), True),
        (Refused(service="core", after=1.0), Partition(service="core", lasts=1.0), False),
        (Refused(service="core", after=1.0, lasts=1.0), Partition(service="core"), True),
        (Refused(service="core", after="request"), Partition(service="core", lasts=1.0), True),
        (Latency(service="core", delay=1.0), Partition(service="core", after=1.0), False),
    ],
)
def test_faults_that_could_meet_are_refused_when_they_are_armed(house, first, then, meets) -> None:
    """Later there would be nobody to tell."""
    house.arm(first)
    if not meets:
        house.arm(then)
        house.net.move(9.0)
        return
    with pytest.raises(FaultRefused, match="the listener can be in one mode only"):
        house.arm(then)


def test_nothing_comes_behind_the_end_of_the_run(house) -> None:
    """A timer that outlived its proxy would write into a closed history."""
    house.arm(Refused(service="core", after=1.0))
    house.arm(Stall(service="core", lasts=1.0))
    house.proxy.close()
    before = len(house.events)
    house.net.move(9.0)
    assert len(house.events) == before


def test_a_new_connection_is_one_accepted_in_its_time(house) -> None:
    """What is live is so when the fault comes into force, not at its step."""
    old, old_backend = house.connect()
    house.arm(Status(service="core", code=503, connections="new", after=1.0))
    middle, middle_backend = house.connect()
    house.net.move(1.0)
    young, _ = house.connect()
    for client in (old, middle, young):
        client.says(GET)
    for backend in (old_backend, middle_backend):
        backend.says(OK)
    assert [old.took(), middle.took(), young.took()[:12]] == [OK, OK, b"HTTP/1.1 503"]
    assert len([event for event in house.events if isinstance(event, FaultFired)]) == 1


def test_the_answer_to_the_request_that_brings_a_fault_is_younger(house) -> None:
    """However quick the backend was: a server of its own may have answered before the next turn."""
    client, backend = house.connect()
    backend.drain = lambda: backend.says(OK)  # what lies in the kernel by then
    house.arm(Refused(service="core", live="reset", after="request"))
    client.says(GET)
    assert (client.end, client.took()) == ("rst", b"")
