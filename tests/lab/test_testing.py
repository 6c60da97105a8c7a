"""What a test holds, on a place without a network: counts, faults in force, and their words."""

from __future__ import annotations

import copy
import pickle
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest

from faultlab.faults import Fault, Latency, Partition, Refused, Stall, Status
from faultlab.lab.attempts import read
from faultlab.lab.backends.specification import Specification
from faultlab.lab.errors import EvidenceMissing, FaultError, SetupError, UsageError
from faultlab.lab.history import (
    AnyEvent,
    ConnectAttempted,
    ConnOpened,
    EffectApplied,
    FaultArmed,
    FaultCleared,
    FaultFired,
    Header,
    History,
    ListenerMode,
    RequestStarted,
    SubjectOpened,
    numbered,
)
from faultlab.lab.testing import Count, Lab, unfired
from faultlab.lab.tune import FAST


@dataclass
class Armed:
    """A handle of the paper place."""

    number: int
    mechanism: str = "paper"
    first: Future[AnyEvent] = field(default_factory=Future)


class Paper:
    """A place that only writes down; its clock goes on by a tick with every event."""

    name = "paper"

    def __init__(self) -> None:
        self.header = Header()
        self.recorded: list[AnyEvent] = []
        self.services: dict[str, Specification] = {}
        self.armed: dict[int, Fault] = {}
        self.gone = False
        self.closed = 0
        self.feeds: list[socket.socket] = []
        self._ticks = count(1)

    def __call__(self, *, header: Header, path: Path, feed: socket.socket) -> Paper:
        """Opens itself."""
        self.header = header
        self.feeds.append(feed)
        self.add(SubjectOpened)
        return self

    def add(self, kind: Callable[..., AnyEvent], **fields: Any) -> None:
        """One more event, a tick later."""
        self.recorded.append(kind(t=next(self._ticks) / 1000, **fields))

    def request(self, service: str, target: str = "/orders/7") -> None:
        """A request arrives on a connection of its own."""
        conn = len(self.recorded)
        self.add(ConnOpened, service=service, conn=conn, port=conn)
        self.add(RequestStarted, service=service, conn=conn, request=1, method="GET", target=target)

    def _there(self) -> None:
        if self.gone:
            raise SetupError("the lab process (pid 7) ended with code -9")

    def url(self, service: str) -> str:
        """Where it would be."""
        return f"http://127.0.0.1:{1000 + list(self.services).index(service)}"

    def serve(self, service: str, specification: Specification) -> str:
        """One more service."""
        self._there()
        self.services[service] = specification
        return self.url(service)

    def inject(
        self, number: int, fault: Fault, *, unfired: Literal["fail", "ok"] = "fail"
    ) -> Armed:
        """Armed on paper; the kind `stall` can't be."""
        self._there()
        if fault.kind == "stall":
            raise FaultError("no stall on paper")
        self.armed[number] = fault
        service = fault.service
        if fault.reach == "listener":
            self.add(ListenerMode, service=service, mode="refusing")
        self.add(FaultArmed, service=service, fault=number, name=fault.kind, text=fault.text())
        return Armed(number)

    def clear(self, *numbers: int) -> None:
        """Over."""
        self._there()
        for number in numbers or tuple(self.armed):
            fault = self.armed.pop(number, None)
            if fault is not None:
                self.add(FaultCleared, service=fault.service, fault=number, name=fault.kind)
                self.add(ListenerMode, service=fault.service, mode="open")

    def fresh(self) -> None:
        """Nothing to close."""

    def reset(self) -> None:
        """Nothing to reset."""

    def enter(self, phase: str) -> None:
        """No phases in a test."""

    def note(self, event: AnyEvent) -> None:
        """Recorded."""
        self.recorded.append(event)

    def clock(self) -> float:
        """Stands still."""
        return 0.0

    def barrier(self, flush: Callable[[int], None] | None = None) -> None:
        """Everything is recorded already."""
        self._there()

    def events(self) -> History:
        """The history so far."""
        return numbered(self.header, self.recorded)

    def close(self) -> History:
        """Closed."""
        self.closed += 1
        for feed in self.feeds:
            feed.close()
        return self.events()


