"""A play's steps, in the time of the test; it plays for real in tests/wire/run/test_play.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from importlib.metadata import version
from platform import python_version
from typing import Any

import pytest

from faultlab.faults import Killed, Refused
from faultlab.lab.contract import builtin
from faultlab.lab.errors import SetupError
from faultlab.lab.history import ClockSet, Header, History, OpInvoked, OpUnknown, RunEnded
from faultlab.lab.plan import Clear, Enter, Fresh, Inject, Operate, Plan, Renew, SetClock, Wait
from faultlab.lab.play import Play, RealClock, header

LIMIT = 20.0
PLAN = Plan(
    scenario="down",
    file="down.yaml",
    title="Down",
    subject="orders",
    contract="httpx",
    environment="embedded",
    tune="fast",
    seed=7,
    services=("orders",),
    steps=(),
    limit=LIMIT,
)


def read(*ids: int) -> Operate:
    """Operations of a client."""
    return Operate(
        ids=ids,
        name="read",
        service="orders",
        method="GET",
        path="/orders/7",
        idempotent=True,
        expect=("ok",),
        phase="control",
        line=2,
    )


class Beside:
    """Clock, environment and client of one play; `log` has what was done, and when."""

    start = 0.0
    connects = ""
    name = "embedded"

    def __init__(self) -> None:
        self.time = 0.0
        self.stopped = False
        self.log: list[tuple[float, str]] = []
        self.noted: list[Any] = []
        self.lasts: dict[int, float] = {}  # seconds of an operation, by its id; others take none
        self.restarts: float | None = None  # when a server that was ended is back
        self.clears = 0.0  # seconds that a clear takes
        self.seeds: list[int] = []  # of each opening

    def does(self, what: str) -> None:
        """Note it."""
        self.log.append((self.time, what))

    # the clock

    def now(self) -> float:
        """As the test says."""
        return self.time

    def wait(self, seconds: float) -> bool:
        """It passes."""
        if not self.stopped:
            self.time += seconds
        return self.stopped

    def until(self, done: Future[Any], seconds: float) -> bool:
        """A server may be back meanwhile."""
        self.time += seconds
        if self.restarts is not None and self.time >= self.restarts and not done.done():
            done.set_result(None)
        return done.done()

    def set_wall(self, seconds: float) -> None:
        """Note it."""
        self.does(f"wall {seconds:+g}")

    def stop(self) -> None:
        """For good."""
        self.stopped = True

    # the environment

    def url(self, service: str) -> str:
        """Anywhere."""
        return f"http://{service}"

    def prepare(self, *faults: Any) -> None:
        """Nothing is to be done."""

    def demand_fit(self, *faults: Any) -> None:
        """All of them fit."""
        self.does(f"fit {faults[0].kind}")

    def inject(self, number: int, fault: Any, **_: Any) -> Any:
        """A handle of it."""
        self.does(f"inject {fault.kind}")
        return Armed(number)

    def clear(self, *_: int) -> None:
        """It may take a while."""
        self.does("clear")
        self.time += self.clears

    def barrier(self, flush: Callable[[int], None] | None = None) -> None:
        """Everything is recorded."""
        self.does("barrier" if flush is None else "settle")

    def enter(self, phase: str) -> None:
        """Note it."""
        self.does(f"enter {phase}")

    def note(self, event: Any) -> None:
        """Keep it."""
        self.noted.append(event)

    def clock(self) -> float:
        """Since the start."""
        return self.time

    def events(self) -> History:
        """What was invoked."""
        begun = [OpInvoked(t=0.0, op=op, name="read", service="orders") for op in self.lasts]
        return History(header=Header(), events=tuple(begun))

    def close(self) -> History:
        """An empty one."""
        self.does("end")
        return History(header=Header(), events=())

    def abandon(self) -> None:
        """Note it."""
        self.does("abandon")

    # the client

    def open(self, urls: Mapping[str, str], *, seed: int, **_: Any) -> None:
        """Note where it is sent, and what it draws by."""
        self.does(f"open {urls}")
        self.seeds.append(seed)

    def operate(
        self, calls: Sequence[tuple[int, str]], *, limit: float, **_: Any
    ) -> tuple[int, ...]:
        """Each takes as long as the test says."""
        self.does(f"operate {[op for op, _ in calls]} within {limit:g}")
        took = max(self.lasts.get(op, 0.0) for op, _ in calls)
        self.time += min(took, limit)
        return tuple(op for op, _ in calls if self.lasts.get(op, 0.0) > limit)

    def kill(self) -> None:
        """Note it."""
        self.does("kill")


class Client:
    """The client's side of that: `close` and `flush` are also the environment's names."""

    def __init__(self, beside: Beside) -> None:
        self.open = beside.open
        self.operate = beside.operate
        self.kill = beside.kill
        self._beside = beside

    def flush(self, token: int) -> None:
        """It has nothing."""

    def close(self, **_: Any) -> None:
        """Note it."""
        self._beside.does("leave")


class Armed:
    """A fault in force."""

    mechanism = "the test"

    def __init__(self, number: int) -> None:
        self.number = number
        self.first: Future[Any] = Future()
        self.over: Future[Any] = Future()


@pytest.fixture
def beside() -> Beside:
    """Nothing has happened."""
    return Beside()


def play(beside: Beside, *steps: Any, foreseen: Sequence[Any] = ()) -> Play:
    """A play of these steps."""
    client: Any = Client(beside)
    stage: Any = beside
    return Play(
        PLAN.model_copy(update={"steps": steps}),
        "armed",
        lambda *_: None,
        subject="orders",
        contract=builtin("httpx"),
        stage=stage,
        client=client,
        clock=beside,
        foreseen=foreseen,
    )


def done(beside: Beside) -> list[str]:
    """What was done, without the times."""
    return [what for _, what in beside.log]


OPEN = "open {'orders': 'http://orders'}"


def test_steps_are_carried_out_in_their_order(beside: Beside) -> None:
    """What has happened is recorded before the next phase, and before what comes meets another fault."""
    refused = Inject(id=1, fault=Refused(service="orders"), line=3)
    steps = (Enter(phase="fault"), refused, read(1, 2), Clear(line=4), Fresh(line=5), Renew(line=6))
    beside.fresh = lambda: beside.does("fresh")  # type: ignore[attr-defined]
    play(beside, *steps).play()
    assert done(beside)[:13] == [
        OPEN,
        "settle",
        "enter fault",
        "barrier",
        "inject refused",
        "operate [1, 2] within 20",
        "barrier",
        "clear",
        "barrier",
        "fresh",
        "leave",
        OPEN,
        "leave",
    ]
    assert done(beside)[-2:] == ["kill", "end"]
    assert [type(event) for event in beside.noted] == [RunEnded]


def test_the_wall_clock_is_set_behind_all_that_came_before_it(beside: Beside) -> None:
    """And the history says when, and how far."""
    play(beside, SetClock(seconds=-90.0, line=1)).play()
    assert done(beside)[:3] == [OPEN, "barrier", "wall -90"]
    assert beside.noted[0] == ClockSet(t=0.0, seconds=-90.0)


def test_the_machine_s_wall_clock_is_not_set() -> None:
    """Whatever plan asks for it."""
    with pytest.raises(SetupError, match="not the lab's to set"):
        RealClock().set_wall(1.0)


def test_each_opening_of_a_subject_draws_by_a_seed_of_its_own(beside: Beside) -> None:
    """A story opens it anew after each fault; its waits are to differ, and to repeat with the plan."""
    play(beside, Renew(line=1), Renew(line=2)).play()
    first, *later = beside.seeds
    assert first == PLAN.seed
    assert len({first, *later}) == 3
    again = Beside()
    play(again, Renew(line=1), Renew(line=2)).play()
    assert again.seeds == beside.seeds


def test_what_this_machine_cannot_do_is_asked_before_anything_is_played(beside: Beside) -> None:
    """A fault of a process needs that process, which only the play has that arms it."""
    killed = Inject(id=1, fault=Killed(service="orders"), line=3)
    faults = [Refused(service="orders"), killed.fault]
    play(beside, foreseen=faults).play()
    assert done(beside)[:2] == ["fit refused", OPEN]
    beside.log.clear()
    play(beside, killed, foreseen=faults).play()
    assert done(beside)[:3] == ["fit refused", "fit killed", OPEN]


def test_a_wait_takes_its_time_from_the_limit(beside: Beside) -> None:
    """A client that hangs is cut at the plan's limit, whatever was waited for before."""
    beside.lasts = {1: 99.0}
    play(beside, Wait(seconds=5.0, line=2), read(1)).play()
    assert (5.0, "operate [1] within 15") in beside.log
    assert beside.time == LIMIT


