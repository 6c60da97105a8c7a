from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults import (
    BadBody,
    Cut,
    Drip,
    Frozen,
    Killed,
    Latency,
    LostAnswer,
    Partition,
    Refused,
    Stall,
    Status,
    Stopped,
)
from faultlab.lab.history import (
    AnyEvent,
    ConnClosed,
    ConnOpened,
    FaultArmed,
    FaultAwaited,
    FaultCleared,
    FaultFired,
    RequestStarted,
)
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


def test_whether_several_fit_is_asked_without_arming_any(house) -> None:
    """Two that meet are refused though neither is in force; nothing is changed by the question."""
    house.arm(Status(service="core", code=500))
    before = list(house.events)
    with pytest.raises(FaultRefused, match="`partition` on core meets `refused`"):
        house.proxy.demand_fit([Refused(service="core"), Partition(service="core")])
    house.proxy.demand_fit([Refused(service="core", lasts=1), Partition(service="core", after=1)])
    assert house.events == before


def test_of_several_one_may_make_room_for_the_next(house) -> None:
    """It takes the place of what the next would have met."""
    house.arm(Refused(service="core"))
    with pytest.raises(FaultRefused, match="`partition` on core meets `refused`"):
        house.proxy.demand_fit([Partition(service="core", after=1)])
    house.proxy.demand_fit([Refused(service="core", lasts=1), Partition(service="core", after=1)])


def test_closing_ends_faults_and_connections_and_records_no_more(house) -> None:
    """The history's file is closed behind it."""
    client, backend = house.connect()
    client.says(GET)
    house.arm(Partition(service="core"))
    house.proxy.close()
    house.proxy.close()
    assert (client.end, backend.end) == ("fin", "fin")
    assert house.kinds()[-2:] == ["FaultCleared", "ConnClosed"]


def test_a_connection_to_an_operation_s_address_is_its_own(house, new_wire) -> None:
    """A command puts no tag on its requests; each is counted where it comes."""
    for address in ("127.1.0.7", "127.1.0.7", "127.0.0.1"):
        client = new_wire()
        client.dialled = address
        house.net.listener.accepted(client)
        house.net.move()
        client.events.received(GET)
    opened = [event for event in house.events if isinstance(event, ConnOpened)]
    assert [event.op for event in opened] == [7, 7, None]
    started = [event for event in house.events if isinstance(event, RequestStarted)]
    assert [(event.op, event.attempt) for event in started] == [(7, 1), (7, 2), (None, None)]


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