@pytest.fixture
def paper() -> Paper:
    """The place."""
    return Paper()


@pytest.fixture
def lab(paper: Paper, tmp_path: Path) -> Iterator[Lab]:
    """A lab in it."""
    made = Lab(paper, name="test_orders.py::test_down", folder=tmp_path, seed=7)
    yield made
    made.close(judge=False)


# --- Count ---------------------------------------------------------------------------------------


def attempts(number: int) -> Count:
    """A count as the lab makes it."""
    return Count(number, what="attempts on orders", why="since the test began")


def test_a_count_is_an_int() -> None:
    """A test compares, adds, formats and looks it up as it would the number."""
    three = attempts(3)
    assert three == 3
    assert three + 1 == 4
    assert 2 < three <= 3
    assert {3: "x"}[three] == "x"
    assert hash(three) == hash(3)
    assert (repr(three), str(three), f"{three:03d}") == ("3", "3", "003")
    assert sorted([attempts(2), 1, attempts(0)]) == [0, 1, 2]


@pytest.mark.parametrize("copied", [lambda n: pickle.loads(pickle.dumps(n)), copy.deepcopy])
def test_a_count_travels_whole(copied: Callable[[Count], Count]) -> None:
    """A test distributed over processes may hand it on."""
    one = copied(attempts(1))
    assert (one, one.what, one.why) == (1, "attempts on orders", "since the test began")
    assert one.text == "1 attempt on orders"


@pytest.mark.parametrize(
    ("sign", "other", "line"),
    [
        ("==", 3, "4 attempts on orders != 3"),
        ("!=", 4, "4 attempts on orders == 4"),
        ("<", 3, "4 attempts on orders >= 3"),
        ("<=", 3, "4 attempts on orders > 3"),
        (">", 4, "4 attempts on orders <= 4"),
        (">=", 5, "4 attempts on orders < 5"),
        ("in", (1, 3), "4 attempts on orders not in (1, 3)"),
        ("not in", (4,), "4 attempts on orders in (4,)"),
        ("is", None, "4 attempts on orders is None"),
        ("==", attempts(1), "4 attempts on orders != 1 attempt on orders"),
    ],
)
def test_a_failed_comparison_says_what_was_counted(sign: str, other: object, line: str) -> None:
    """A bare `4 != 3` would send its reader into the code."""
    assert attempts(4).explain(sign, other) == [line, "since the test began"]


# --- what an unfired fault says ------------------------------------------------------------------


def said(paper: Paper, call: str = "CALL", elsewhere: tuple[str, ...] = ()) -> list[str]:
    """The lines for the only fault of the paper's history."""
    reading = read(paper.events())
    (record,) = reading.faults
    return unfired(reading, record, "test_orders.py:19", call, elsewhere).split("\n")


def test_an_unfired_fault_says_where_how_long_and_what_was_called(paper: Paper) -> None:
    """The usual mistake is another service or another moment; the numbers show which."""
    paper.request("orders")
    paper.inject(1, Refused(service="orders"))
    for _ in range(3):
        paper.request("payments")
    paper.clear()
    paper.request("orders")
    assert said(paper, 'lab.down("orders", unfired="ok")') == [
        "`refused` on orders (test_orders.py:19) was in force 0.007 s and never fired",
        "  meanwhile  0 connects to orders, 3 requests to payments",
        "  mend       arm it where the client calls; if no call is meant, say so:",
        '             lab.down("orders", unfired="ok")',
    ]


def test_an_unfired_scope_shows_the_requests_that_it_missed(paper: Paper) -> None:
    """A pattern that covers nothing is seen beside what was asked for."""
    paper.inject(1, Status(service="orders", code=503, endpoint="GET /order/*"))
    paper.request("orders", "/orders/7?full=1")
    assert said(paper)[1:3] == [
        '  armed as   code: 503, endpoint: "GET /order/*"',
        "  meanwhile  1 request to orders (GET /orders/7)",
    ]


def test_an_unfired_fault_tells_where_the_client_went_instead(paper: Paper) -> None:
    """A client that ignores the URL it was given calls somewhere else."""
    paper.inject(1, Latency(service="orders", delay=0.5))
    assert "  elsewhere  connects since the test began: 127.0.0.1:8080" in said(
        paper, elsewhere=("127.0.0.1:8080",)
    )


