import pytest

from faultlab.faults import Cut, Latency, Partition, Refused, Stall, Status
from faultlab.lab.history import FaultArmed, FaultCleared
from faultlab.lab.proxy.proxy import FaultRefused

GET = b"GET /x HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_the_mechanism_is_told_by_who_carries_it_out(house) -> None:
    """It stands in the history beside the fault."""
    assert house.arm(Latency(service="core", delay=1), 1) == "link"
    assert house.arm(Latency(service="core", delay=1, first=2), 1) == "gate"
    assert house.arm(Status(service="core", code=500), 2) == "gate"
    assert house.arm(Partition(service="core"), 3) == "listener in memory; live connections held"


def test_a_fault_takes_the_place_of_one_in_its_slot(house) -> None:
    """The last word counts, and the older one is told as over before."""
    client, _ = house.connect()
    house.arm(Status(service="core", code=500), 1)
    house.arm(Status(service="core", code=502), 2)
    client.says(GET)
    assert client.took().startswith(b"HTTP/1.1 502")
    assert [
        (type(event), event.fault)
        for event in house.events
        if isinstance(event, FaultArmed | FaultCleared)
    ] == [(FaultArmed, 1), (FaultCleared, 1), (FaultArmed, 2)]


def test_a_replaced_stall_lets_go_what_it_withheld(house) -> None:
    """A fault ends when it is replaced."""
    client, backend = house.connect()
    house.arm(Stall(service="core"), 1)
    client.says(GET)
    backend.says(OK)
    house.arm(Stall(service="core"), 2)
    assert client.took() == OK


def test_a_replaced_listener_fault_opens_nothing_in_between(house) -> None:
    """A client that connects at that moment must not get in."""
    house.arm(Refused(service="core", live="keep"), 1)
    before = len(house.events)
    house.arm(Refused(service="core", live="reset"), 2)
    assert house.proxy.mode == "refusing"
    assert "ListenerMode" not in [type(event).__name__ for event in house.events[before:]]
    assert house.proxy.shutting() == 2


def test_clearing_twice_is_clearing_once(house) -> None:
    """A block's end and a replacement may both say it."""
    house.arm(Cut(service="core", at="request_head"))
    house.proxy.clear(1)
    house.proxy.clear(1)
    assert house.kinds() == ["FaultArmed", "FaultCleared"]


def test_a_refused_fault_changes_nothing(house) -> None:
    """Half armed would be worse than either."""
    house.arm(Partition(service="core"))
    before = list(house.events)
    with pytest.raises(FaultRefused, match="`refused` on core meets `partition`"):
        house.arm(Refused(service="core"), 2)
    assert house.events == before
    assert house.proxy.shutting() == 1


def test_closing_ends_faults_and_connections_and_records_no_more(house) -> None:
    """The history's file is closed behind it."""
    client, backend = house.connect()
    client.says(GET)
    house.arm(Partition(service="core"))
    house.proxy.close()
    house.proxy.close()
    assert (client.end, backend.end) == ("fin", "fin")
    assert house.kinds()[-2:] == ["FaultCleared", "ConnClosed"]


def test_fresh_leaves_half_a_request_alone(house) -> None:
    """Idle means between two exchanges, not between two packets."""
    idle, _ = house.connect()
    busy, _ = house.connect()
    waiting, backend = house.connect()
    busy.says(GET[:5])
    waiting.says(GET)
    house.proxy.fresh()
    assert (idle.end, busy.end, waiting.end) == ("fin", "", "")
    backend.says(OK)
    assert waiting.took() == OK
