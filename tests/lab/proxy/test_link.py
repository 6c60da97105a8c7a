from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults import (
    BadBody,
    Cut,
    Drip,
    Latency,
    LostAnswer,
    Partition,
    Refused,
    Stall,
    Status,
    Throttle,
)
from faultlab.lab.history import ConnClosed, FaultFired, ResponseCut, ResponseHead
from faultlab.lab.proxy.proxy import FaultRefused

OTHERS = {
    "status": lambda: Status(service="core", code=503, endpoint="GET /y"),
    "cut": lambda: Cut(service="core", at="request_head", endpoint="POST /x"),
    "cut body": lambda: Cut(service="core", at="response_body", endpoint="GET /x/*"),
    "latency": lambda: Latency(service="core", delay=1.0, direction="both", endpoint="GET /y"),
    "bad body": lambda: BadBody(service="core", body="html", endpoint="GET /y"),
    "lost answer": lambda: LostAnswer(service="core", endpoint="GET /y"),
    "stall": lambda: Stall(service="core", at="response_head", endpoint="GET /y"),
}
GET = b"GET /x HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def ends(house) -> list[tuple[str, str]]:
    """Who ended, and how."""
    return [(event.by, event.how) for event in house.events if isinstance(event, ConnClosed)]


def test_what_comes_before_the_backend_is_connected_is_not_lost(house) -> None:
    """A client sends at once; the dial takes its time."""
    house.connect()
    client, _ = house.connect()
    early = type(client)()
    house.net.listener.accepted(early)
    early.says(GET)
    house.net.move()
    assert house.net.backends[-1].took() == GET


def test_a_request_that_was_slow_and_is_broken_off_leaves_nothing(house) -> None:
    """Its end comes behind its delayed bytes; a backend that says nothing then must keep nothing."""
    house.arm(Latency(service="core", delay=1.0, direction="to_backend"))
    client, backend = house.connect()
    client.says(b"POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nbo")
    client.ends()
    assert backend.took() == b""
    house.net.move(1.0)
    assert (backend.took()[-2:], backend.end) == (b"bo", "fin")
    assert house.proxy._links == {}


def test_an_exchange_is_finished_without_its_client(house) -> None:
    """Its answer is dropped and not recorded, then the backend's connection is closed."""
    client, backend = house.connect()
    client.says(GET)
    client.breaks()
    assert (backend.took(), backend.end) == (GET, "")
    backend.says(OK)
    assert backend.end == "fin"
    assert ends(house) == [("client", "rst")]
    assert ResponseHead.__name__ not in house.kinds()


def test_a_client_that_leaves_when_idle_takes_the_backend_along(house) -> None:
    """No connection is left behind."""
    client, backend = house.connect()
    client.ends()
    assert (client.end, backend.end) == ("fin", "fin")


def test_a_dial_that_is_answered_after_the_client_left_is_closed(house) -> None:
    """The late connection belongs to nobody."""
    wire, _ = house.connect()
    client = type(wire)()
    house.net.listener.accepted(client)
    client.ends()
    house.net.move()
    assert house.net.backends[-1].end == "fin"


def test_a_dead_backend_ends_the_clients_connection(house) -> None:
    """Recorded as the backend's doing."""
    wire, _ = house.connect()
    house.net.dead = True
    client = type(wire)()
    house.net.listener.accepted(client)
    house.net.move()
    assert client.end == "fin"
    assert ends(house) == [("backend", "fin")]


def test_a_full_backend_pauses_the_client(house) -> None:
    """And the other way round: buffers are bounded."""
    client, backend = house.connect()
    backend.room = 10
    client.says(GET)
    assert client.paused
    backend.room = None
    backend.events.drained()
    assert not client.paused
    client.room = 5
    backend.says(OK)
    assert backend.paused
    client.events.drained()
    assert not backend.paused


def test_a_pace_buffers_so_much_and_no_more_in_either_direction(house) -> None:
    """A large answer, or request, waits where it comes from; what is let go makes room."""
    client, backend = house.connect()
    house.arm(Throttle(service="core", rate=1_000_000, direction="both"))
    head = b"POST /x HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n"
    client.says(head + b"x" * 5_000_000)
    assert client.paused
    house.net.move(2.0)
    assert not client.paused
    assert len(backend.written) <= 2_000_000
    house.net.move(4.0)
    assert backend.took() == head + b"x" * 5_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"
    backend.says(head + b"y" * 5_000_000)
    assert backend.paused
    house.net.move(2.0)
    assert not backend.paused
    assert len(client.written) <= 2_000_000
    house.net.move(4.0)
    assert client.took() == head + b"y" * 5_000_000