# --- faults in force -----------------------------------------------------------------------------


def test_a_block_fails_when_its_fault_never_fired(lab: Lab) -> None:
    """A test that passes without its fault has tested nothing."""
    with (
        pytest.raises(AssertionError, match=r"`refused` on core \(test_testing.py:\d+\)"),
        lab.down("core"),
    ):
        pass


def test_a_block_s_own_error_is_never_masked(lab: Lab) -> None:
    """What went wrong in the block is why the fault never fired."""
    with pytest.raises(KeyError), lab.down("core"):
        raise KeyError
    assert lab.close() is not None  # nor is it told at the end


def test_a_place_lost_inside_a_block_does_not_mask_its_error(lab: Lab, paper: Paper) -> None:
    """Which of the two came first is for the reader to see."""
    down = lab.down("core")
    paper.gone = True
    with pytest.raises(KeyError), down:
        raise KeyError


def test_an_unfired_fault_may_be_meant(lab: Lab) -> None:
    """A client that answers from its cache calls nobody."""
    with lab.down("core", unfired="ok") as down:
        assert down.fired == 0
    assert down.cleared


def test_a_fault_without_a_block_is_judged_at_the_end(lab: Lab, paper: Paper) -> None:
    """It ends with the test, and the test fails there."""
    lab.status("core", 503)
    with pytest.raises(AssertionError, match=r"`status` on core .* never fired"):
        lab.close()
    assert paper.armed == {}
    assert paper.closed == 1


@pytest.mark.parametrize(
    ("arm", "call"),
    [
        (lambda lab: lab.down("core"), 'lab.down("core", unfired="ok")'),
        (lambda lab: lab.slow("core", 0.5), 'lab.slow("core", 0.5, unfired="ok")'),
        (lambda lab: lab.status("core", 503), 'lab.status("core", 503, unfired="ok")'),
        (lambda lab: lab.partition("core"), 'lab.partition("core", unfired="ok")'),
        (
            lambda lab: lab.cut("core", "response_body"),
            'lab.cut("core", "response_body", unfired="ok")',
        ),
        (lambda lab: lab.inject(Refused(service="core")), 'lab.inject(..., unfired="ok")'),
    ],
)
def test_what_to_write_is_said_as_it_was_written(
    lab: Lab, arm: Callable[[Lab], Any], call: str
) -> None:
    """The reader pastes the line."""
    with pytest.raises(AssertionError) as caught, arm(lab):
        pass
    assert str(caught.value).split("\n")[-1].strip() == call


def test_what_an_unplugged_connection_hides_is_no_number(lab: Lab, paper: Paper) -> None:
    """What the client sent is still under way; 0 attempts would be a guess."""
    paper.request("core")
    lab.url("core")
    conn = paper.recorded[-1].conn
    with lab.partition("core", live="unplugged") as cut:
        paper.add(
            FaultFired,
            service="core",
            fault=cut.numbers[0],
            conn=conn,
            on="connection",
            heard=False,
        )
    with pytest.raises(EvidenceMissing, match="unknown: what was sent on 1 connection to core"):
        lab.attempts("core")
    paper.add(
        RequestStarted, service="core", conn=conn, request=2, method="GET", target="/orders/7"
    )
    assert lab.attempts("core") == 2
    with pytest.raises(EvidenceMissing, match="attempts on core while it was unplugged"):
        _ = cut.attempts


def test_clearing_twice_does_no_harm(lab: Lab, paper: Paper) -> None:
    """A block may be ended early by hand."""
    with lab.status("core", 503) as status:
        paper.add(FaultFired, service="core", fault=status.numbers[0])
        status.clear()
    assert sum(isinstance(event, FaultCleared) for event in lab.history) == 1
    assert repr(status) == "<Armed status on core (cleared)>"