FAULTS = (
    Cut(service="core", at="request_head", first=1),
    Cut(service="core", at="accept"),
    Cut(service="core", at="request_complete", first=1),
    Cut(service="core", at="response_head", by="rst"),
    Cut(service="core", at="response_body", by="rst", endpoint="GET /x"),
    Latency(service="core", delay=0.2, direction="both"),
    Latency(service="core", delay=0.1, first=2),
    LostAnswer(service="core", endpoint="POST /x"),
    Partition(service="core"),
    Refused(service="core"),
    Refused(service="core", live="reset"),
    Stall(service="core"),
    Status(service="core", sequence=(503, 500)),
    BadBody(service="core"),
    BadBody(service="core", body="wrong_type"),
    BadBody(service="core", body="bad_chunk"),
)
STREAM = (GET + b"POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody") * 3
ANSWERS = (OK + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n") * 3
STEPS = st.one_of(
    st.tuples(st.sampled_from(["ask", "answer"]), st.integers(1, 60)),
    st.tuples(st.just("arm"), st.integers(0, len(FAULTS) - 1)),
    st.tuples(st.just("clear"), st.integers(1, 12)),
    st.tuples(
        st.sampled_from(["move", "fresh", "reset", "client", "backend", "garbage"]), st.just(0)
    ),
)


@given(st.lists(STEPS, max_size=30), st.booleans())
def test_in_any_order_of_events_each_side_is_told_once_and_nothing_is_left(
    new_house, new_wire, steps: list[tuple[str, int]], dead: bool
) -> None:
    """The orders nobody thought of: no crash, one end told of each side, no connection kept."""
    house = new_house()
    house.net.dead = dead
    client = new_wire()
    house.net.listener.accepted(client)
    asked = answered = armed = 0
    client_ended = backend_ended = False
    for step, value in steps:
        backend = house.net.backends[-1] if house.net.backends else None
        match step:
            case "ask" if not client_ended:
                client.says(STREAM[asked : asked + value] or b"\0")
                asked += value
            case "garbage" if not client_ended:
                client.says(b"\0\r\n\r\n")
            case "answer" if backend is not None and not backend_ended:
                backend.says(ANSWERS[answered : answered + value] or b"\0")
                answered += value
            case "client" if not client_ended:
                client.ends()
                client_ended = True
            case "backend" if backend is not None and not backend_ended:
                backend.ends()
                backend_ended = True
            case "arm":
                armed += 1
                with suppress(FaultRefused):
                    house.arm(FAULTS[value], armed)
            case "clear":
                house.proxy.clear(value)
            case "fresh":
                house.proxy.fresh()
            case "reset":
                house.proxy.reset_all()
            case "move":
                house.net.move(0.15)
    for number in range(1, armed + 1):
        house.proxy.clear(number)
    house.net.move(1.0)
    ends = [event.by for event in house.events if isinstance(event, ConnClosed)]
    assert ends.count("client") <= 1
    assert ends.count("lab") + ends.count("backend") <= 1
    if client_ended or client.end == "rst":
        for backend in house.net.backends:
            if not backend_ended:
                backend.ends()
        assert house.proxy._links == {}
        assert client.end
    house.proxy.close()


def test_what_the_net_cannot_do_is_refused_by_name(house) -> None:
    """Held instead of unplugged, a test of keep-alive would pass for the wrong reason."""
    house.net.lacking = {"unplug": "this kernel has no minimum TTL"}
    with pytest.raises(FaultRefused, match="`partition`: this kernel has no minimum TTL"):
        house.arm(Partition(service="core", live="unplugged"))
    assert house.proxy.mode == "open"
    house.arm(Partition(service="core"))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Partition(service="core", live="keep"), "live connections kept"),
        (Partition(service="core", live="unplugged"), "unplugged by minimum TTL"),
        (Partition(service="core", direction="to_client"), "live connections held, to_client"),
    ],
)
def test_the_mechanism_says_what_becomes_of_live_connections(house, fault, said: str) -> None:
    """A history is read by who did not write the scenario."""
    assert house.arm(fault).endswith(said)


SCOPED = st.builds(
    lambda kind, scope: kind(scope),
    kind=st.sampled_from(
        [
            lambda scope: Status(service="core", code=503, **scope),
            lambda scope: Stall(service="core", **scope),
            lambda scope: Latency(service="core", delay=0.5, **{"first": 9, **scope}),
            lambda scope: Drip(service="core", size=7, interval=0.1, **{"first": 9, **scope}),
            lambda scope: Cut(service="core", at="response_body", by="rst", **scope),
            lambda scope: BadBody(service="core", **scope),
        ]
    ),
    scope=st.fixed_dictionaries(
        {},
        optional={
            "endpoint": st.sampled_from(["GET /a", "GET /*"]),
            "attempt": st.sampled_from([(1,), (2,)]),
            "every_nth": st.integers(2, 3),
            "operation": st.integers(1, 2),
            "fraction": st.floats(0.1, 0.9),
            "connections": st.sampled_from(["new", "live"]),
            "first": st.integers(1, 3),
            "after": st.sampled_from([0.0, 0.7, "request", "60B"]),
            "lasts": st.sampled_from([0.3, 2.0]),
        },
    ),
)
STEPS = st.lists(
    st.one_of(
        SCOPED,
        st.integers(1, 4),  # clear the fault of this number
        st.floats(0.1, 1.0),  # let time pass
        st.tuples(st.sampled_from(["/a", "/b"]), st.integers(1, 3), st.integers(1, 2)),
    ),
    max_size=25,
)


