"""Copies of a request on a net in memory."""

from faultlab.faults import Cut, Duplicate, LostAnswer, Partition, Status
from faultlab.lab.history import ConnClosed, FaultFired
from faultlab.lab.proxy.onward import COPIED

POST = b"POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def copies(house) -> list:
    """The connections on which the lab sent something again, in order."""
    house.net.move()
    return house.net.backends[1:]


def fired(house) -> list[tuple[str, int | None]]:
    """What the fault acted on."""
    return [(e.on, e.request) for e in house.events if isinstance(e, FaultFired)]


def test_the_answer_waits_for_the_answers_of_the_copies(house) -> None:
    """When the client has its answer, all that the copies do is done."""
    house.arm(Duplicate(service="core", copies=2))
    client, backend = house.connect()
    client.says(POST)
    backend.says(OK)
    one, other = copies(house)
    assert (backend.took(), one.took(), other.took()) == (POST, POST, POST)
    one.says(OK)
    assert client.took() == b""
    other.says(OK)
    assert client.took() == OK
    assert (one.end, other.end, fired(house)) == ("fin", "fin", [("request", 1)])


def test_a_copy_that_is_never_answered_keeps_nobody_waiting_for_long(house) -> None:
    """The client's time-outs are none of the lab's making."""
    house.arm(Duplicate(service="core"))
    client, backend = house.connect()
    client.says(POST)
    backend.says(OK)
    (copy,) = copies(house)
    house.net.move(0.49)
    assert client.took() == b""
    house.net.move(0.01)
    assert client.took() == OK
    copy.says(OK)
    assert copy.end == "fin"


def test_a_copy_that_fails_is_over(house) -> None:
    """Its backend hangs up, or is not there at all."""
    house.arm(Duplicate(service="core"))
    client, backend = house.connect()
    client.says(POST)
    backend.says(OK)
    copies(house)[0].breaks()
    assert client.took() == OK
    house.net.dead = True
    client.says(POST)
    house.net.move()
    backend.says(OK)
    assert client.took() == OK


def test_the_next_request_is_copied_behind_the_first(house) -> None:
    """Pipelined requests keep their order, and so do their copies."""
    house.arm(Duplicate(service="core", first=1))
    client, backend = house.connect()
    client.says(POST + POST)
    backend.says(OK)
    copies(house)[0].says(OK)
    backend.says(OK)
    assert client.took() == OK + OK
    assert backend.took() == POST + POST
    assert len(house.net.backends) == 2


def test_what_is_held_or_never_complete_is_not_copied_yet(house) -> None:
    """A partition lies before the copies; half a request is no request."""
    house.arm(Duplicate(service="core"), 1)
    house.arm(Partition(service="core"), 2)
    client, backend = house.connect()
    client.says(POST)
    assert copies(house) == []
    house.proxy.clear(2)
    assert backend.took() == POST
    (copy,) = copies(house)
    assert copy.took() == POST
    copy.says(OK)
    backend.says(OK)
    client.says(POST[:-1])
    client.ends()
    assert len(copies(house)) == 1


def test_a_long_request_is_not_copied(house) -> None:
    """What would have to be kept is bounded; the fault then did nothing."""
    house.arm(Duplicate(service="core"))
    client, backend = house.connect()
    client.says(b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (COPIED + 1))
    client.says(b"x" * COPIED)
    client.says(b"x")
    backend.says(OK)
    assert (client.took(), copies(house), fired(house)) == (OK, [], [])


def test_a_stub_is_told_whose_copy_it_is(stub_house) -> None:
    """Its effect is the fault's, not the attempt's."""
    stub_house.arm(Duplicate(service="core"), 3)
    client, backend = stub_house.connect()
    client.says(b"GET /x HTTP/1.1\r\nX-Faultlab-Op: 5.2\r\n\r\n")
    (copy,) = copies(stub_house)
    assert backend.took() == b"GET /x HTTP/1.1\r\nX-Faultlab-Wire: 1.1.5.2\r\n\r\n"
    assert copy.took() == b"GET /x HTTP/1.1\r\nX-Faultlab-Wire: 1.1.5.2+3\r\n\r\n"


def test_an_end_instead_of_the_answer_waits_too(house) -> None:
    """A lost answer goes with a request that was carried out twice."""
    house.arm(Duplicate(service="core"), 1)
    house.arm(LostAnswer(service="core"), 2)
    client, backend = house.connect()
    client.says(POST)
    backend.says(OK)
    (copy,) = copies(house)
    assert client.end == ""
    copy.says(OK)
    assert client.end == "fin"


def test_a_backend_that_goes_takes_its_client_along(house) -> None:
    """A copy that was not sent any more must not keep the end from it."""
    house.arm(Duplicate(service="core"), 1)
    house.arm(Partition(service="core", direction="to_backend"), 2)
    client, backend = house.connect()
    client.says(POST)
    backend.breaks()
    house.proxy.clear(2)
    assert client.end == "rst"
    assert [e.by for e in house.events if isinstance(e, ConnClosed)] == ["backend"]


def test_what_never_reaches_the_backend_is_not_copied(house) -> None:
    """The gate's own answer, or a cut before it."""
    house.arm(Duplicate(service="core"), 1)
    house.arm(Status(service="core", code=503, first=1), 2)
    house.arm(Cut(service="core", at="request_complete"), 3)
    client, _ = house.connect()
    client.says(POST + POST)
    assert copies(house) == []
    assert client.end == "fin"


def test_copies_end_with_the_proxy(house) -> None:
    """Everything started is stopped."""
    house.arm(Duplicate(service="core"))
    client, _ = house.connect()
    client.says(POST)
    (copy,) = copies(house)
    house.proxy.close()
    assert copy.end == "fin"


def test_an_endless_answer_to_a_copy_is_given_up(house) -> None:
    """Nobody reads it, so nobody would ever end it."""
    house.arm(Duplicate(service="core"))
    client, backend = house.connect()
    client.says(POST)
    backend.says(OK)
    (copy,) = copies(house)
    copy.says(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(5):
        copy.says(bytes(1 << 20))
    assert copy.end == "fin"
    assert client.took() == OK
