"""Workers and the queue before them: by themselves, and on a proxy in memory."""

import pytest

from faultlab.faults import BadBody, Capacity, Latency, Partition, Refused
from faultlab.lab.history import FaultFired
from faultlab.lab.proxy.workers import Workers

GET = b"GET /x HTTP/1.1\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_a_place_that_is_left_goes_to_the_first_in_the_queue() -> None:
    """In order of arrival, one for one."""
    workers, called = Workers(), []
    first = workers.enter(1)
    workers.queue(1, lambda: called.append("a"))
    gone = workers.queue(1, lambda: called.append("b"))
    workers.queue(1, lambda: called.append("c"))
    gone.leave()
    assert workers.counts(1) == (1, 2)
    first.leave()
    first.leave()
    assert (called, workers.counts(1)) == (["a"], (1, 1))


def test_at_the_end_of_a_fault_all_have_their_turn() -> None:
    """And what leaves later frees nothing of another fault."""
    workers, called = Workers(), []
    first = workers.enter(1)
    for name in "ab":
        workers.queue(1, lambda name=name: called.append(name))
    other = workers.enter(2)
    workers.end(1)
    first.leave()
    assert (called, workers.counts(1), workers.counts(2)) == (["a", "b"], (0, 0), (1, 0))
    other.leave()
    workers.end(3)


def test_at_the_end_of_a_run_nobody_has_a_turn() -> None:
    """What would begin then could not be recorded any more."""
    workers, called = Workers(), []
    first = workers.enter(1)
    waiting = workers.queue(1, lambda: called.append("a"))
    workers.close()
    first.leave()
    waiting.leave()
    assert called == []


@pytest.fixture
def full(house):
    """One worker, busy with the first client's request; one place before it."""
    house.arm(Capacity(service="core", workers=1, queue=1), 1)
    house.first, house.busy = house.connect()
    house.first.says(GET)
    assert house.busy.took() == GET
    house.second, house.idle = house.connect()
    return house


def fired(house) -> list[tuple[int | None, int | None]]:
    """Connection and request of each exchange that the fault acted on."""
    return [(e.conn, e.request) for e in house.events if isinstance(e, FaultFired)]


def test_a_request_waits_for_a_worker(full) -> None:
    """Whole, however it comes in pieces; it goes on when the first is answered."""
    full.second.says(POST[:-2])
    full.second.says(POST[-2:])
    assert (full.idle.took(), full.second.took(), fired(full)) == (b"", b"", [(2, 1)])
    full.busy.says(OK)
    assert full.first.took() == OK
    assert full.idle.took() == POST
    full.idle.says(OK)
    assert full.second.took() == OK


def test_beyond_the_queue_a_request_is_refused(full) -> None:
    """At once, by a 503 of the gate's; its connection serves on."""
    full.second.says(GET)
    third, backend = full.connect()
    third.says(POST)
    answer = third.took()
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"Retry-After" not in answer
    assert backend.took() == b""
    assert fired(full) == [(2, 1), (3, 1)]
    full.busy.says(OK)
    full.idle.says(OK)
    third.says(POST)
    assert backend.took() == POST


def test_what_nobody_waits_for_any_more_is_carried_out_all_the_same(full) -> None:
    """Like what lies in a server's backlog; that is how overload lives on."""
    full.second.says(POST)
    full.second.ends()
    full.busy.says(OK)
    assert full.idle.took() == POST
    full.idle.says(OK)
    assert (full.second.took(), full.idle.end) == (b"", "fin")


def test_half_a_request_takes_its_turn_and_leaves_it(full) -> None:
    """Its client left inside it: the backend learns that, and the worker is free."""
    full.second.says(POST[:-1])
    full.second.ends()
    full.busy.says(OK)
    assert (full.idle.took(), full.idle.end) == (POST[:-1], "fin")
    full.first.says(GET)
    assert full.busy.took() == GET


def test_a_connection_that_the_lab_ends_leaves_the_queue(full) -> None:
    """Nothing of its request reached the backend, so nothing ever will."""
    full.second.says(POST)
    full.arm(Refused(service="core", live="reset"), 2)
    full.busy.says(OK)
    assert full.idle.took() == b""
    full.proxy.clear(2)
    third, backend = full.connect()
    third.says(GET)
    assert backend.took() == GET


@pytest.mark.parametrize("how", ["ends", "breaks"])
def test_a_backend_that_hangs_up_frees_its_worker(full, how: str) -> None:
    """A crash of one request must not take a place for ever."""
    full.second.says(GET)
    getattr(full.busy, how)()
    assert full.idle.took() == GET


def test_an_upgraded_connection_frees_its_worker(full) -> None:
    """What passes on it is no request that anybody could count."""
    full.second.says(GET)
    full.busy.says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
    assert full.idle.took() == GET


def test_when_it_ends_all_go_on(full) -> None:
    """What waited is delivered."""
    full.second.says(POST)
    full.proxy.clear(1)
    assert full.idle.took() == POST


def test_a_partition_lies_before_the_queue(full) -> None:
    """Its turn comes, and the network passes nothing yet."""
    full.second.says(GET)
    full.arm(Partition(service="core"), 2)
    full.busy.says(OK)
    assert full.idle.took() == b""
    full.proxy.clear(2)
    assert full.idle.took() == GET


def test_a_request_that_was_held_takes_its_place_whole(full) -> None:
    """After the heal it finds the worker busy; its body must not run ahead of its head."""
    full.arm(Partition(service="core"), 2)
    full.second.says(POST)
    full.proxy.clear(2)
    assert full.idle.took() == b""
    full.busy.says(OK)
    assert full.idle.took() == POST


def test_what_becomes_of_the_answer_waits_with_the_request(full) -> None:
    """The body is replaced when there is one."""
    full.arm(BadBody(service="core", body="empty"), 2)
    full.second.says(GET)
    full.busy.says(OK)
    full.idle.says(OK)
    assert full.second.took().endswith(b"content-length: 0\r\n\r\n")


def test_the_way_to_the_backend_is_part_of_the_work(house) -> None:
    """So that a slow service and its capacity make a queue, without a slow backend."""
    house.arm(Capacity(service="core", workers=1, queue=1), 1)
    house.arm(Latency(service="core", delay=1.0, direction="to_backend"), 2)
    one, to_one = house.connect()
    other, to_other = house.connect()
    one.says(GET)
    other.says(GET)
    house.net.move(1.0)
    assert (to_one.took(), to_other.took()) == (GET, b"")
    to_one.says(OK)
    house.net.move(1.0)
    assert to_other.took() == GET


def test_nothing_is_carried_out_after_the_end(full) -> None:
    """A queue that went on at the run's end would have effects that nobody counts."""
    full.second.says(POST)
    full.proxy.close()
    assert full.idle.took() == b""