@given(STEPS)
def test_what_no_fault_hit_passes_byte_for_byte_and_what_was_hit_is_told(new_house, steps) -> None:
    """Whatever was armed, when and for whom: the history and the wire never disagree."""
    house, number = new_house(), 0
    client = backend = None
    wire = {}  # (connection, request) -> what its client got, and what its backend had answered
    conns = requests = 0
    for step in steps:
        match step:
            case int():
                house.proxy.clear(step)
            case float():
                house.net.move(step)
            case (path, op, attempt):
                if client is None:
                    client, backend = house.connect()
                    conns, requests = conns + 1, 0
                requests += 1
                client.says(
                    f"GET {path} HTTP/1.1\r\nX-Faultlab-Op: {op}.{attempt}\r\n\r\n".encode()
                )
                house.net.move(0.0)
                body = f"{conns}.{requests}".encode()
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
                if backend.took():
                    backend.says(answer)
                house.net.move(0.0)
                got = client.took()
                wire[conns, requests] = (got, answer)
                if got != answer:
                    client = None  # it waits, is over, or was answered in another's place
            case fault:
                number += 1
                house.proxy.arm(number, fault)
    fired = [event for event in house.events if isinstance(event, FaultFired)]
    hit = {(event.conn, event.request) for event in fired}
    for exchange, (got, answer) in wire.items():
        assert (got == answer) or exchange in hit
    # A hit shows: but for an answer to it that came late or slowly, once it has come.
    assert hit <= {exchange for exchange, (got, answer) in wire.items() if got != answer}
    armed = {event.fault for event in house.events if isinstance(event, FaultArmed)}
    assert {event.fault for event in fired} <= armed
    told = {event.fault for event in house.events if isinstance(event, FaultArmed | FaultAwaited)}
    assert told == set(range(1, number + 1))


# --- the backend's process -----------------------------------------------------------------------


class Backend:
    """A process that is none; `log` has what was done to it, and after how many events."""

    what = "a process in a test"
    halts = "the test"

    def __init__(self, events: list[AnyEvent], port: int = 2) -> None:
        self.address = ("backend", port)
        self.log: list[str] = []
        self.kinds: list[str] = []
        self.ended: Callable[[], None] = pytest.fail
        self.served: Callable[[], None] = pytest.fail
        self.frozen: Callable[[], None] | None = None
        self.takes_time = False  # to freeze
        self.network: Backend | None = self
        self.joined: Callable[[int], None] = pytest.fail
        self._events = events

    def _did(self, what: str) -> None:
        self.log.append(what)
        self.kinds.append(type(self._events[-1]).__name__)

    def open(self, served: Callable[[], None]) -> None:
        """The test lets it listen."""
        self._did("open")
        self.served = served

    def end(self, how: str, ended: Callable[[], None]) -> None:
        """The test lets it end."""
        self._did(how)
        self.ended = ended

    def freeze(self, frozen: Callable[[], None]) -> None:
        """At once, unless it takes time: then the test says when."""
        self._did("freeze")
        if self.takes_time:
            self.frozen = frozen
        else:
            frozen()

    def thaw(self) -> None:
        """Note it."""
        self._did("thaw")

    def cut(self, peer: str, directions: tuple[str, ...], done: Callable[[], None]) -> None:
        """At once."""
        self._did(f"cut {peer} {' '.join(directions)}")
        done()

    def join(self, peer: str, joined: Callable[[int], None]) -> None:
        """The test says when, and how many packets were lost."""
        self._did(f"join {peer}")
        self.joined = joined


@pytest.fixture
def process(house) -> Backend:
    """The proxy stands before it."""
    backend = Backend(house.events)
    house.proxy.own(backend)
    return backend


def cleared(house) -> list[tuple[int | None, str]]:
    """Which faults are over, and why."""
    return [(event.fault, event.why) for event in house.events if isinstance(event, FaultCleared)]


def test_a_backend_without_a_process_of_its_own_is_not_ended(house) -> None:
    """It would be the lab itself."""
    with pytest.raises(FaultRefused, match="`killed` on core: its backend has no process of its"):
        house.arm(Killed(service="core"))
    assert house.proxy.mode == "open"