def test_attempts_of_a_fault_are_those_on_its_service_while_in_force(
    lab: Lab, paper: Paper
) -> None:
    """A control call before it and a call elsewhere count only for the whole test."""
    lab.serve("orders", {"GET /orders/{id}": {}})
    paper.request("orders")
    with lab.status("orders", 503) as status:
        paper.request("orders")
        paper.request("core")
        paper.add(FaultFired, service="orders", fault=status.numbers[0])
    paper.request("orders")
    assert status.attempts == 1
    assert status.attempts.explain("==", 2) == [
        "1 attempt on orders != 2",
        "while status was in force, the first attempt included; wire below",
    ]
    assert (lab.attempts("orders"), lab.attempts("core"), lab.attempts()) == (3, 1, 4)


def test_several_faults_are_armed_all_or_none(lab: Lab, paper: Paper) -> None:
    """A half-armed test would pass or fail for the wrong reason."""
    with pytest.raises(FaultError, match="no stall on paper"):
        lab.inject(Status(service="core", code=503), Stall(service="core"))
    assert paper.armed == {}


def test_each_of_several_faults_must_fire(lab: Lab, paper: Paper) -> None:
    """One that acted proves nothing of the other."""
    with (
        pytest.raises(AssertionError, match="`latency` on penelope"),
        lab.inject(
            Status(service="core", code=503), Latency(service="penelope", delay=0.5)
        ) as both,
    ):
        paper.add(FaultFired, service="core", fault=both.numbers[0])


# --- evidence ------------------------------------------------------------------------------------


class Blind:
    """A Watch on a loop that hides its connects."""

    connects = "none: uvloop connects without the interpreter's audit event"