def test_a_delay_buffers_so_much_and_no_more(house) -> None:
    """A slow link is slow for its source too."""
    house.arm(Latency(service="core", delay=1.0))
    client, backend = house.connect()
    client.says(GET)
    backend.says(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 5_000_000)
    assert backend.paused
    house.net.move(1.0)
    assert len(client.took()) > 5_000_000
    assert not backend.paused


def test_an_answer_under_way_is_told_as_cut_by_the_fault(house) -> None:
    """The client has the head already: what it misses is the rest."""
    client, backend = house.connect()
    client.says(GET)
    backend.says(OK[:-1])
    house.arm(Refused(service="core", live="reset"))
    assert client.end == "rst"
    cut = next(event for event in house.events if isinstance(event, ResponseCut))
    assert (cut.at, cut.how, cut.request) == (1, "rst", 1)
    backend.says(OK[-1:])
    assert backend.end == "fin"


def test_half_a_request_on_a_closed_connection_is_the_backends_end_too(house) -> None:
    """What can't be completed must not keep a connection open."""
    client, backend = house.connect()
    client.says(b"POST /x HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
    house.arm(Refused(service="core"))
    assert (client.end, backend.end) == ("fin", "fin")
    client.says(b"more")
    client.ends()
    assert ends(house) == [("lab", "fin"), ("client", "fin")]


def test_a_held_link_shows_no_sign_of_life(house) -> None:
    """Not even the FIN that answers the client's."""
    client, backend = house.connect()
    house.arm(Partition(service="core"))
    client.says(GET)
    client.ends()
    assert (client.end, backend.took()) == ("", b"")
    house.proxy.clear(1)
    assert backend.took() == GET
    assert client.end == "fin"
    backend.says(OK)
    assert (client.took(), backend.end) == (b"", "fin")


def test_bytes_counts_are_of_the_wire(house) -> None:
    """Both ways, at the moment of the end."""
    client, backend = house.connect()
    client.says(GET)
    backend.says(OK)
    client.ends()
    closed = next(event for event in house.events if isinstance(event, ConnClosed))
    assert (closed.received, closed.sent) == (len(GET), len(OK))


def test_an_end_before_any_answer_is_no_cut_answer(house) -> None:
    """The client saw no head: what it missed is all of it, and the close tells so."""
    client, _ = house.connect()
    client.says(GET)
    house.arm(Refused(service="core"))
    assert client.end == "fin"
    assert ResponseCut.__name__ not in house.kinds()


def test_a_request_in_the_queue_dies_with_its_connection(house) -> None:
    """It was never passed on, so nothing of it is carried out later."""
    client, backend = house.connect()
    client.says(GET + GET)
    house.arm(Refused(service="core", live="reset"))
    backend.says(OK)
    assert (backend.took(), backend.end) == (GET, "fin")


def test_bytes_under_way_to_the_backend_arrive_though_the_client_left(house) -> None:
    """A slow network doesn't take back what it was given."""
    house.arm(Latency(service="core", delay=1.0, direction="to_backend"))
    client, backend = house.connect()
    client.says(b"\0\1garbage\n\n")
    client.breaks()
    assert backend.end == ""
    house.net.move(1.0)
    assert (backend.took(), backend.end) == (b"\0\1garbage\n\n", "fin")


def test_the_clients_end_is_told_once(house) -> None:
    """FIN first, then RST: it had ended already."""
    client, _ = house.connect()
    house.arm(Partition(service="core"))
    client.ends()
    client.breaks()
    assert ends(house) == [("client", "fin")]


def test_a_hold_of_one_direction_lets_the_other_pass(house) -> None:
    """To the client: the work is done, and its answer waits for the heal."""
    client, backend = house.connect()
    house.arm(Partition(service="core", direction="to_client"))
    client.says(GET)
    assert backend.took() == GET
    backend.says(OK)
    assert client.took() == b""
    house.proxy.clear(1)
    assert client.took() == OK


def test_a_hold_towards_the_backend_lets_answers_arrive(house) -> None:
    """What was asked before is answered; what is asked now waits."""
    client, backend = house.connect()
    client.says(GET)
    backend.took()
    house.arm(Partition(service="core", direction="to_backend"))
    backend.says(OK)
    client.says(GET)
    assert (client.took(), backend.took()) == (OK, b"")
    house.proxy.clear(1)
    assert backend.took() == GET


def test_a_hold_that_takes_anothers_place_holds_what_it_says(house) -> None:
    """The first one's directions and its unplugged connections end with it."""
    client, backend = house.connect()
    house.arm(Partition(service="core", live="unplugged"), 1)
    assert client.unplugged
    client.says(GET)
    house.arm(Partition(service="core", direction="to_client"), 2)
    assert (client.unplugged, backend.took()) == (False, GET)
    backend.says(OK)
    assert client.took() == b""
    house.arm(Partition(service="core", live="keep"), 3)
    assert client.took() == OK


def test_an_unplugged_connection_is_not_idle_until_its_client_is_heard(house) -> None:
    """Something may be under way on it that must not be cut off."""
    client, _ = house.connect()
    house.arm(Partition(service="core", live="unplugged"))
    house.proxy.clear(1)
    house.proxy.fresh()
    assert (client.unplugged, client.end) == (False, "")
    client.says(GET)
    house.net.backends[-1].says(OK)
    house.proxy.fresh()
    assert client.end == "fin"


def test_the_history_says_which_connections_are_not_heard(house) -> None:
    """Who reads it must not take silence for idleness."""
    house.connect()
    house.arm(Partition(service="core", live="unplugged"))
    (fired,) = (event for event in house.events if isinstance(event, FaultFired))
    assert (fired.conn, fired.heard) == (1, False)


def test_at_the_end_the_cable_is_plugged_in_again(house) -> None:
    """A client that outlives the lab must hear that its connection is over."""
    client, _ = house.connect()
    house.arm(Partition(service="core", live="unplugged"))
    house.proxy.close()
    assert (client.unplugged, client.end) == (False, "fin")


SLOW = {
    "late": lambda: Latency(service="core", delay=0.5, jitter=0.2, direction="both"),
    "throttled": lambda: Throttle(service="core", rate=40),
    "dripping": lambda: Drip(service="core", size=3, interval=0.1),
    "parted": lambda: Partition(service="core"),
    "parted one way": lambda: Partition(service="core", direction="to_client"),
}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("up"), st.binary(min_size=1, max_size=40)),
        st.tuples(st.just("down"), st.binary(min_size=1, max_size=40)),
        st.tuples(st.just("up"), st.sampled_from([GET, GET[:7], GET[7:], b"\r\n"])),
        st.tuples(st.just("down"), st.sampled_from([OK, OK[:30], OK[30:], b"{}"])),
        st.tuples(st.just("move"), st.floats(0, 2)),
        st.tuples(st.just("arm"), st.sampled_from([*SLOW])),
        st.tuples(st.just("clear"), st.none()),
    ),
    max_size=40,
)