def test_a_process_is_frozen_before_the_fault_is_told_and_goes_on_behind_it(house, process) -> None:
    """What it does is never done while the history says that it can do nothing."""
    client, backend = house.connect()
    client.says(GET)
    assert house.arm(Frozen(service="core")) == "a process in a test, the test"
    assert (process.log, process.kinds) == (["freeze"], ["RequestComplete"])
    fired = [event for event in house.events if isinstance(event, FaultFired)]
    assert [(event.on, event.request) for event in fired] == [("request", 1)]
    house.proxy.clear(1)
    assert (process.log[1:], process.kinds[1:]) == (["thaw"], ["FaultCleared"])
    backend.says(OK)
    assert client.took() == OK
    house.proxy.clear(1)
    assert process.log == ["freeze", "thaw"]


def test_nothing_passes_while_a_process_is_being_frozen(house, process) -> None:
    """Not what it still says, nor what it could still take: the history says that it is frozen."""
    process.takes_time = True
    live, first = house.connect()
    live.says(GET)
    house.arm(Frozen(service="core"))
    new, second = house.connect()
    new.says(GET)
    assert (first.paused, second.paused, first.took(), second.took()) == (True, True, GET, b"")
    process.frozen()
    assert (first.paused, second.paused, second.took()) == (False, False, GET)
    house.proxy.clear(1)
    assert process.log == ["freeze", "thaw"]


def test_a_backend_cut_from_its_proxy_leaves_requests_without_an_answer(house, process) -> None:
    """Those under way and those that come; connects are answered, and it ends when packets pass."""
    client, _ = house.connect()
    client.says(GET)
    mechanism = house.arm(Partition(service="core", between="proxy"))
    assert mechanism == "packet filter before a process in a test, cut from proxy"
    new, _ = house.connect()
    new.says(GET)
    fired = [event for event in house.events if isinstance(event, FaultFired)]
    assert [(event.on, event.conn) for event in fired] == [("request", 1), ("request", 2)]
    assert house.proxy.mode == "open"
    house.proxy.clear(1)
    assert (process.log, cleared(house)) == (
        ["cut proxy to_client to_backend", "join proxy"],
        [],
    )
    process.joined(4)
    assert cleared(house) == [(1, "")]


def test_a_backend_without_its_network_gets_no_request_either(house, process) -> None:
    """The history tells that this was no filter."""
    mechanism = house.arm(Partition(service="core", between="network"))
    assert mechanism == "a process in a test, disconnected from its network"
    client, _ = house.connect()
    client.says(GET)
    fired = [event.on for event in house.events if isinstance(event, FaultFired)]
    assert (fired, process.log) == (["request"], ["cut network to_client to_backend"])


def test_a_backend_is_not_parted_without_the_right_to_filter(house, process) -> None:
    """It is told before a story begins, and the engine itself needs none to take its network."""
    house.net.lacking["part"] = "no backend can be parted from others: no right"
    with pytest.raises(FaultRefused, match=r"`partition`: no backend can be parted .*: no right"):
        house.proxy.demand_fit([Partition(service="core", between="nis")])
    house.proxy.demand_fit([Partition(service="core", between="network")])


def test_packets_lost_between_two_backends_are_what_that_fault_did(house, process) -> None:
    """No request can be said to have met it; where none was lost it has not acted."""
    client, _ = house.connect()
    for number, lost in ((1, 3), (2, 0)):
        fault = Partition(service="core", between="nis", direction="to_client")
        assert house.arm(fault, number).endswith("cut from nis, to_client")
        client.says(GET)
        house.proxy.clear(number)
        process.joined(lost)
    fired = [event for event in house.events if isinstance(event, FaultFired)]
    assert [(event.fault, event.on, event.conn) for event in fired] == [(1, "bytes", None)]


def test_a_backend_without_a_network_of_its_own_is_cut_from_nothing(house, process) -> None:
    """The message says where it can be."""
    process.network = None
    with pytest.raises(
        FaultRefused, match=r"between core and nis: .* in `--env docker` those have"
    ):
        house.arm(Partition(service="core", between="nis"))
    assert process.log == []