@pytest.fixture
def blind(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose Watch sees no connects."""
    monkeypatch.setattr(type(lab._watch), "connects", property(lambda watch: Blind.connects))
    return lab


@pytest.mark.parametrize(
    "ask",
    [
        lambda lab, down: lab.attempts("core"),
        lambda lab, down: lab.attempts(),
        lambda lab, down: down.attempts,
        lambda lab, down: down.fired,
        lambda lab, down: down.demand_fired(),
    ],
)
def test_refused_connects_that_nobody_saw_are_never_counted(
    blind: Lab, ask: Callable[[Lab, Any], object]
) -> None:
    """A guess of 0 would pass `== 0` and fail a sound client."""
    with pytest.raises(EvidenceMissing) as caught:
        ask(blind, blind.down("core"))
    assert str(caught.value) == (
        "unknown: connects to core, which reach no proxy when refused\n"
        "  seen       uvloop connects without the interpreter's audit event\n"
        "  mend       run the client on asyncio's own loop"
    )


def test_other_counts_need_no_connects(blind: Lab, paper: Paper) -> None:
    """What the proxy saw is known on any loop."""
    blind.down("core", unfired="ok")
    paper.request("penelope")
    assert blind.attempts("penelope") == 1


def test_a_connect_that_met_a_switch_is_never_guessed(lab: Lab, paper: Paper) -> None:
    """Vanished while the listener was open: nobody knows what became of it."""
    url = lab.url("core")
    port = int(url.rpartition(":")[2])
    paper.add(ListenerMode, service="core", mode="open")
    paper.add(ConnectAttempted, service="core", port=port, local=5)
    with pytest.raises(EvidenceMissing, match="unknown: what became of 1 connect to core"):
        lab.attempts("core")


def test_effects_of_a_server_of_one_s_own_are_not_known(lab: Lab, paper: Paper) -> None:
    """It keeps no ledger; the other services still do."""
    lab.serve("orders", "http://127.0.0.1:9")
    paper.add(EffectApplied, service="core")
    assert lab.effects("core") == 1
    for service in ("orders", None):
        with pytest.raises(EvidenceMissing, match="unknown: effects on orders"):
            lab.effects(service)


# --- the lab's own messages ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda lab: lab.url("order"),
        lambda lab: lab.down("order"),
        lambda lab: lab.attempts("order"),
        lambda lab: lab.effects("order"),
    ],
)
def test_an_unknown_service_is_named_with_the_known_ones(
    lab: Lab, use: Callable[[Lab], object]
) -> None:
    """A misspelt name that counted 0 would pass."""
    lab.serve("orders", {"GET /orders/{id}": {}})
    with pytest.raises(UsageError) as caught:
        use(lab)
    assert str(caught.value) == (
        "'order' is not served in this test\n"
        "  expected   core, orders, penelope\n"
        '  mend       lab.serve("order", {"GET /path": {...}})'
    )


def test_a_service_is_served_once(lab: Lab) -> None:
    """The second routes would silently not be those that answer."""
    url = lab.url("core")
    with pytest.raises(UsageError, match=f"^'core' is served already in this test, at {url}\n"):
        lab.serve("core", {"GET /health": {}})


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (lambda lab: lab.serve("", {}), "lab.serve: a service needs a name"),
        (lambda lab: lab.serve("orders", {"GET": {}}), "lab.serve('orders', ...): "),
        (lambda lab: lab.status("core", 99), "lab.status: code: "),
        (lambda lab: lab.slow("core", -1), "lab.slow: delay: "),
        (lambda lab: lab.cut("core", "body"), "lab.cut: at: "),
        (lambda lab: lab.down("core", live="hold"), "lab.down: live: "),
        (lambda lab: lab.partition("core", live="gone"), "lab.partition: live: "),
        (lambda lab: lab.down("core", unfired="no"), "unfired='no'"),
        (lambda lab: lab.inject(), "lab.inject() arms nothing"),
        (lambda lab: lab.inject("refused"), "lab.inject: 'refused' is no fault"),
        (lambda lab: lab.inject(Partition), "lab.inject: <class"),
    ],
)
def test_a_wrong_value_is_one_message_and_arms_nothing(
    lab: Lab, paper: Paper, use: Callable[[Any], object], text: str
) -> None:
    """It names the call and the parameter, whoever built the value."""
    with pytest.raises((FaultError, UsageError)) as caught:
        use(lab)
    assert str(caught.value).startswith(text)
    assert paper.armed == {}


def test_a_lab_tells_its_settings(lab: Lab, paper: Paper) -> None:
    """They stand in the history too, so that a kept one says what it was."""
    lab.url("core")
    assert (lab.env, lab.seed, lab.tune) == ("paper", 7, FAST)
    assert (paper.header.seed, paper.header.run) == (7, "test")
    assert set(paper.header.versions) == {"faultlab", "python"}
    assert repr(lab) == "<Lab of test_orders.py::test_down: core>"


def test_a_closed_lab_keeps_its_history_and_serves_nothing(lab: Lab) -> None:
    """A thread that outlives its test is told so."""
    lab.url("core")
    assert lab.close() is lab.history
    with pytest.raises(UsageError, match="this test is over"):
        lab.serve("orders", {"GET /orders": []})
    with pytest.raises(UsageError, match="this test is over"):
        lab.down("core")


def test_a_lost_place_is_said_once_and_everything_is_closed(lab: Lab, paper: Paper) -> None:
    """The test that did not notice must not pass; what was recorded is shown."""
    lab.status("core", 503)
    paper.gone = True
    with pytest.raises(SetupError, match="ended with code -9"):
        lab.close()
    assert paper.closed == 1
    history, text = lab.report()
    assert len(history) == 2
    assert text.endswith("  the lab process (pid 7) ended with code -9")


def test_a_long_history_is_shown_by_its_ends(lab: Lab, paper: Paper) -> None:
    """The report says how much it left out; the file has it all."""
    for number in range(100):
        paper.request("core", f"/n/{number}")
    history, text = lab.report()
    lines = text.split("\n")
    assert len(history) == 201
    assert len(lines) == 1 + 20 + 1 + 40
    assert "/n/0" in lines[1]
    assert lines[21].strip() == "... 40 rows left out; the file has them ..."
    assert "/n/99" in lines[-1]


def test_a_test_that_outlasts_its_limit_loses_its_services_and_fails(
    paper: Paper, tmp_path: Path
) -> None:
    """A blocked call must return, and a pass after it would prove nothing."""
    lab = Lab(paper, name="test", folder=tmp_path, limit=60)
    lab.url("core")
    lab._take_away()  # what the timer calls
    assert [fault.kind for fault in paper.armed.values()] == ["refused"]
    with pytest.raises(AssertionError, match=r"^the test's limit of 60 s passed"):
        lab.close()