@given(STEPS)
def test_no_slow_or_holding_fault_loses_or_moves_a_byte(new_house, steps) -> None:
    """Whatever passes, however it is cut, and whenever such faults come and go."""
    house = new_house()
    client, backend = house.connect()
    client.says(b"\0")  # nothing of it waits for an answer
    sent = {"up": b"\0", "down": b""}
    armed: list[int] = []
    for number, (what, value) in enumerate(steps, 1):
        if what in sent:
            (client if what == "up" else backend).says(value)
            sent[what] += value
        elif what == "move":
            house.net.move(value)
        elif what == "clear":
            for one in armed:
                house.proxy.clear(one)
            armed.clear()
        else:
            with suppress(FaultRefused):  # two partitions
                house.arm(SLOW[value](), number)
                armed.append(number)
        assert sent["up"].startswith(backend.written)
        assert sent["down"].startswith(client.written)
    for one in armed:
        house.proxy.clear(one)
    house.net.move()
    assert (backend.written, client.written) == (sent["up"], sent["down"])


@given(STEPS, st.sampled_from([*OTHERS]))
def test_what_is_out_of_scope_is_untouched(new_house, steps, name: str) -> None:
    """Byte for byte and at once, although a fault is in force for another endpoint."""
    house, bare = new_house(), new_house()
    house.arm(OTHERS[name]())
    pairs = [(house, *house.connect()), (bare, *bare.connect())]
    for what, value in steps:
        for one, client, backend in pairs:
            if what == "up":
                client.says(value)
            elif what == "down":
                backend.says(value)
            elif what == "move":
                one.net.move(value)
    (_, client, backend), (_, other, behind) = pairs
    assert (client.written, backend.written) == (other.written, behind.written)
    assert FaultFired.__name__ not in house.kinds()