@pytest.mark.parametrize(
    ("fault", "how", "signal"),
    [(Stopped(service="core"), "stop", "SIGTERM"), (Killed(service="core"), "kill", "SIGKILL")],
)
def test_a_process_ends_when_nobody_can_connect_any_more(
    house, process, fault, how, signal
) -> None:
    """And what its kernel does to its connections is the fault's."""
    client, backend = house.connect()
    assert house.arm(fault) == f"a process in a test, {signal}"
    assert (house.proxy.mode, process.log) == ("refusing", [how])
    backend.ends()
    process.ended()
    assert client.end == "fin"
    fired = [event for event in house.events if isinstance(event, FaultFired)]
    assert [(event.on, event.conn) for event in fired] == [("connection", 1)]
    house.proxy.clear(1)
    assert (process.log, cleared(house)) == ([how, "open"], [])
    process.served()
    assert (house.proxy.mode, cleared(house)) == ("open", [(1, "")])


def test_a_process_that_serves_is_kept_down_by_no_fault(house, process) -> None:
    """One fault's time is over before its process is back, and the next one comes in between."""
    house.arm(Stopped(service="core", lasts=1.0), 1)
    process.ended()
    house.arm(Killed(service="core", after=1.5), 2)
    house.net.move(1.5)
    process.ended()
    house.proxy.clear(2)
    process.served()
    assert process.log == ["stop", "open", "kill", "open"]
    assert cleared(house) == [(1, "its process serves again"), (2, "")]
    assert house.proxy.mode == "open"


def test_a_process_that_comes_back_is_frozen_by_what_came_meanwhile(house, process) -> None:
    """Or the history would say that it can do nothing while it serves."""
    house.arm(Killed(service="core", lasts=1.0), 1)
    process.ended()
    house.arm(Frozen(service="core", after=1.5), 2)
    house.net.move(1.5)
    process.served()
    assert process.log == ["kill", "open", "freeze", "freeze"]
    assert cleared(house) == [(1, "it lasted 1 s")]


def test_a_process_is_started_again_after_its_time(house, process) -> None:
    """Counted from its end; then the fault is over, and nothing more comes of it."""
    house.arm(Killed(service="core", restart=2, lasts=9))
    house.net.move(5)
    process.ended()
    house.net.move(1.9)
    assert process.log == ["kill"]
    house.net.move(0.1)
    assert process.log == ["kill", "open"]
    process.address = ("backend", 3)
    process.served()
    assert cleared(house) == [(1, "started again after 2s")]
    house.net.move(10)
    house.proxy.clear(1)
    assert process.log == ["kill", "open"]


def test_a_fault_that_is_replaced_starts_nothing_again(house, process) -> None:
    """The later one says when."""
    house.arm(Killed(service="core", restart=1), 1)
    process.ended()
    house.arm(Killed(service="core"), 2)
    process.ended()
    house.net.move(2)
    assert process.log == ["kill", "kill"]
    assert cleared(house) == [(1, "replaced")]


def test_what_comes_next_on_a_connection_goes_to_the_process_that_serves(house) -> None:
    """Where nothing is under way; the client notices nothing."""
    client, first = house.connect()
    client.says(GET)
    assert not house.proxy.at_rest
    first.says(OK)
    assert house.proxy.at_rest
    house.proxy.move(("elsewhere", 2))
    client.says(GET)
    house.net.move()
    second = house.net.backends[-1]
    assert (first.closed, second.took()) == (True, GET)
    second.says(OK)
    assert client.took() == OK + OK


def test_a_connection_that_is_being_made_to_a_backend_that_has_moved_is_dropped(house) -> None:
    """The one to the new place is used."""
    client = house.dialling()
    house.proxy.move(("elsewhere", 2))
    house.net.move()
    client.says(GET)
    dropped, used = house.net.backends
    assert (dropped.closed, used.took()) == (True, GET)


def test_a_delayed_answer_keeps_no_backend_from_moving(house) -> None:
    """It has been given."""
    client, backend = house.connect()
    house.arm(Latency(service="core", delay=1))
    client.says(GET)
    backend.says(OK)
    assert house.proxy.at_rest
    house.proxy.move(("elsewhere", 2))
    house.net.move(1)
    assert client.took() == OK