def test_an_operation_that_never_ends_is_unknown_and_its_client_ended(beside: Beside) -> None:
    """Nothing of it is closed in order: it does not listen."""
    beside.lasts = {1: 99.0}
    play(beside, read(1), read(2)).play()
    assert done(beside) == [OPEN, "operate [1] within 20", "settle", "kill", "kill", "end"]
    unknown = [event.op for event in beside.noted if isinstance(event, OpUnknown)]
    assert unknown == [1]


def test_what_a_server_takes_to_be_there_again_is_no_time_of_the_plan_s(beside: Beside) -> None:
    """Neither where a fault is cleared, nor where its restart is due in a wait."""
    beside.clears = 3.0
    beside.restarts = 9.0
    killed = Inject(id=1, fault=Killed(service="orders", restart=1.0), line=2)
    play(beside, killed, Wait(seconds=2.0, line=3), read(1), Clear(line=4), read(2)).play()
    waited = [what for _, what in beside.log if what.startswith("operate")]
    assert waited == ["operate [1] within 18", "operate [2] within 18"]
    assert beside.time > 12.0


def test_a_stopped_play_is_no_history(beside: Beside) -> None:
    """However far it had come; client and environment are let go of."""
    running = play(beside, Wait(seconds=60.0, line=2), read(1))
    running.abandon()
    with pytest.raises(SetupError, match="the run was stopped"):
        running.play()
    assert "operate [1] within 20" not in done(beside)
    assert beside.time == 0.0


def test_a_header_says_what_was_played() -> None:
    """A history without it can't be replayed, nor compared."""
    found = header(PLAN, "baseline")
    assert (found.scenario, found.seed, found.environment) == ("down", 7, "embedded")
    assert (found.tune, found.subject, found.run) == ("fast", "orders", "baseline")
    assert found.versions == {"faultlab": version("faultlab"), "python": python_version()}
    assert found.wall.endswith("+00:00")
